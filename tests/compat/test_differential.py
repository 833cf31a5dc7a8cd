"""Metrics equal seqio's bit for bit, on random tasks, outputs and orders.

Needs an interpreter with seqio 0.0.20, named by EVALKIT_SEQIO_PYTHON; CI sets one up. To try more cases than these:
`EVALKIT_DIFFERENTIAL_CASES=500 pytest tests/compat/test_differential.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.compat import differential_cases, differential_worker

ROOT = Path(__file__).parents[2]
SEQIO = os.environ.get("EVALKIT_SEQIO_PYTHON", "")
COUNT = int(os.environ.get("EVALKIT_DIFFERENTIAL_CASES", "24"))

pytestmark = pytest.mark.skipif(not SEQIO, reason="EVALKIT_SEQIO_PYTHON names no interpreter that has seqio")


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict[str, Any]:
    """`{library: {case: what it gave}}`."""
    folder = tmp_path_factory.mktemp("differential")
    cases = differential_cases.cases(COUNT)
    (folder / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
    differential_worker.train_vocabulary(
        folder, [text for case in cases for task in case["tasks"] for row in task["rows"] for text in row.values()]
    )
    processes = {
        subject: subprocess.Popen(
            [python, "-m", "tests.compat.differential_worker", subject, folder / "cases.json", folder / subject],
            cwd=ROOT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for subject, python in (("seqio", SEQIO), ("evalkit", sys.executable))
    }
    errors = {subject: process.communicate()[1] for subject, process in processes.items()}
    for subject, process in processes.items():
        assert process.returncode == 0, f"{subject}: {errors[subject][-3000:]}"
    return {subject: json.loads((folder / subject).read_text()) for subject in processes}


def test_metrics_are_bit_equal(results):
    assert {name: case["metrics"] for name, case in results["evalkit"].items()} == {
        name: case["metrics"] for name, case in results["seqio"].items()
    }


def comparable_rows(case: dict[str, Any], rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The logged rows without what seqio gets wrong: of scores with intermediates it logs all in the first row."""
    wrong = {f"{task['name']}-000007.jsonl" for task in case["tasks"] if task["intermediates"]}
    return {
        name: [{key: value for key, value in row.items() if key != "score" or name not in wrong} for row in lines]
        for name, lines in rows.items()
    }


def test_logged_rows_are_equal(results):
    for case in differential_cases.cases(COUNT):
        ours, theirs = (comparable_rows(case, results[subject][case["name"]]["rows"]) for subject in results)
        assert ours == theirs, case["name"]


def test_every_kind_of_metric_was_drawn():
    """That nothing above held because it was never tried."""
    drawn = {metric for case in differential_cases.cases(COUNT) for task in case["tasks"] for metric in task["metrics"]}
    assert drawn == set(differential_worker.METRICS)
