"""Reading a mixture."""

from __future__ import annotations

import functools
import json

import pytest
import tensorflow as tf

from evalkit.data import CacheDatasetPlaceholder, Feature, Mixture, SourceInfo, set_global_cache_dirs
from evalkit.errors import ArgumentError, DefinitionError, FeatureError, UnknownNameError
from evalkit.vocabularies import ByteVocabulary


def constant(number):
    """A preprocessor after which every example says `number`, with further features."""
    return lambda dataset: dataset.map(
        lambda example: {
            "inputs": [number],
            "targets": [number],
            "inputs_pretokenized": str(number),
            "id": example["inputs"][0],
        }
    )


@pytest.fixture
def two_and_three(make_task):
    two, three = (make_task(name, preprocessors=[constant(n)]) for name, n in [("two", 2), ("three", 3)])
    return Mixture("mix", [(two, 1), (three, 3)])


def test_examples_are_drawn_in_proportion_to_the_rates(two_and_three, inputs_of):
    numbers = inputs_of(two_and_three.get_dataset(seed=1).take(2000))
    assert 0.7 < numbers.count(3) / 2000 < 0.8


def test_mixing_is_repeatable(two_and_three, inputs_of):
    def read(**kwargs):
        return inputs_of(two_and_three.get_dataset(**kwargs).take(100))

    assert read(seed=1) == read(seed=1)
    assert read(seed=1) != read(seed=2)
    assert read(shuffle=False) == read(shuffle=False)


def test_reading_goes_on_for_ever_unless_epochs_are_given(two_and_three, inputs_of):
    assert len(inputs_of(two_and_three.get_dataset().take(1000))) == 1000
    numbers = inputs_of(two_and_three.get_dataset(num_epochs=1, seed=0))
    assert max(numbers.count(2), numbers.count(3)) == 10  # it ends when one task does


@pytest.mark.parametrize(
    ("options", "further"),
    [
        ({}, set()),
        ({"copy_pretokenized": True}, {"inputs_pretokenized"}),
        ({"passthrough_features": ["id"]}, {"id"}),
    ],
)
def test_only_wanted_features_are_kept(two_and_three, options, further):
    assert set(two_and_three.get_dataset(**options).element_spec) == {"inputs", "targets", *further}


def test_the_sample_function_may_be_replaced(make_task, inputs_of):
    calls = []

    def one_after_the_other(datasets, rates, seed):
        calls.append((rates, seed))
        return datasets[0].concatenate(datasets[1])

    tasks = [(make_task(name, count=2, preprocessors=[constant(n)]), n) for name, n in [("two", 2), ("three", 3)]]
    mixture = Mixture("mix", tasks, sample_fn=one_after_the_other)
    assert inputs_of(mixture.get_dataset(num_epochs=1, shuffle=False)) == [3, 3, 2, 2]
    mixture.get_dataset(seed=7)
    mixture.get_dataset()
    assert calls == [([3.0, 2.0], 42), ([3.0, 2.0], 7), ([3.0, 2.0], None)]


def test_tasks_without_the_split_are_left_out(make_task, make_source, inputs_of, caplog):
    both = make_task("both", source=make_source(2, splits=("train", "test")))
    train = make_task("train_only", preprocessors=[constant(3)])
    mixture = Mixture("mix", [(both, 1), (train, 1)])
    assert mixture.splits == ("train", "test")
    assert inputs_of(mixture.get_dataset(split="test", shuffle=False, num_epochs=1)) == [0, 1]
    assert "task 'train_only' has no split 'test'" in caplog.text
    with pytest.raises(ArgumentError, match="No task of mixture 'mix' has a split 'dev'; their splits are train, test"):
        mixture.get_dataset(split="dev")


def test_number_of_examples(make_task, make_source):
    known = make_task("known", source=make_source(num_input_examples={"train": 10}))
    known_too = make_task("known_too", source=make_source(num_input_examples={"train": 5}))
    assert Mixture("mix", [(known, 1), (known_too, 1)]).num_input_examples("train") == 15
    assert Mixture("mix", [(known, 1), (make_task("unknown"), 1)]).num_input_examples("train") is None
    assert Mixture("mix", [(known, 1)]).num_input_examples("test") == 0


@pytest.mark.parametrize(
    ("feature", "part"),
    [(Feature(ByteVocabulary(), add_eos=False), "vocabulary"), (None, "dtype")],
)
def test_tokens_must_mean_the_same(make_task, features, feature, part):
    feature = feature or Feature(features["inputs"].vocabulary, add_eos=False, dtype=tf.int64)
    other = make_task("other", output_features={**features, "inputs": feature})
    mixture = Mixture("mix", [(make_task("first"), 1), (other, 1)])
    with pytest.raises(FeatureError, match=f"same {part}: in mixture 'mix', feature 'inputs' has .* in task 'first'"):
        mixture.get_dataset()


def test_an_error_says_which_task_of_which_mixture(make_task):
    mixture = Mixture("mix", [(make_task("good"), 1), (make_task("bad", preprocessors=[len]), 1)])
    with pytest.raises(ValueError, match="Task 'bad', preprocessor 'len'") as caught:
        mixture.get_dataset(num_epochs=1)
    assert caught.value.__notes__ == ["This was task 'bad' of mixture 'mix', split 'train'."]


def test_str(two_and_three):
    assert str(two_and_three) == "Mixture(name=mix, tasks=['three', 'two'])"
    assert two_and_three.source_info is None


@pytest.mark.parametrize("empirically", [True, False])
def test_the_proportions_of_cached_training_data_are_logged(tmp_path, make_task, caplog, empirically):
    task = make_task("cached", preprocessors=[CacheDatasetPlaceholder()])
    write_cache(tmp_path / "cached", task)
    set_global_cache_dirs([tmp_path])
    caplog.set_level("INFO")
    Mixture("mix", [(task, 2)]).get_dataset(
        {"inputs": 4, "targets": 4}, use_cached=True, compute_stats_empirically=empirically
    )
    set_global_cache_dirs([])
    row = next(line.split() for line in caplog.text.splitlines() if line.endswith(" cached"))
    assert row[-7:] == ["2", "1", "1", "1", "1", "3", "cached"]
    assert ("share of padding 0.75" in caplog.text) == empirically  # one token of four


def write_cache(folder, task):
    folder.mkdir()
    with tf.io.TFRecordWriter(str(folder / "train.tfrecord-00000-of-00001")) as writer:
        for example in task.get_dataset(shuffle=False).as_numpy_iterator():
            values = {k: tf.train.Feature(int64_list=tf.train.Int64List(value=v)) for k, v in example.items()}
            writer.write(tf.train.Example(features=tf.train.Features(feature=values)).SerializeToString())
    features = {name: {"shape": [None], "dtype": "int32"} for name in ("inputs", "targets")}
    info = {"features": features, "num_shards": 1, "seqio_version": "0.0.20"}
    (folder / "info.train.json").write_text(json.dumps(info))
    (folder / "stats.train.json").write_text(json.dumps({"examples": 10, "inputs_tokens": 10, "targets_tokens": 30}))
    (folder / "COMPLETED").touch()


def test_a_replaced_mixture_differs_in_name_and_tasks_only(two_and_three, make_task, inputs_of):
    class Labelled(Mixture):
        label = "none"

        @functools.cached_property
        def number_of_tasks(self):
            return len(self.tasks)

    def first_only(datasets, rates, seed):
        return datasets[0]

    original = Labelled("mix", two_and_three.entries, sample_fn=first_only, source_info=SourceInfo("a.py", 3))
    original.label = "mine"
    assert (original.total_rate, original.number_of_tasks) == (4, 2)
    four = make_task("four", preprocessors=[constant(4)])
    replaced = original.replace("new", [(four, lambda task: 7)])
    assert type(replaced) is Labelled and replaced.label == "mine" and replaced.source_info == SourceInfo("a.py", 3)
    assert (replaced.name, replaced.tasks, replaced.total_rate, replaced.number_of_tasks) == ("new", [four], 7, 1)
    assert inputs_of(replaced.get_dataset().take(3)) == [4, 4, 4]
    assert (original.name, original.total_rate, len(original.tasks)) == ("mix", 4, 2)


@pytest.mark.parametrize(
    ("name", "tasks", "message"),
    [
        ("new", [], "Mixture 'new' does not contain any tasks"),
        ("new", [("nowhere", 1)], "No task or mixture named 'nowhere'"),
        ("new", ["nowhere"], "need a rate for each task, 'nowhere' has none"),
        ("a name", [("nowhere", 1)], "'a name' contains invalid characters"),
    ],
)
def test_a_replaced_mixture_is_checked(two_and_three, name, tasks, message):
    with pytest.raises((DefinitionError, UnknownNameError), match=message):
        two_and_three.replace(name, tasks)


def test_entries_are_what_was_given(two_and_three):
    def rate(task):
        return 5.0

    outer = Mixture("outer", [(two_and_three, rate)])
    assert outer.entries == [(two_and_three, rate)]
    assert [(task.name, rate) for task, rate in two_and_three.entries] == [("two", 1), ("three", 3)]
