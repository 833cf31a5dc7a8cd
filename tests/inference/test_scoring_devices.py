"""Scores on several devices and by several processes: the same as on one."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.inference.engine import Engine
from tests.inference.models import small_model
from tests.inference.processes import Raised, run_in_turn, run_processes
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


FAILURES = {
    "every_row": (("RowError", "Row 1 of 3: tokens[1] is 37"), ("RowError", "Row 1 of 3: tokens[1] is 37")),
    "one_row": (("ProcessError", "Row 2 of 3: tokens[0] is -3"), ("RowError", "Row 2 of 3: tokens[0] is -3")),
    "other_row": (("ProcessError", "rows to be scored"), ("ProcessError", "rows to be scored")),
    "nan_row": (("ModelError", "Row 0 of 3"), ("ModelError", "Row 0 of 3")),
    "examples_that_fail": (("ProcessError", "decoder_loss_weights"), ("FeatureError", "decoder_loss_weights")),
}


@pytest.fixture(scope="module")
def failed():
    """What came of each, in the two processes."""
    return run_in_turn(f"{MODULE}:{','.join(FAILURES)}", processes=2, seconds=120)


@pytest.mark.parametrize("which", FAILURES)
def test_what_fails_fails_on_every_process(failed, which):
    for result, (error, message) in zip(failed[which], FAILURES[which], strict=True):
        assert isinstance(result, Raised) and result.error == error, result
        assert message in result.message
