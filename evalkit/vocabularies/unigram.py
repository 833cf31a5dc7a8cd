"""A list of words as a vocabulary: labels of a classifier, or text that is split at spaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.vocabularies import python_encoding
from evalkit.vocabularies.vocabulary import Vocabulary

_PAD = "PAD"
_UNK = "UNK"


@final
class UnigramVocabulary(Vocabulary):
    """Word number `i` has id `i + 1`; 0 is padding, and the last id is of what is not in the list.

    Nothing ends a sequence. Padding and the unknown word have a text as any other, "PAD" and "UNK".

        >>> vocabulary = UnigramVocabulary(["entailment", "neutral"])
        >>> vocabulary.encode("neutral"), vocabulary.encode("contradiction")
        ([2], [3])
        >>> UnigramVocabulary(["to", "be"], split_on_space=True).decode([1, 2, 9])
        'to be UNK'
    """

    def __init__(self, unigrams: Sequence[str], split_on_space: bool = False) -> None:
        """Numbers the words.

        Args:
          unigrams: the words, each once, without those for padding and the unknown.
          split_on_space: whether a text is several words with a space between each two. If not, a text is one word;
            `decode` still joins the words of several ids, and `decode_tf` returns the first, as seqio's do.

        Raises:
          DefinitionError: a word that is given twice, is that of padding or the unknown, or is no text.
        """
        super().__init__()
        if isinstance(unigrams, str):
            raise errors.DefinitionError(f"Expected a list of words, found {unigrams!r}; put it in a list.")
        self._words = (_PAD, *unigrams, _UNK)
        self._split_on_space = split_on_space
        self._ids = {word: index for index, word in enumerate(self._words)}
        self._table: Any | None = None
        for index, word in enumerate(self._words):
            if not isinstance(word, str):
                raise errors.DefinitionError(f"unigrams[{index - 1}] is {word!r}; expected a text.")
            if self._ids[word] != index:
                raise errors.DefinitionError(
                    f"The word {word!r} is there twice; give each once, and neither {_PAD!r} nor {_UNK!r}."
                )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_table": None}  # a resource of the process

    @property
    def eos_id(self) -> None:
        """None: nothing ends a sequence."""
        return None

    @property
    def unk_id(self) -> int:
        """The id of a word that is not in the list, the last one."""
        return self._base_vocab_size - 1

    @property
    def _base_vocab_size(self) -> int:
        return len(self._words)

    def _encode(self, s: str | bytes) -> list[int]:
        text = s if isinstance(s, str) else s.decode("utf-8")
        words = text.split(" ") if self._split_on_space else [text]
        return [self._ids.get(word, self.unk_id) for word in words]

    def _decode(self, ids: Sequence[int]) -> str:
        return " ".join(self._words[int(i)] for i in ids)

    def _encode_tf(self, s: Any) -> Any:
        if isinstance(s, tf.RaggedTensor):
            return s.with_flat_values(self._encode_tf(s.flat_values))
        s = python_encoding.require_strings(self, s)
        words = tf.strings.split(s, " ") if self._split_on_space else tf.expand_dims(s, -1)
        return tf.cast(self._lookup_table().lookup(words), tf.int32)

    def _decode_tf(self, ids: Any) -> Any:
        shown = ids if self._split_on_space else ids[..., :1]
        return tf.strings.reduce_join(tf.gather(tf.constant(self._words), shown), axis=-1, separator=" ")

    def _lookup_table(self) -> Any:
        """From words to ids. It holds a resource, so it is built outside of whatever function is being traced."""
        with tf.init_scope():
            if self._table is not None and tf.executing_eagerly():
                return self._table
            known = tf.lookup.KeyValueTensorInitializer(
                tf.constant(self._words[:-1]), tf.range(self.unk_id, dtype=tf.int64)
            )
            table = tf.lookup.StaticVocabularyTable(known, num_oov_buckets=1)
            if tf.executing_eagerly():
                self._table = table
            return table

    def _content(self) -> bytes:
        return repr((self._split_on_space, self._words)).encode()
