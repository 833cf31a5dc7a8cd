"""Several real processes evaluate together: the first one judges and logs, and what it finds reaches all."""

from __future__ import annotations

from tests.evaluation.test_process_gather import run_processes


def test_what_the_first_process_finds_or_raises_reaches_all():
    first, second = run_processes("all_processes_worker.py")
    for result in (first, second):
        assert result["metrics"] == {"words": {"exact_match": 1.0}}
        assert (result["counts"]["total"], result["counts"]["correct"]) == (2, 2)
    assert "words-metrics.jsonl" in first["logged"]
    assert second["logged"] == []
    assert first["broken_metric"].startswith("EvaluationError") and "no such share" in first["broken_metric"]
    assert second["broken_metric"].startswith("ProcessError") and "no such share" in second["broken_metric"]
    assert first["lost_output"].startswith("ProcessError") and "process 1" in first["lost_output"]
    assert second["lost_output"].startswith("ModelOutputError")
    assert first["unpicklable"].startswith("MetricError: Sharing the metrics'") and "a lock" in first["unpicklable"]
    assert second["unpicklable"].startswith("ProcessError") and "process 0 has does not pickle" in second["unpicklable"]
    assert first["leaving"].startswith("ProcessError") and "process 1: SystemExit: time is up" in first["leaving"]
    assert second["leaving"] == "SystemExit: time is up"
    for result in (first, second):
        assert "A sweep runs in one process, and this is one of 2" in result["sweep"]
