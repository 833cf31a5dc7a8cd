"""Every converter gives seqio's model features, packed and not; where it does not, it is on purpose, and said here."""

from __future__ import annotations

import pytest

from tests.compat.differential import converter_cases
from tests.compat.exact import without_words
from tests.compat.libraries import needs_seqio, number_of_cases

pytestmark = needs_seqio

CASES = converter_cases.cases(number_of_cases(28))
FAILING = ("too_long", "prepacked_rows_of_another_length", "wrong_table")


@pytest.fixture(scope="module")
def results(libraries):
    return libraries.run("converters", CASES)


def test_model_features_are_equal(results):
    for number, case in enumerate(CASES):
        ours, theirs = (without_words(results[library][number]) for library in ("evalkit", "seqio"))
        assert ours == theirs, {name: case[name] for name in ("kind", "converter", "arguments", "lengths")}


def test_only_what_cannot_be_converted_fails(results):
    """That no case is equal because neither library took it."""
    for case, result in zip(CASES, results["evalkit"], strict=True):
        assert "error" not in result or case["kind"] in FAILING, result
