"""The Evaluator's contract, from a task to metrics: what it prepares, what it asks, what it returns."""

import threading

import pytest
import tensorflow as tf

import evalkit
from evalkit import errors
from evalkit.metrics import ModelOutputType
from tests.evaluation.small_task import ANSWERS, QUESTIONS, answer_targets, rows_source


def targets_of(evaluator):
    return [row["targets_pretokenized"] for row in evaluator.cached_task_datasets["spanish"].as_numpy_iterator()]


def test_a_perfect_model_scores_one(make_evaluator):
    metrics, outputs = make_evaluator().evaluate(step=3, predict_fn=answer_targets)
    assert metrics.result() == {"spanish": {"exact": 1.0}}
    tokens = outputs["spanish"][ModelOutputType.PREDICTION]
    assert [evalkit.ByteVocabulary().decode(row) for row in tokens] == ANSWERS


def test_both_forms_are_enumerated_real_datasets_of_known_length(make_evaluator):
    evaluator = make_evaluator()
    task_dataset = evaluator.cached_task_datasets["spanish"]
    model_dataset = evaluator.cached_model_datasets["spanish"]
    assert isinstance(task_dataset, tf.data.Dataset) and isinstance(model_dataset, tf.data.Dataset)
    assert len(task_dataset) == len(model_dataset) == 5
    assert [row["targets_pretokenized"].decode() for row in task_dataset.as_numpy_iterator()] == ANSWERS
    assert [int(index) for index, _ in model_dataset] == [0, 1, 2, 3, 4]
    assert model_dataset.element_spec[0] == tf.TensorSpec([], tf.int64)
    assert evaluator.model_feature_shapes == {
        "encoder_input_tokens": (6,),
        "decoder_target_tokens": (7,),
        "decoder_input_tokens": (7,),
        "decoder_loss_weights": (7,),
    }


@pytest.mark.parametrize("use_memory_cache", [True, False])
def test_targets_may_all_be_empty(make_task, make_evaluator, use_memory_cache):
    feature = evalkit.Feature(evalkit.ByteVocabulary(), add_eos=False)
    features = {"inputs": feature, "targets": feature}
    silence = make_task("silence", source=rows_source(["a", "b"], ["", ""]), output_features=features)
    evaluator = make_evaluator(silence, use_memory_cache=use_memory_cache)
    assert evaluator.model_feature_shapes["decoder_target_tokens"] == (0,)
    metrics, _ = evaluator.evaluate(predict_fn=lambda dataset: [(int(index), []) for index, _ in dataset])
    assert metrics.result() == {"silence": {"exact": 1.0}}


def test_it_takes_a_name_a_task_and_a_mixture(make_task, make_evaluator):
    english = make_task("english", source=rows_source(ANSWERS, QUESTIONS))
    mixture = evalkit.Mixture("languages", [make_task(), english], default_rate=1.0)
    metrics, _ = make_evaluator(mixture).evaluate(predict_fn=answer_targets)
    assert metrics.result() == {"spanish": {"exact": 1.0}, "english": {"exact": 1.0}}


def test_a_step_is_evaluated_task_by_task_without_waiting_for_judges(make_task, make_evaluator):
    gate = threading.Event()

    def waits(targets, predictions):
        assert gate.wait(30)
        return {"n": len(targets)}

    names = ("a", "b", "c")
    mixture = evalkit.Mixture("m", [make_task(name, metric_fns=[waits]) for name in names], default_rate=1.0)
    evaluator = make_evaluator(mixture)
    futures = [evaluator.evaluate(step=7, predict_fn=answer_targets, tasks=[name])[0] for name in names]
    gate.set()
    assert [future.result() for future in futures] == [{name: {"n": 5}} for name in names]
    with pytest.raises(errors.ArgumentError, match=r"`tasks` has \['d'\]; found are \['a', 'b', 'c'\]"):
        evaluator.evaluate(predict_fn=answer_targets, tasks=["a", "d"])


def test_lengths_are_the_longest_of_all_tasks(make_task, make_evaluator):
    longer = make_task("longer", source=rows_source(["a" * 40], ["b" * 50]))
    evaluator = make_evaluator(evalkit.Mixture("m", [make_task(), longer], default_rate=1.0))
    assert evaluator.sequence_length == {"inputs": 41, "targets": 51}
    assert evaluator.cached_model_datasets["spanish"].element_spec[1]["encoder_input_tokens"].shape == [41]


def test_what_a_given_length_cuts_is_reported(make_evaluator, caplog):
    evaluator = make_evaluator(sequence_length={"inputs": 4, "targets": 32})
    cut = evaluator.truncation["spanish"]
    assert (cut["inputs"].num_truncated, cut["inputs"].longest, cut["inputs"].elements_lost) == (3, 6, 2 + 1 + 1)
    assert cut["targets"].num_truncated == 0
    assert str(cut["inputs"]) == "3 of 5 examples cut at 4 (longest 6; 4 elements lost)"
    assert max(row["inputs"].size for row in evaluator.cached_task_datasets["spanish"].as_numpy_iterator()) == 4


def test_num_examples_takes_the_first(make_evaluator):
    evaluator = make_evaluator(num_examples=2)
    assert len(evaluator.cached_model_datasets["spanish"]) == 2


@pytest.mark.parametrize("use_memory_cache", [True, False])
def test_shuffled_examples_stay_as_they_were_drawn(make_evaluator, make_task, use_memory_cache):
    task = make_task(shuffle_buffer_size=5)
    evaluator = make_evaluator(task, shuffle=True, seed=7, use_memory_cache=use_memory_cache)
    for _ in range(3):  # seqio draws them anew in each pass without a memory cache, and scores a perfect model 0.05
        metrics, _ = evaluator.evaluate(predict_fn=answer_targets)
        assert metrics.result() == {"spanish": {"exact": 1.0}}
    again = make_evaluator(task, shuffle=True, seed=7, num_examples=3)
    first = [row["targets_pretokenized"] for row in evaluator.cached_task_datasets["spanish"].as_numpy_iterator()]
    assert [row["targets_pretokenized"] for row in again.cached_task_datasets["spanish"].as_numpy_iterator()] == first[
        :3
    ]


def test_pass_through_features_evaluate_too(make_evaluator):
    evaluator = make_evaluator(feature_converter=evalkit.PassThroughFeatureConverter())
    index, features = next(evaluator.cached_model_datasets["spanish"].as_numpy_iterator())
    assert (index, features["targets_pretokenized"]) == (0, b"uno")
    assert evaluator.evaluate(predict_fn=lambda _: enumerate(ANSWERS))[0].result() == {"spanish": {"exact": 1.0}}


def test_without_computing_metrics_the_future_is_done_and_empty(make_evaluator):
    metrics, outputs = make_evaluator().evaluate(compute_metrics=False, predict_fn=answer_targets)
    assert metrics.result(timeout=0) is None
    assert len(outputs["spanish"][ModelOutputType.PREDICTION]) == 5


@pytest.mark.parametrize("changes", [{"metric_fns": []}, {"source": rows_source(split="train")}])
def test_nothing_to_evaluate_is_skipped_with_every_attribute_there(make_task, make_evaluator, changes):
    evaluator = make_evaluator(make_task(**changes))
    metrics, outputs = evaluator.evaluate(predict_fn=answer_targets)
    assert (metrics.result(), outputs) == ({}, {})
    assert list(evaluator.eval_tasks) == [] and evaluator.loggers == ()
    assert evaluator.cached_task_datasets == evaluator.cached_model_datasets == evaluator.model_feature_shapes == {}
