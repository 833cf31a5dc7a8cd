"""Tokenizers of the Hugging Face `tokenizers` library (https://github.com/huggingface/tokenizers).

The package is optional. Which ids begin, end and pad a sequence is not part of a tokenizer file, only which tokens
exist; so the tokens are named when the vocabulary is made, and looked up at once. Sequences are always padded with 0 by
everything downstream, whatever the pad token's id is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from evalkit import errors
from evalkit.columns import Ragged
from evalkit.vocabularies.cleaning import clean_ragged
from evalkit.vocabularies.vocabulary import Vocabulary

try:
    import tokenizers
except ImportError:
    tokenizers = None  # type: ignore[assignment,unused-ignore]


@final
class HuggingFaceVocabulary(Vocabulary):
    """A `tokenizers.Tokenizer` as a vocabulary.

    Encoding adds no special tokens (EOS is appended by preprocessors, where a feature asks for it); decoding leaves out
    those that the tokenizer marks as special.
    """

    def __init__(
        self,
        tokenizer: Any,
        eos_token: str | None = None,
        pad_token: str | None = None,
        unk_token: str | None = None,
        bos_token: str | None = None,
        extra_ids: int = 0,
    ) -> None:
        """Loads the tokenizer and looks its special tokens up.

        Args:
          tokenizer: a `tokenizers.Tokenizer`, or the path of a `tokenizer.json`.
          eos_token: the token that ends a sequence, for instance "</s>"; None if nothing does.
          pad_token: the token of padding; 0 is the id where it is None.
          unk_token: the token that ids out of range decode to; None to drop them.
          bos_token: the token that begins a sequence.
          extra_ids: how many sentinels to reserve after the tokenizer's ids; they have no text.

        Raises:
          MissingExtraError: the package `tokenizers` is not installed.
          SourceError: the file cannot be read as a tokenizer.
          DefinitionError: a token is not in the tokenizer's vocabulary.
        """
        super().__init__(extra_ids=extra_ids)
        if tokenizers is None:
            raise errors.missing_extra("tokenizers", "huggingface", "HuggingFaceVocabulary")
        self._tokenizer = _without_padding(_loaded(tokenizer) if isinstance(tokenizer, str) else tokenizer)
        self._eos_id = self._id_of("eos_token", eos_token)
        self._pad_id = self._id_of("pad_token", pad_token)
        self._unk_id = self._id_of("unk_token", unk_token)
        self._bos_id = self._id_of("bos_token", bos_token)

    def _id_of(self, argument: str, token: str | None) -> int | None:
        if token is None:
            return None
        found: int | None = self._tokenizer.token_to_id(token)
        if found is None:
            raise errors.DefinitionError(
                f"{argument}={token!r} is not a token of this tokenizer ({self._base_vocab_size} tokens). "
                f"Nearest: {errors.nearest_names(token, self._tokenizer.get_vocab())}. Add it with add_special_tokens."
            )
        return found

    @property
    def tokenizer(self) -> Any:
        """The `tokenizers.Tokenizer`, without padding and truncation."""
        return self._tokenizer

    @property
    def eos_id(self) -> int | None:
        """The id of `eos_token`."""
        return self._eos_id

    @property
    def bos_id(self) -> int | None:
        """The id of `bos_token`."""
        return self._bos_id

    @property
    def unk_id(self) -> int | None:
        """The id of `unk_token`."""
        return self._unk_id

    @property
    def pad_id(self) -> int:
        """The id of `pad_token`, 0 without one."""
        return self._pad_id or 0

    @property
    def _base_vocab_size(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def _encode(self, s: str | bytes) -> list[int]:
        ids: list[int] = self._tokenizer.encode(_text(s), add_special_tokens=False).ids
        return ids

    def _decode(self, ids: Sequence[int]) -> str:
        return self._decode_batch(Ragged.from_rows([[int(i) for i in ids]], "int64"))[0]

    def _encode_batch(self, texts: Sequence[str | bytes]) -> Ragged:
        encodings = self._tokenizer.encode_batch([_text(text) for text in texts], add_special_tokens=False)
        return Ragged.from_rows([encoding.ids for encoding in encodings])

    def _decode_batch(self, ids: Ragged) -> list[str]:
        ids = clean_ragged(ids, self._decodable_size, self.eos_id, self.unk_id)
        rows = [ids.row(index) for index in range(ids.num_rows)]
        # Without an unknown token, ids out of range are still there. The library rejects negative ones.
        known = [row[(row >= 0) & (row < self._base_vocab_size)].tolist() for row in rows]
        texts: list[str] = self._tokenizer.decode_batch(known, skip_special_tokens=True)
        return texts

    def _content(self) -> bytes:
        ids = (self._eos_id, self._pad_id, self._unk_id, self._bos_id, self.extra_ids)
        return f"{ids}{self._tokenizer.to_str()}".encode()


def _text(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("utf-8")


def _without_padding(tokenizer: Any) -> Any:
    """A copy that neither pads nor truncates: a row's ids must not depend on the rows beside it."""
    copy = tokenizers.Tokenizer.from_str(tokenizer.to_str())
    copy.no_padding()
    copy.no_truncation()
    return copy


def _loaded(path: str) -> Any:
    try:
        return tokenizers.Tokenizer.from_file(path)
    except Exception as error:  # the library raises plain Exception
        raise errors.SourceError(
            f"{path!r} cannot be read as a tokenizer: {error}. Expected the `tokenizer.json` of a fast tokenizer."
        ) from error
