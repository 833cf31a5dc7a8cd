"""Few-shot, truncated and derived tasks have seqio's names, rates and examples; where not, it is on purpose."""

from __future__ import annotations

import pytest

from tests.compat.differential import derived_cases
from tests.compat.exact import without_words
from tests.compat.libraries import needs_seqio, number_of_cases

pytestmark = needs_seqio

CASES = derived_cases.cases(number_of_cases(49))


@pytest.fixture(scope="module")
def results(libraries):
    return libraries.run("derived_tasks", CASES)


def test_examples_are_equal(results):
    for number, case in enumerate(CASES):
        ours, theirs = (without_words(results[library][number]) for library in ("evalkit", "seqio"))
        assert ours == theirs, case


def test_no_case_is_equal_because_neither_took_it(results):
    assert [result for result in results["evalkit"] if "error" in result] == []
