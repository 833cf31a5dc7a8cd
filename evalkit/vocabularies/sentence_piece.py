"""SentencePiece models (https://github.com/google/sentencepiece), read by the library of that name.

The ids are those of `seqio.SentencePieceVocabulary`: sentinels are appended as pieces `<extra_id_0>` … in reverse
order, so that `<extra_id_0>` has the highest id, and a normaliser may be overridden. tensorflow-text is not needed;
texts are encoded in batches by the library. Where it is installed, `encode_tf` inside a graph is its operation, and
then the iterator over a tokenised dataset can be checkpointed. It has the library's code in it, so the ids are the
same, with one exception seen: of two segmentations with exactly equal scores ("33 3" and "3 33") it may take the other
one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, final

import tensorflow as tf

from evalkit.columns import Ragged
from evalkit.vocabularies import sentence_piece_model, tensorflow_text
from evalkit.vocabularies.cleaning import clean_ragged
from evalkit.vocabularies.sentence_piece_model import Model
from evalkit.vocabularies.vocabulary import Vocabulary


@final
class SentencePieceVocabulary(Vocabulary):
    """The pieces of a SentencePiece model, and `extra_ids` sentinels after them.

    A sentinel is recognised in text at the beginning of a word only ("butter and <extra_id_0>", not "jel<extra_id_0>").
    The model is read when it is first needed. Two vocabularies are equal if their models are, wherever the files lie.
    """

    in_graph_remedy = "pip install 'evalkit[text]' brings an operation with the same ids that has no such limit."

    def __init__(
        self,
        sentencepiece_model_file: str,
        extra_ids: int = 0,
        normalizer_spec_overrides: Any | None = None,
        reverse_extra_ids: bool = True,
        use_fast_tokenizer: bool = False,
    ) -> None:
        """Remembers where the model is.

        Args:
          sentencepiece_model_file: the model, on any file system that tf.io.gfile reads.
          extra_ids: how many sentinels to append.
          normalizer_spec_overrides: a `sentencepiece_model_pb2.NormalizerSpec`; what is set in it replaces the model's
            setting, both for normalising and denormalising.
          reverse_extra_ids: whether `<extra_id_0>` is the last id rather than the first sentinel.
          use_fast_tokenizer: accepted for seqio's sake, and without effect. There it selects tensorflow-text's
            FastSentencepieceTokenizer for `encode_tf`, whose ids differ from those of `encode`: for a BPE model in
            nearly every text, with byte fallback in some.
        """
        super().__init__(extra_ids=extra_ids)
        self._sentencepiece_model_file = sentencepiece_model_file
        self._normalizer_spec_overrides = normalizer_spec_overrides
        self._reverse_extra_ids = reverse_extra_ids
        self._model: Model | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_model": None}  # the library's objects cannot be pickled; they are loaded again

    def load_model(self) -> None:
        """Reads the model now rather than when it is needed.

        Raises:
          SourceError: the file cannot be read.
          DefinitionError: it is not a SentencePiece model.
        """
        self._loaded()

    def _loaded(self) -> Model:
        if self._model is None:
            overrides = self._normalizer_spec_overrides
            serialized = None if overrides is None else overrides.SerializeToString(deterministic=True)
            self._model = sentence_piece_model.load(
                self._sentencepiece_model_file, self._extra_ids, serialized, self._reverse_extra_ids
            )
        return self._model

    @property
    def sentencepiece_model_file(self) -> str:
        """Where the model is, as it was given."""
        return self._sentencepiece_model_file

    @property
    def sp_model(self) -> bytes:
        """The serialized model, sentinels and overrides included."""
        return self._loaded().serialized

    @property
    def tokenizer(self) -> Any:
        """The library's SentencePieceProcessor; one object for all vocabularies with equal content."""
        return self._loaded().tokenizer

    @property
    def tf_tokenizer(self) -> Any:
        """tensorflow-text's tokenizer, built at each access as a part of the graph that it is used in.

        Raises:
          MissingExtraError: tensorflow-text is not installed.
        """
        return tensorflow_text.sentencepiece_tokenizer(self.sp_model)

    @property
    def bos_id(self) -> int:
        """The model's id that begins a sequence; -1 where it has none."""
        return int(self.tokenizer.bos_id())

    @property
    def eos_id(self) -> int:
        """The model's id that ends a sequence; -1 where it has none."""
        return int(self.tokenizer.eos_id())

    @property
    def unk_id(self) -> int:
        """The model's id of unknown text."""
        return int(self.tokenizer.unk_id())

    @property
    def _base_vocab_size(self) -> int:
        return int(self.tokenizer.get_piece_size()) - self.extra_ids

    @property
    def _decodable_size(self) -> int:
        return self.vocab_size

    @property
    def encodes_in_graph(self) -> bool:
        """Whether tensorflow-text is installed."""
        return tensorflow_text.is_installed()

    def _encode(self, s: str | bytes) -> list[int]:
        ids: list[int] = self.tokenizer.EncodeAsIds(s)
        return ids

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.DecodeIds([int(i) for i in ids]))

    @property
    def _by_tensorflow_text(self) -> bool:
        # Outside of a graph it runs a hundred small operations for each call, which takes milliseconds.
        return self.encodes_in_graph and not tf.executing_eagerly()

    def _encode_tf(self, s: Any) -> Any:
        return self.tf_tokenizer.tokenize(s) if self._by_tensorflow_text else super()._encode_tf(s)

    def _decode_tf(self, ids: Any) -> Any:
        return self.tf_tokenizer.detokenize(ids) if self._by_tensorflow_text else super()._decode_tf(ids)

    def _encode_batch(self, texts: Sequence[str | bytes]) -> Ragged:
        return self._loaded().encode(texts)

    def _decode_batch(self, ids: Ragged) -> list[str]:
        return self._loaded().decode(clean_ragged(ids, self._decodable_size, self.eos_id, self.unk_id))

    def _content(self) -> bytes:
        return b"%d," % self.extra_ids + self.sp_model

    def __str__(self) -> str:
        digest = hashlib.md5(self.sp_model, usedforsecurity=False).hexdigest()
        return (
            f"SentencePieceVocabulary(file={self._sentencepiece_model_file}, extra_ids={self.extra_ids}, "
            f"spm_md5={digest})"
        )
