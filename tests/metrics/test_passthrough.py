"""Metric functions as mergeable metric objects, through seqio's door."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.columns import Ragged
from evalkit.metrics import (
    CollectingMetric,
    LegacyMetric,
    MetricFunction,
    ModelOutputType,
    PassthroughLegacyMetric,
    metric_function_of,
)


class Letters:
    """A vocabulary of letters: 0 is 'a'."""

    def decode(self, ids):
        return "".join(chr(ord("a") + int(i)) for i in ids)


class Feature:
    vocabulary = Letters()


FEATURES = {"targets": Feature()}
EXAMPLES = [{"targets": np.array([0, 1])}, {"targets_pretokenized": b"c"}, {"targets_pretokenized": "de"}]


def show(targets, predictions):
    return {"pairs": list(zip(targets, predictions, strict=True))}


def show_aux(targets, predictions, aux_values):
    return {"all": list(zip(targets, predictions, aux_values["scores"], strict=True))}


def show_scores(targets, scores):
    return {"pairs": list(zip(targets, scores, strict=True))}


def shout(decoded, example, is_target):
    return decoded.upper()


def whisper(decoded, example, is_target):
    return f"({decoded})"


def compute(metric, output, **ids):
    return metric.from_model_output([], output, FEATURES, **ids).actual_compute(EXAMPLES, FEATURES)


@pytest.mark.parametrize(
    "output",
    [
        [[0, 1], [2], [3, 4]],
        [np.array([0, 1]), np.array([2]), np.array([3, 4])],
        Ragged.from_rows([[0, 1], [2], [3, 4]]),
        ["ab", "c", "de"],
        np.array(["ab", "c", "de"]),
    ],
    ids=["lists", "arrays", "Ragged", "text", "text array"],
)
def test_outputs_are_decoded_and_targets_come_from_text_or_ids(output):
    values, inferences = compute(PassthroughLegacyMetric.from_metric_fn(show), output)
    assert values == {"pairs": [("ab", "ab"), ("c", "c"), ("de", "de")]}
    assert inferences["targets"] == ["ab", "c", "de"]
    assert list(inferences["output"]) == list(inferences["prediction"]) == ["ab", "c", "de"]


def test_rectangular_outputs_are_decoded_row_by_row():
    values, _ = compute(PassthroughLegacyMetric.from_metric_fn(show), np.array([[0, 1], [2, 2], [3, 4]]))
    assert [prediction for _, prediction in values["pairs"]] == ["ab", "cc", "de"]


@pytest.mark.parametrize("output", [np.arange(12).reshape(3, 2, 2), [[[0, 1], [2, 3]], [[4], []], [[8, 9], [10]]]])
def test_top_k_outputs_become_lists_of_texts(output):
    values, _ = compute(PassthroughLegacyMetric.from_metric_fn(show), output)
    assert values["pairs"][0] == ("ab", ["ab", "cd"])
    assert [len(prediction) for _, prediction in values["pairs"]] == [2, 2, 2]


def test_several_texts_per_example_and_single_numbers_are_taken_as_they_are():
    values, _ = compute(PassthroughLegacyMetric.from_metric_fn(show), [["ab", "x"], ["c", "y"], ["de", "z"]])
    assert values["pairs"][0] == ("ab", ["ab", "x"])
    values, _ = compute(PassthroughLegacyMetric.from_metric_fn(show), np.array([["ab"], ["c"], ["de"]]))
    assert values["pairs"][0] == ("ab", np.array(["ab"]))
    values, _ = compute(PassthroughLegacyMetric.from_metric_fn(show), np.array([1, 2, 3]))
    assert [int(prediction) for _, prediction in values["pairs"]] == [1, 2, 3]


def test_scores_and_auxiliary_values_reach_their_functions():
    scores = np.array([0.1, 0.2, 0.3])
    values, inferences = compute(PassthroughLegacyMetric.from_metric_fn(show_scores), scores)
    assert values == {"pairs": [("ab", 0.1), ("c", 0.2), ("de", 0.3)]}
    assert inferences["score"].tolist() == [0.1, 0.2, 0.3]
    output = ([[0], [1], [2]], {"scores": scores})
    values, inferences = compute(PassthroughLegacyMetric.from_metric_fn(show_aux), output)
    assert values == {"all": [("ab", "a", 0.1), ("c", "b", 0.2), ("de", "c", 0.3)]}
    assert inferences["aux_value"]["scores"].tolist() == [0.1, 0.2, 0.3]


def test_each_metric_sees_targets_of_its_own_postprocess_function():
    """seqio judges the second against the targets of the first."""
    loud = PassthroughLegacyMetric.from_metric_fn(show, postprocess_fn=shout)
    quiet = PassthroughLegacyMetric.from_metric_fn(show, postprocess_fn=whisper)
    output = ["ab", "c", "de"]
    assert compute(loud, output)[0]["pairs"][0] == ("AB", "AB")
    assert compute(quiet, output)[0]["pairs"][0] == ("(ab)", "(ab)")


def test_targets_that_were_made_before_are_used():
    metric = PassthroughLegacyMetric.from_metric_fn(show).from_model_output([], ["ab"], FEATURES)
    assert metric.actual_compute([{}], FEATURES, cached_targets=["mine"])[0] == {"pairs": [("mine", "ab")]}


@given(st.integers(1, 12), st.integers(1, 4), st.integers(1, 5), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_a_sharded_evaluation_gives_what_one_machine_gives(count, num_shards, batch_size, random):
    """Shards, padded batches and any order and grouping of merges change nothing."""
    metric = PassthroughLegacyMetric.from_metric_fn(show, shout)
    examples, outputs, parts = [], [], []
    for shard in range(num_shards):
        texts = [f"{shard}:{i}" for i in range(shard, count, num_shards)]
        examples += [{"targets_pretokenized": text} for text in texts]
        outputs += [text + "!" for text in texts]
        for start in range(0, len(texts), batch_size):
            ids = [[shard, i] for i in range(start, min(start + batch_size, len(texts)))]
            rows = [texts[i] + "!" for _, i in ids]
            padding = batch_size - len(rows)
            mask = [True] * len(rows) + [False] * padding
            rows, ids = rows + ["padding"] * padding, ids + [[shard, -1]] * padding
            parts.append(metric.from_model_output([], rows, FEATURES, mask=mask, indices_2d=ids))
    random.shuffle(parts)
    while len(parts) > 1:
        i = random.randrange(len(parts) - 1)
        parts[i : i + 2] = [parts[i].merge(parts[i + 1])]
    on_one = metric.from_model_output([], outputs, FEATURES).actual_compute(examples, FEATURES)
    assert parts[0].actual_compute(examples, FEATURES) == on_one


def test_it_pickles_if_its_functions_do():
    metric = PassthroughLegacyMetric.from_metric_fn(show, shout)
    assert pickle.loads(pickle.dumps(metric)) == metric
    sent = pickle.loads(pickle.dumps(metric.from_model_output([], ["x", "y", "z"], FEATURES)))
    assert sent.actual_compute(EXAMPLES, FEATURES)[0]["pairs"][0] == ("AB", "X")


def test_it_is_a_collecting_metric_that_knows_its_output_and_function():
    metric = PassthroughLegacyMetric.from_metric_fn(show_scores, shout)
    assert isinstance(metric, CollectingMetric)
    assert metric.model_output_type is metric.empty().model_output_type is ModelOutputType.SCORE
    assert metric.empty().values == {}
    function = MetricFunction(show_scores, postprocess_fn=shout)
    assert metric_function_of(metric) == metric_function_of(function) == function
    assert metric_function_of(LegacyMetric.empty(show_scores, shout)) == function
    assert metric_function_of(object()) is None


def test_a_signature_that_fits_nothing_is_refused_at_once():
    with pytest.raises(errors.DefinitionError, match="cannot tell what it judges"):
        PassthroughLegacyMetric.from_metric_fn(lambda answers: {})


def fail_on_c(decoded, example, is_target):
    if decoded == "c":
        raise KeyError("no c")
    return decoded


@pytest.mark.parametrize(
    ("output", "kind"), [(["ab", "x", "de"], "target of example 1, 'c'"), (["c"], "prediction of example 0, 'c'")]
)
def test_a_postprocess_function_that_raises_is_named_with_the_example(output, kind):
    metric = PassthroughLegacyMetric.from_metric_fn(show, fail_on_c).from_model_output([], output, FEATURES)
    examples = EXAMPLES if len(output) == 3 else EXAMPLES[:1]
    with pytest.raises(errors.PostprocessError, match=f"metric 'show' raised KeyError for the {kind}") as caught:
        metric.actual_compute(examples, FEATURES)
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (PassthroughLegacyMetric.from_metric_fn(show), "'show' has collected no model outputs"),
        (
            PassthroughLegacyMetric.from_metric_fn(show).from_model_output([], ["a", "b"], {}),
            "Outputs of 2 examples were collected, but the data set has 3",
        ),
        (
            PassthroughLegacyMetric.from_metric_fn(show).from_model_output(
                [], ["a", "b", "c"], {}, indices_2d=[[0, 0], [0, 1], [0, 1]]
            ),
            r"more than once.*\(0, 1\)",
        ),
    ],
)
def test_missing_and_double_outputs_are_refused(metric, message):
    with pytest.raises(errors.MetricError, match=message):
        metric.actual_compute(EXAMPLES, FEATURES)


def test_a_wrong_target_field_is_named():
    metric = PassthroughLegacyMetric.from_metric_fn(show).from_model_output([], [[1]], {})
    with pytest.raises(errors.MetricError, match=r"neither 'answers' nor 'answers_pretokenized'; it has \['targets'\]"):
        metric.actual_compute(EXAMPLES[:1], FEATURES, "answers")
    with pytest.raises(errors.MetricError, match=r"have no 'answers'.*they are \['targets'\]"):
        metric.actual_compute([{"answers_pretokenized": "x"}], FEATURES, "answers")
