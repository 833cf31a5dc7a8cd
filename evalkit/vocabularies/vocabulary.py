"""The interface between text and ids.

A vocabulary is asked in three ways: for one text (`encode`, `decode`), inside a TensorFlow graph (`encode_tf`,
`decode_tf`) and for many rows at once (`encode_batch`, `decode_batch`). Whoever writes one needs only the first:
`_encode`, `_decode` and the special ids. The other hooks are built on those, and may be replaced by something faster:

    class Letters(Vocabulary):                   # a whole vocabulary
        eos_id, unk_id, _base_vocab_size = 1, 2, 29
        def _encode(self, s): return [ord(letter) - 94 for letter in s]
        def _decode(self, ids): return "".join(chr(i + 94) for i in ids if i > 2)

Names, defaults and the cleaning of ids before decoding are seqio's (`seqio.vocabularies.Vocabulary`), so a subclass
written for seqio works unchanged. Differences: `bos_id` is None where it is not defined (there: NotImplementedError),
negative ids count as out of range, and every vocabulary can be hashed, compared by content and asked for `fingerprint`.
"""

from __future__ import annotations

import abc
import hashlib
import pickle
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from evalkit import errors
from evalkit.columns import Ragged
from evalkit.vocabularies import python_encoding
from evalkit.vocabularies.cleaning import clean_list, clean_tensor, listed

PAD_ID = 0

# Per-row methods and the batched hook that must agree with them.
_BATCHED_TWINS = {"_encode_batch": ("encode", "_encode"), "_decode_batch": ("decode", "_decode")}


class Vocabulary(abc.ABC):
    """Text to ids and back.

    Id 0 is padding. `_base_vocab_size` counts padding, EOS and unknown, but not the `extra_ids` (sentinels) at the end.
    Two vocabularies are equal if they are of one class and have the same content.
    """

    # What to do so that encoding needs no Python function in the graph; for the message of those that have one.
    in_graph_remedy = "A vocabulary that defines `_encode_tf` with TensorFlow operations has no such limit."

    def __init__(self, extra_ids: int = 0) -> None:
        """Reserves `extra_ids` sentinels.

        Raises:
          DefinitionError: their number is negative.
        """
        if extra_ids and extra_ids < 0:
            raise errors.DefinitionError(f"extra_ids={extra_ids} of {type(self).__name__}; expected 0 or more.")
        self._extra_ids = extra_ids or 0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A class that replaces how one row is handled must not inherit a batched hook that does it the old way.
        for hook, row_methods in _BATCHED_TWINS.items():
            if hook not in cls.__dict__ and any(name in cls.__dict__ for name in row_methods):
                setattr(cls, hook, getattr(Vocabulary, hook))
        # Python takes the hash from a class that defines `__eq__` alone, as vocabularies written for seqio do.
        if "__eq__" in cls.__dict__ and cls.__dict__.get("__hash__") is None:
            cls.__hash__ = Vocabulary.__hash__  # type: ignore[method-assign]

    @property
    def bos_id(self) -> int | None:
        """The id that begins a sequence; None where there is none."""
        return None

    @property
    @abc.abstractmethod
    def eos_id(self) -> int | None:
        """The id that ends a sequence; None where there is none."""

    @property
    def pad_id(self) -> int:
        """The id of padding."""
        return PAD_ID

    @property
    @abc.abstractmethod
    def unk_id(self) -> int | None:
        """The id that stands for what the vocabulary does not know; None where there is none."""

    @property
    def extra_ids(self) -> int:
        """How many sentinel ids are added at the end."""
        return self._extra_ids

    @property
    def vocab_size(self) -> int:
        """The number of ids, sentinels included."""
        return self._base_vocab_size + self.extra_ids

    @property
    @abc.abstractmethod
    def _base_vocab_size(self) -> int:
        """The number of ids, sentinels excluded."""

    @property
    def _decodable_size(self) -> int:
        """Ids from here on are unknown to `decode`; more than `_base_vocab_size` where sentinels have a text."""
        return self._base_vocab_size

    @abc.abstractmethod
    def _encode(self, s: Any) -> Sequence[int]:
        """The ids of one text, without EOS."""

    @abc.abstractmethod
    def _decode(self, ids: Any) -> Any:
        """The text of a list of cleaned ids."""

    def _encode_tf(self, s: Any) -> Any:
        """Ids of a string tensor of any rank, with one more dimension for the tokens."""
        if not tf.executing_eagerly():
            python_encoding.announce(type(self).__name__, self.in_graph_remedy)
        return python_encoding.encode_strings(self, s)

    def _decode_tf(self, ids: Any) -> Any:
        """Texts of cleaned ids `[..., length]`."""
        return python_encoding.decode_ids(self, ids)

    def _encode_batch(self, texts: Sequence[str | bytes]) -> Ragged:
        """Ids of many texts."""
        return Ragged.from_rows([self.encode(text) for text in map(_as_text, texts)])

    def _decode_batch(self, ids: Ragged) -> list[Any]:
        """Texts of many rows of ids, not yet cleaned."""
        return [self.decode(ids.row(index)) for index in range(ids.num_rows)]

    @property
    def encodes_in_graph(self) -> bool:
        """Whether `encode_tf` is made of TensorFlow operations only, so that iterators over it can be checkpointed."""
        return type(self)._encode_tf is not Vocabulary._encode_tf

    def encode(self, s: Any) -> Sequence[int]:
        """The ids of one text, without EOS."""
        return self._encode(s)

    def decode(self, ids: Iterable[int]) -> Any:
        """The text of one row of ids (a list, or a `[length]` array), up to and including the first EOS."""
        return self._decode(clean_list(listed(ids), self._decodable_size, self.eos_id, self.unk_id))

    def encode_tf(self, s: Any) -> Any:
        """Ids of a string tensor in a graph: `[length]` int32 for a scalar, ragged `[..., length]` for more."""
        return self._encode_tf(s)

    def decode_tf(self, ids: Any) -> Any:
        """Strings `[...]` of an integer tensor `[..., length]`, dense or ragged, each up to its first EOS."""
        if ids.shape == (0,):
            return tf.constant(b"")
        return self._decode_tf(clean_tensor(ids, self._decodable_size, self.eos_id, self.unk_id, self.pad_id))

    def encode_batch(self, texts: Sequence[str | bytes]) -> Ragged:
        """Ids of many texts; row `i` equals `encode(texts[i])`. Bytes are taken as UTF-8."""
        return self._encode_batch(texts)

    def decode_batch(self, ids: Ragged) -> list[Any]:
        """The texts of many rows of ids; element `i` equals `decode(ids.row(i))`."""
        return self._decode_batch(ids)

    def _content(self) -> bytes:
        """What tells this vocabulary from others of its class; by default the pickled state.

        Raises:
          Exception: whatever pickling raises; `fingerprint` explains it.
        """
        return pickle.dumps(self.__getstate__(), protocol=4)

    @property
    def fingerprint(self) -> str:
        """A hash of class and content, the same in every process.

        Raises:
          DefinitionError: the content of this class cannot be pickled.
        """
        name = f"{type(self).__module__}.{type(self).__qualname__}".encode()
        try:
            content = self._content()
        except (pickle.PicklingError, TypeError, AttributeError, NotImplementedError) as error:
            raise errors.DefinitionError(
                f"{type(self).__name__} has no fingerprint, since its content cannot be pickled ({error}). "
                "Define its property `fingerprint`: a text that differs when the ids differ."
            ) from error
        return hashlib.sha256(name + b"\0" + content).hexdigest()

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other) or not isinstance(other, Vocabulary):
            return False
        try:
            return self.fingerprint == other.fingerprint
        except errors.DefinitionError:
            return False

    def __hash__(self) -> int:
        # Whatever a subclass means by equal, equal vocabularies are of one class. There are never many of them.
        return hash(type(self).__qualname__)


def _as_text(text: Any) -> Any:
    if isinstance(text, np.bytes_ | bytes):
        return text.decode("utf-8")
    return text
