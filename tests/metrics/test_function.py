"""MetricFunction: a metric function, checked, with its own postprocess function."""

from __future__ import annotations

import dataclasses
import functools
import pickle

import pytest

from evalkit import errors, metrics
from evalkit.metrics import MetricFunction, ModelOutputType


def count_right(targets, predictions, weight=1):
    return {"right": weight * sum(map(str.__eq__, targets, predictions))}


def shout(decoded, example, is_target):
    return decoded.upper() if is_target else decoded


def test_name_and_output_type_come_from_the_function():
    function = MetricFunction(functools.partial(count_right, weight=2))
    assert (function.name, function.model_output_type) == ("count_right", ModelOutputType.PREDICTION)
    assert MetricFunction(count_right, name="mine").name == "mine"


def test_it_is_called_by_keyword():
    function = MetricFunction(functools.partial(count_right, weight=2))
    assert function(targets=["a", "b"], predictions=["a", "a"]) == {"right": 2}
    assert function.compute({"targets": ["a"], "predictions": ["a"]}) == {"right": 2}


def test_postprocess_is_the_identity_where_there_is_none():
    assert MetricFunction(count_right).postprocess("a", example={}, is_target=True) == "a"
    assert MetricFunction(count_right, postprocess_fn=shout).postprocess("a", example={}, is_target=True) == "A"


def test_equality_and_pickling_go_by_content():
    function = MetricFunction(count_right, postprocess_fn=shout)
    assert pickle.loads(pickle.dumps(function)) == function == MetricFunction(count_right, postprocess_fn=shout)
    assert function != MetricFunction(count_right)


def test_it_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        MetricFunction(count_right).name = "other"  # type: ignore[misc]


def test_a_signature_that_fits_nothing_is_refused_at_once():
    with pytest.raises(errors.DefinitionError, match="cannot tell what it judges"):
        MetricFunction(lambda answers: {})


def test_a_function_that_raises_is_named_and_its_exception_kept():
    def broken(targets, predictions):
        raise KeyError("column")

    with pytest.raises(errors.MetricError, match="Metric 'broken' raised KeyError: 'column'") as caught:
        MetricFunction(broken).compute({"targets": [], "predictions": []})
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_metric_error_is_passed_on_as_it_is():
    with pytest.raises(errors.MetricError, match="^exact_match: there are no examples"):
        MetricFunction(metrics.exact_match).compute({"targets": [], "predictions": []})
