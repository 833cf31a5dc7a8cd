"""Scores on several devices and by several processes: the same as on one."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.inference.engine import Engine
from tests.inference.models import small_model
from tests.inference.processes import Raised, run_processes
from tests.inference.scored import mixed_rows

MODULE = "tests.inference.scored"


def test_scores_do_not_depend_on_the_number_of_devices():
    runs = [("learned", 1), ("learned", 2), ("learned", 4), ("learned", 8), ("encoder_decoder", 4)]
    [found] = run_processes(f"{MODULE}:on_several_devices", runs, devices=8, seconds=240)
    for (kind, count), sums in zip(runs, found, strict=True):
        model, params = small_model(kind)
        expected = Engine(model).score(params, mixed_rows(41, with_inputs=model.has_encoder)).sums
        np.testing.assert_allclose(sums, expected, atol=1e-5, rtol=0, err_msg=f"{kind}, {count} devices")


def test_two_processes_with_two_devices_each():
    counts = [1, 4, 7, 8, 16, 33]
    first, second = run_processes(f"{MODULE}:as_one_of_several", counts, processes=2, devices=2, seconds=240)
    assert first == second
    engine, params = Engine(small_model("learned").model, token_budget=256), small_model("learned").params
    for count in counts:
        alone = engine.score(params, mixed_rows(count))
        log_probs, best_ids, lengths = first[str(count)]
        assert lengths == alone.counts.tolist()
        assert best_ids == alone.best_ids.values.tolist()
        np.testing.assert_allclose(log_probs, alone.log_probs.values, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("which", "first", "second"),
    [
        ("every", ("RowError", "Row 1 of 3: tokens[1] is 37"), ("RowError", "Row 1 of 3: tokens[1] is 37")),
        ("one", ("ProcessError", "Row 2 of 3: tokens[0] is -3"), ("RowError", "Row 2 of 3: tokens[0] is -3")),
        ("other", ("ProcessError", "rows to be scored"), ("ProcessError", "rows to be scored")),
        ("nan", ("ModelError", "Row 0 of 3"), ("ModelError", "Row 0 of 3")),
    ],
)
def test_what_fails_fails_on_every_process(which, first, second):
    results = run_processes(f"{MODULE}:row_that_fails", which, processes=2, seconds=120)
    for result, (error, message) in zip(results, (first, second), strict=True):
        assert isinstance(result, Raised) and result.error == error, result
        assert message in result.message


def test_examples_that_one_process_cannot_read():
    first, second = run_processes(f"{MODULE}:examples_that_fail", processes=2)
    assert first.error == "ProcessError" and "decoder_loss_weights" in first.message
    assert second.error == "FeatureError"
