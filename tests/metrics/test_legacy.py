"""LegacyMetric: one batch that is the whole data set."""

from __future__ import annotations

import pytest

from evalkit import errors
from evalkit.metrics import LegacyMetric, ModelOutputType

EXAMPLES = [{"targets_pretokenized": "a"}, {"targets_pretokenized": "b"}]


def right(targets, predictions):
    return {"right": sum(map(str.__eq__, targets, predictions))}


def total(targets, scores):
    return {"total": sum(scores[0] if isinstance(scores, tuple) else scores)}


def upper(decoded, example, is_target):
    return decoded.upper() if is_target else decoded


def test_it_judges_the_batch_it_was_given():
    metric = LegacyMetric.empty(right, upper)
    assert metric.model_output_type is ModelOutputType.PREDICTION
    judged = metric.from_model_output(EXAMPLES, ["A", "b"], {})
    assert judged.compute() == {"right": 1}
    assert judged.targets_and_inferences == {"targets": ["A", "B"], "output": ["A", "b"], "prediction": ["A", "b"]}
    assert metric.postprocess_fn("a", example={}, is_target=True) == "A"


def test_the_metric_that_it_was_made_from_stays_empty():
    metric = LegacyMetric.empty(right)
    metric.from_model_output(EXAMPLES, ["a", "b"], {})
    with pytest.raises(errors.MetricError, match="'right' has seen no model outputs"):
        metric.compute()


def test_scores_may_come_with_intermediates():
    metric = LegacyMetric.empty(total)
    assert metric.model_output_type is ModelOutputType.SCORE
    assert metric.from_model_output(EXAMPLES, [1.0, 2.0], {}).compute() == {"total": 3.0}
    assert metric.from_model_output(EXAMPLES, ([1.0, 2.0], {"layer": ([1],)}), {}).compute() == {"total": 3.0}


def test_examples_may_be_read_only_once():
    assert LegacyMetric.empty(right, upper).from_model_output(iter(EXAMPLES), ["A", "B"], {}).compute() == {"right": 2}


def test_outputs_that_do_not_match_the_examples_are_refused():
    with pytest.raises(errors.MetricError, match="'right' was given 1 model outputs for 2 targets"):
        LegacyMetric.empty(right).from_model_output(EXAMPLES, ["a"], {}).compute()


def test_it_neither_pads_nor_merges_and_says_what_does():
    with pytest.raises(errors.MetricError, match="PassthroughLegacyMetric.from_metric_fn"):
        LegacyMetric.empty(right).from_model_output(EXAMPLES, ["a", "b"], {}, mask=[True, True])
    with pytest.raises(errors.MetricError, match="LegacyMetric cannot be merged"):
        LegacyMetric.empty(right).merge(LegacyMetric.empty(right))


def test_a_signature_that_fits_nothing_is_refused_at_once():
    with pytest.raises(errors.DefinitionError, match="cannot tell what it judges"):
        LegacyMetric.empty(lambda answers: {}, None)
