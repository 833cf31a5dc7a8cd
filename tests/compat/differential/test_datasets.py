"""Tasks and mixtures give seqio's examples, order and seeds included: shuffled, sharded, repeated, cached, mixed."""

from __future__ import annotations

import pytest

from tests.compat.differential import dataset_cases
from tests.compat.differential.dataset_files import write_files
from tests.compat.exact import without_words
from tests.compat.libraries import needs_seqio, number_of_cases

pytestmark = needs_seqio

CASES = dataset_cases.cases(number_of_cases(21))


@pytest.fixture(scope="module")
def results(libraries):
    for case in CASES:
        write_files(libraries.folder, case)
    return libraries.run("datasets", CASES)


def test_examples_and_rates_are_equal(results):
    for number, case in enumerate(CASES):
        ours, theirs = (without_words(results[library][number]) for library in ("evalkit", "seqio"))
        assert ours == theirs, {name: value for name, value in case.items() if name != "tasks"}


def test_no_case_is_equal_because_neither_took_it(results):
    assert [result for result in results["evalkit"] if "error" in result] == []
    assert sum(len(result["examples"]) for result in results["evalkit"]) > 10 * len(CASES)
