"""Metrics equal seqio's bit for bit, on random tasks, outputs and orders."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compat.differential import evaluation, evaluation_cases
from tests.compat.libraries import needs_seqio, number_of_cases

pytestmark = needs_seqio

CASES = evaluation_cases.cases(number_of_cases(12))


@pytest.fixture(scope="module")
def results(libraries):
    return libraries.run("evaluation", CASES)


def test_metrics_are_bit_equal(results):
    for number, case in enumerate(CASES):
        ours, theirs = (results[library][number]["metrics"] for library in ("evalkit", "seqio"))
        assert ours == theirs, case["name"]


def comparable_rows(case: dict[str, Any], rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The logged rows without what seqio gets wrong: of scores with intermediates it logs all in the first row."""
    wrong = {f"{task['name']}-000007.jsonl" for task in case["tasks"] if task["intermediates"]}
    return {
        name: [{key: value for key, value in row.items() if key != "score" or name not in wrong} for row in lines]
        for name, lines in rows.items()
    }


def test_logged_rows_are_equal(results):
    for number, case in enumerate(CASES):
        ours, theirs = (comparable_rows(case, results[library][number]["rows"]) for library in ("evalkit", "seqio"))
        assert ours == theirs, case["name"]


def test_every_kind_of_metric_was_drawn():
    """That nothing above held because it was never tried."""
    drawn = {metric for case in CASES for task in case["tasks"] for metric in task["metrics"]}
    assert drawn == set(evaluation.METRICS)
