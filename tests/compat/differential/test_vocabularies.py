"""Vocabularies give seqio's ids, and protos have seqio's content."""

from __future__ import annotations

import importlib.util
import random
from typing import Any

from tests.compat.libraries import needs_seqio, number_of_cases

pytestmark = needs_seqio

RANDOM = random.Random(3)
LETTERS = "thisaenuNÉé你!#[]ß\u0301\u200b\t😀"
WORDS = ["this", "that", "né", "PAD", "UNK", "apple", ""]
VOCABULARIES: dict[str, list[dict[str, Any]]] = {
    "FullCodepointVocabulary": [{}, {"extra_ids": 3}],
    "PartialCodepointVocabulary": [{"codepoints": [ord(letter) for letter in "thisa thé你"], "extra_ids": 2}],
    "UnigramVocabulary": [{"unigrams": WORDS[:3], "split_on_space": split} for split in (False, True)],
    "BertWordPieceVocabulary": [
        {},
        {"lower_case": True},
        {"split_unknown_characters": True, "normalization_form": "NFC"},
        {"max_bytes_per_word": 5, "keep_whitespace": True},
    ],
}


def text() -> str:
    if RANDOM.random() < 0.3:
        return " ".join(RANDOM.choices(WORDS, k=RANDOM.randint(0, 4)))
    return "".join(RANDOM.choices(f"{LETTERS} ", k=RANDOM.randint(0, 12)))


def vocabulary_cases(number: int) -> list[dict[str, Any]]:
    has_text = importlib.util.find_spec("tensorflow_text") is not None
    return [
        {"kind": kind, "arguments": arguments, "texts": [text() for _ in range(number)]}
        for kind, variants in VOCABULARIES.items()
        if has_text or kind != "BertWordPieceVocabulary"
        for arguments in variants
    ]


def value_of(dtype: str) -> Any:
    """Nothing that a sparse tensor leaves out: seqio cannot read one without values."""
    if dtype == "string":
        return RANDOM.choice(["a", "né"])
    number = RANDOM.randint(1, 9) * RANDOM.choice([-1, 1])
    return number / 4 if dtype == "float32" else number


def feature() -> dict[str, Any]:
    kind = RANDOM.choice(["dense", "dense", "ragged", "sparse"])
    dtype = RANDOM.choice(["int32", "int64", "float32", "string"])
    rank = RANDOM.randint(0 if kind == "dense" else 2, 3)

    def rows(shape: list[int]) -> Any:
        size, *rest = shape or [None]
        if size is None:
            return value_of(dtype)
        return [rows(rest) for _ in range(RANDOM.randint(1, 3) if kind == "ragged" else size)]

    return {"kind": kind, "dtype": dtype, "rank": rank, "rows": rows([RANDOM.randint(1, 3) for _ in range(rank)])}


def proto_cases(number: int) -> list[dict[str, Any]]:
    cases = []
    for _ in range(number):
        features = {name: feature() for name in ("inputs", "targets", "a/b")}
        sparse = any(feature["kind"] == "sparse" for feature in features.values())
        cases.append({"features": features, "store_shapes": sparse or RANDOM.random() < 0.5})
    return cases


def test_ids_and_texts_are_equal(libraries):
    cases = vocabulary_cases(number_of_cases(40))
    results = libraries.run("vocabularies", cases)
    for case, ours, theirs in zip(cases, results["evalkit"], results["seqio"], strict=True):
        assert ours["special"] == theirs["special"], case
        for found, expected, of in zip(ours["texts"], theirs["texts"], case["texts"], strict=True):
            assert found == expected, (case["kind"], case["arguments"], of)


def test_protos_are_equal_and_read_alike(libraries):
    cases = proto_cases(number_of_cases(40))
    results = libraries.run("protos", cases)
    for case, ours, theirs in zip(cases, results["evalkit"], results["seqio"], strict=True):
        assert ours == theirs, case
