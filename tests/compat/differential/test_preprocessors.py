"""Every preprocessor, and every transform of datasets, gives seqio's examples."""

from __future__ import annotations

import pytest

from tests.compat.differential import preprocessor_cases
from tests.compat.exact import without_words
from tests.compat.libraries import needs_seqio, number_of_cases

pytestmark = needs_seqio

CASES = preprocessor_cases.cases(number_of_cases(30))


@pytest.fixture(scope="module")
def results(libraries):
    return libraries.run("preprocessors", CASES)


def test_examples_are_equal(results):
    for number, case in enumerate(CASES):
        ours, theirs = (without_words(results[library][number]) for library in ("evalkit", "seqio"))
        assert ours == theirs, {name: value for name, value in case.items() if name != "columns"}


def test_no_case_is_equal_because_neither_took_it(results):
    assert [result for result in results["evalkit"] if "error" in result] == []
