"""Encodes and decodes the texts of a case with one vocabulary; runs in both interpreters."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import tensorflow as tf

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "thi", "##is", "Né"]
PIECES += [prefix + letter for prefix in ("", "##") for letter in "thisaené你!#[]uß"]


def run(lib: ModuleType, case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The size and the special ids, and of every text what encoding and decoding make of it."""
    vocabulary = _made(lib, case, folder)
    special = [vocabulary.vocab_size, vocabulary.unk_id, vocabulary.eos_id, vocabulary.pad_id]
    texts = [_of_text(vocabulary, text, case["kind"]) for text in case["texts"]]
    return {"special": [None if value is None else int(value) for value in special], "texts": texts}


def _made(lib: ModuleType, case: dict[str, Any], folder: Path) -> Any:
    make = getattr(lib.vocabularies, case["kind"])
    if case["kind"] != "BertWordPieceVocabulary":
        return make(**case["arguments"])
    path = folder / "vocab.txt"
    path.write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    return make(str(path), end_of_sequence_id=3, **case["arguments"])


def _of_text(vocabulary: Any, text: str, kind: str) -> list[Any]:
    if kind == "BertWordPieceVocabulary":
        # seqio's `encode` makes a padded matrix of a text with words of several pieces; this is what it calls.
        ids = vocabulary.tokenizer.tokenize(text).flat_values.numpy().tolist()
        return [ids, vocabulary.encode(text) if "evalkit" in type(vocabulary).__module__ else ids]
    ids = [int(token) for token in vocabulary.encode(text)]
    in_graph = vocabulary.encode_tf(tf.constant(text)).numpy().tolist()
    return [ids, in_graph, vocabulary.decode(ids), *_decoded_in_graph(vocabulary, ids)]


def _decoded_in_graph(vocabulary: Any, ids: list[int]) -> list[str]:
    if not hasattr(vocabulary, "EOS_CODEPOINT"):
        return []  # seqio's decode_tf of a UnigramVocabulary takes nothing but vectors of one word
    return [vocabulary.decode_tf(tf.constant(ids, tf.int32)).numpy().decode()]
