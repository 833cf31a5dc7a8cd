"""What every task must keep: a task that keeps it passes, and each way not to keep it is found and named."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf

from evalkit import InMemoryDataSource, map_over_dataset
from evalkit.data import DataSource, Feature
from evalkit.errors import ArgumentError, EvaluationError, FeatureError, SourceError, UnknownNameError
from evalkit.metrics import Histogram, Scalar, Text
from evalkit.testing import check_task
from evalkit.vocabularies import PassThroughVocabulary

ROWS = [{"country": "Chad", "capital": "N'Djamena"}, {"country": "Togo", "capital": "Lomé"}]


def failure(*arguments, **options):
    """What is wrong with a task."""
    with pytest.raises(AssertionError) as caught:
        check_task(*arguments, **options)
    return str(caught.value)


def with_step(task, step):
    return task.replace(preprocessors=[*task.preprocessors, step])


def test_a_good_task_passes(capitals):
    run = check_task("capitals", ROWS, target_metrics={"exact": 1})
    assert len(run.examples) == 2
    assert run.metrics == {"exact": 1.0}


def test_its_own_source_is_checked_without_rows(capitals):
    assert len(check_task(capitals, target_metrics={"exact": 1.0}).examples) == 1  # the last split
    assert len(check_task(capitals, split="train").examples) == 2
    assert len(check_task(capitals, split="train", num_examples=1).examples) == 1


def test_a_metric_of_each_kind(judged):
    run = check_task(judged, ROWS, aux_values={"weight": [1, 2]}, target_metrics={"mean_score": 0, "weighted": 3})
    assert run.metrics == {"exact": 1.0, "mean_score": 0.0, "weighted": 3.0, "n": 2}
    run = check_task(judged, ROWS, aux_values={"weight": [1, 2]}, scores=[-1, -2])
    assert run.metrics["mean_score"] == -1.5


def test_a_task_without_metrics_may_have_none(capitals):
    trained_on = capitals.replace(metric_fns=[])
    assert check_task(trained_on, ROWS).metrics == {}
    assert "there is no metric 'exact'; there are none" in failure(trained_on, ROWS, target_metrics={"exact": 1})


def test_metrics_of_the_targets(capitals):
    assert failure(capitals, ROWS, target_metrics={"exact": 0.5, "f1": 1}).splitlines() == [
        "Task 'capitals', targets judged against themselves:",
        "metric 'exact': found 1.0, expected 0.5",
        "there is no metric 'f1'; there are 'exact'",
    ]


def test_targets_that_do_not_survive_their_own_vocabulary(capitals):
    """What a task's postprocess function makes of text, and what it makes of decoded ids, must be the same."""

    @map_over_dataset
    def other_text(example):
        return {**example, "targets_pretokenized": tf.strings.join([example["targets_pretokenized"], " city"])}

    assert "metric 'exact': found 0.0, expected 1" in failure(
        with_step(capitals, other_text), ROWS, target_metrics={"exact": 1}
    )


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        np.float32("inf"),
        np.array(np.nan),
        jnp.bfloat16(jnp.nan),
        Scalar(float("-inf")),
        Histogram([0.0, float("nan")]),
    ],
)
def test_metrics_are_finite(capitals, value):
    def broken(targets, predictions):
        return {"broken": value, "fine": 1, "note": Text("nan"), "spread": Histogram([1, 2])}

    assert "metric 'broken' is " in failure(capitals.replace(metric_fns=[broken]), ROWS)


def test_a_metric_that_raises(capitals):
    def raising(targets, predictions):
        raise ValueError("no")

    with pytest.raises(EvaluationError, match="raising"):
        check_task(capitals.replace(metric_fns=[raising]), ROWS)


@pytest.mark.parametrize("when", ["always", "shuffled"])
def test_random_numbers_that_no_seed_decides(capitals, when):
    @map_over_dataset
    def draw(example):
        return {**example, "inputs": tf.concat([example["inputs"][:-1], tf.random.uniform([1], 3, 200, tf.int32)], 0)}

    def shuffle(dataset):
        return dataset.shuffle(100)

    many = [{"country": f"country {number}", "capital": "?"} for number in range(50)]
    message = failure(with_step(capitals, draw if when == "always" else shuffle), many)
    assert message.startswith("Task 'capitals' is not repeatable: split 'test' was read twice with seed 42 (shuffle=")
    assert "example 0, feature 'inputs'" in message


def test_random_numbers_that_a_seed_decides(capitals):
    @map_over_dataset(num_seeds=1)
    def draw(example, seed):
        drawn = tf.random.stateless_uniform([1], seed, 3, 200, tf.int32)
        return {**example, "inputs": tf.concat([drawn, example["inputs"]], 0)}

    check_task(with_step(capitals, draw), ROWS)


def test_a_task_that_may_not_be_shuffled(capitals):
    check_task(capitals.replace(shuffle_buffer_size=None), ROWS)


class Careless(DataSource):
    """Shards itself by skipping and taking, which is wrong in one way or the other."""

    supports_arbitrary_sharding = True

    def __init__(self, shard):
        super().__init__(["test"])
        self.shard = shard

    def list_shards(self, split):
        return [split]

    def get_dataset(self, split, shuffle=True, seed=None, shard_info=None):
        dataset = InMemoryDataSource({"test": ROWS * 2}).get_dataset(split, shuffle=False)
        return dataset if shard_info is None else self.shard(dataset, shard_info, shuffle)


def every_nth(dataset, info, shuffle):
    return dataset.shard(info.num_shards, info.index)


@pytest.mark.parametrize(
    ("shard", "text"),
    [
        (lambda dataset, info, shuffle: dataset.take(1), "2 are in no shard, such as"),
        (lambda dataset, info, shuffle: dataset.skip(info.index), "3 are once too often, such as"),
        (
            lambda dataset, info, shuffle: every_nth(dataset.skip(info.index) if shuffle else dataset, info, shuffle),
            r"\(shuffle=True\)",
        ),
    ],
    ids=["lost", "doubled", "only when shuffled"],
)
def test_shards_are_a_partition(capitals, shard, text):
    task = capitals.replace(source=Careless(shard))
    with pytest.raises(AssertionError, match=rf"2 shards of split 'test' are no partition .*{text}"):
        check_task(task)
    check_task(task, num_shards=())


def test_a_source_that_shards_itself_well(capitals):
    check_task(capitals.replace(source=Careless(every_nth)), num_shards=(1, 4, 9))


def test_a_large_source_is_not_read_several_times(capitals):
    class Large(DataSource):
        supports_arbitrary_sharding = True

        def list_shards(self, split):
            raise NotImplementedError

        def get_dataset(self, *args, **kwargs):
            raise NotImplementedError

    with pytest.raises(ArgumentError, match=r"has 1000000 raw examples.*num_shards=\(\)"):
        check_task(capitals.replace(source=Large(["test"], {"test": 1_000_000})))


def test_ids_that_the_vocabulary_lacks(capitals):
    @map_over_dataset
    def shift(example):
        return {**example, "inputs": example["inputs"] + 200}

    message = failure(with_step(capitals, shift), ROWS)
    assert "example 0, feature 'inputs': found id 270, but the vocabulary has 259 ids, from 0" in message


def test_ids_of_features_without_text(capitals):
    features = {name: Feature(PassThroughVocabulary(3), add_eos=False) for name in ("inputs", "targets")}
    task = capitals.replace(preprocessors=[], output_features=features, postprocess_fn=None, metric_fns=[])
    types = {"inputs": "int32", "targets": "int32"}
    check_task(task, [{"inputs": [0, 2], "targets": [1]}], features=types)
    assert "feature 'targets': found id -1" in failure(task, [{"inputs": [0], "targets": [-1]}], features=types)


def test_the_end_of_a_sequence(capitals):
    task = capitals.replace(preprocessors=capitals.preprocessors[:-1])
    message = failure(task, ROWS * 5)
    assert "example 0, feature 'inputs': found 103 at its end, but add_eos=True promises the id 1." in message
    assert message.endswith("… and 15 more.")
    check_task(task, ROWS, sequence_length={"inputs": 4, "targets": 4})  # cut, so its end is missing rightly


def test_an_empty_feature_has_no_end(capitals):
    task = capitals.replace(preprocessors=capitals.preprocessors[:-1])
    assert "found nothing at its end" in failure(task, [{"country": "", "capital": ""}])


def test_features_that_are_missing(capitals):
    @map_over_dataset
    def forget(example):
        return {"targets": example["targets"]}

    with pytest.raises(FeatureError, match="missing expected output feature after preprocessing: inputs"):
        check_task(with_step(capitals, forget), ROWS)


def test_no_examples(capitals):
    with pytest.raises(SourceError, match="Task 'capitals' has no examples in split 'test'; nothing can be checked"):
        check_task(with_step(capitals, lambda dataset: dataset.take(0)), ROWS)


def test_ids_of_ragged_features(capitals):
    features = {name: Feature(PassThroughVocabulary(3), add_eos=False, rank=2) for name in ("inputs", "targets")}
    task = capitals.replace(preprocessors=[], output_features=features, metric_fns=[])
    types = {"inputs": "int32", "targets": "int32"}
    rows = [{"inputs": [[0], [1, 2]], "targets": [[1], [2, 0]]}]
    check_task(task, rows, features=types)
    assert "feature 'inputs': found id 4" in failure(task, [{**rows[0], "inputs": [[0], [1, 4]]}], features=types)


def test_examples_without_end(capitals):
    task = with_step(capitals, lambda dataset: dataset.repeat())
    with pytest.raises(ArgumentError, match="repeat the examples of split 'test' without end"):
        check_task(task, ROWS)
    assert len(check_task(task, ROWS, num_examples=5).examples) == 5


def test_a_task_without_the_target_field(capitals):
    with pytest.raises(ArgumentError, match="target_field_name is 'answers', but task 'capitals' has"):
        check_task(capitals, ROWS, target_field_name="answers")


def test_arguments_are_checked_before_anything_is_read(judged):
    with pytest.raises(ArgumentError, match="Rows have no splits. Pass either rows, or split='test'"):
        check_task(judged, ROWS, split="test")
    with pytest.raises(ArgumentError, match="metric 'weighted' judges auxiliary values. Pass aux_values"):
        check_task(judged, [{}])
    with pytest.raises(UnknownNameError, match="Nearest names: 'capitals'"):
        check_task("capital", ROWS)
