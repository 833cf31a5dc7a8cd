"""Where preprocessors do not give seqio's examples, on purpose: what each gives."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compat.libraries import needs_seqio

pytestmark = needs_seqio


def ids(rows: Any, rank: int = 1) -> dict[str, Any]:
    return {"dtype": "int32", "rank": rank, "rows": [rows]}


def texts(rows: Any, rank: int, ragged: bool = False) -> dict[str, Any]:
    return {"dtype": "string", "rank": rank, "rows": [rows], "ragged": ragged}


BYTE = {"vocabulary": "byte", "add_eos": True}
PIECES = {"vocabulary": "sentencepiece", "add_eos": True}

# What is done to one example with the feature `inputs`; seqio's outcome and evalkit's, each the feature afterwards or
# the error.
DIFFERENCES: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "print_dataset works with Keras 3": (
        {"inputs": ids([3]), "step": ["print_dataset", {}]},
        "AttributeError",
        [3],
    ),
    "a name that rekey does not find is a ValueError": (
        {"inputs": ids([3]), "step": ["rekey", {"key_map": {"inputs": "absent"}}]},
        "KeyError",
        "ValueError",
    ),
    "so are inputs that truncate_inputs_left does not find": (
        {"targets": ids([3]), "step": ["truncate_inputs_left", {}], "lengths": {"inputs": 2}},
        "KeyError",
        "ValueError",
    ),
    "a template writes numbers out": (
        {"a": ids(3, 0), "step": ["preprocess_tensorflow_examples", {"inputs_format": "{a}!", "targets_format": ""}]},
        "TypeError",
        "3!",
    ),
    "a template's field that the examples lack is an error, not text": (
        {"a": ids(3, 0), "step": ["preprocess_tensorflow_examples", {"inputs_format": "{b}!", "targets_format": ""}]},
        "{b}!",
        "ValueError",
    ),
    "lists of texts of different lengths are encoded as bytes": (
        {"inputs": texts(["a", "bc"], 1), "step": ["tokenize", {}], "feature": BYTE},
        "InvalidArgumentError",
        [[100], [101, 102]],
    ),
    "an empty list of texts has no last text that EOS could end": (
        {"inputs": texts([["a"], []], 2, ragged=True), "step": ["tokenize_and_append_eos", {}], "feature": PIECES},
        "InvalidArgumentError",
        [[[259, 265, 1]], []],
    ),
    "ids that are tokenised again are a ValueError": (
        {"inputs": ids([3]), "step": ["tokenize", {}], "feature": PIECES},
        "TypeError",
        "ValueError",
    ),
    "a length of 0 leaves no room for EOS (seqio cuts one id and appends it)": (
        {"inputs": ids([5, 6, 7]), "step": ["append_eos_after_trim", {}], "feature": BYTE, "lengths": {"inputs": 0}},
        [5, 6, 1],
        "ValueError",
    ),
    "the last of several lengths leaves room for EOS": (
        {
            "inputs": ids([[5, 6, 7], [8, 9, 5]], 2),
            "step": ["append_eos_after_trim", {}],
            "feature": BYTE,
            "lengths": {"inputs": [3, 2]},
        },
        "TypeError",
        [[5, 1], [8, 1]],
    ),
    "cutting to a length of 0 on the left leaves nothing (seqio leaves everything)": (
        {"inputs": ids([5, 6, 7]), "step": ["truncate_inputs_left", {}], "lengths": {"inputs": 0}},
        [5, 6, 7],
        [],
    ),
    "cutting to no length on the left leaves everything": (
        {"inputs": ids([5, 6, 7]), "step": ["truncate_inputs_left", {}], "lengths": {"inputs": None}},
        "TypeError",
        [5, 6, 7],
    ),
    "padding to no length changes nothing": (
        {"inputs": ids([5, 6, 7]), "step": ["trim_and_pad_dataset", {"feature_lengths": {"inputs": None}}]},
        "TypeError",
        [5, 6, 7],
    ),
    "floats are not packed (seqio makes integers of them)": (
        {
            "inputs": {"dtype": "float32", "rank": 1, "rows": [[1.5, 2.5]]},
            "step": ["trim_and_pack_dataset", {"feature_lengths": {"inputs": 3}}],
        },
        [1, 2, 0],
        "ValueError",
    ),
}


@pytest.fixture(scope="module")
def different(libraries):
    cases = [
        {
            "columns": {name: case[name] for name in ("inputs", "targets", "a") if name in case},
            "features": {"inputs": case["feature"]} if "feature" in case else {},
            "steps": [case["step"]],
            "sequence_length": case.get("lengths"),
            "seed": None,
        }
        for case, _, _ in DIFFERENCES.values()
    ]
    results = libraries.run("preprocessors", cases)
    return {library: dict(zip(DIFFERENCES, found, strict=True)) for library, found in results.items()}


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_differences(different, difference):
    def short(result: dict[str, Any]) -> Any:
        return result.get("error") or result["examples"][0]["inputs"][-1]

    _, theirs, ours = DIFFERENCES[difference]
    assert (short(different["seqio"][difference]), short(different["evalkit"][difference])) == (theirs, ours)
