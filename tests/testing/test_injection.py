"""Rows in the place of a task's source, for the length of a block."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from evalkit.data import (
    CacheDatasetPlaceholder,
    DataSource,
    Mixture,
    MixtureRegistry,
    Task,
    TaskRegistry,
    get_mixture_or_task,
    get_subtasks,
)
from evalkit.errors import ArgumentError, ArgumentTypeError, SourceError, UnknownNameError
from evalkit.testing import assert_examples, inject, inject_example

CHAD = {"test": [{"country": "Chad", "capital": "N'Djamena"}]}


def countries(provider, split="test"):
    dataset = provider.get_dataset(None, split, shuffle=False, num_epochs=1)
    vocabulary = provider.output_features["inputs"].vocabulary
    return [vocabulary.decode(example["inputs"]) for example in dataset.as_numpy_iterator()]


@pytest.mark.parametrize("by", ["name", "object"])
def test_a_registered_task_reads_the_rows(capitals, by):
    with inject("capitals" if by == "name" else capitals, CHAD) as task:
        assert TaskRegistry.get("capitals") is task
        assert task.splits == ("test",)
        assert countries(task) == ["Chad"]
        assert countries(capitals) == ["Peru"]  # who holds the task still has it
    assert TaskRegistry.get("capitals") is capitals
    assert countries(TaskRegistry.get("capitals")) == ["Peru"]


def test_a_task_that_is_not_registered(make_task):
    task = make_task("unregistered")
    with inject(task, CHAD) as injected:
        assert countries(injected) == ["Chad"]
        assert "unregistered" not in TaskRegistry.names()


def test_the_task_stays_of_its_class(make_task):
    class Timed(Task):
        seconds = 3

    base = make_task("base")
    task = Timed("timed", base.source, base.output_features, base.preprocessors)
    with inject(task, CHAD) as injected:
        assert isinstance(injected, Timed)
        assert injected.source_info is task.source_info


def test_mixtures_that_contain_it_read_them_too(capitals, make_task):
    other = make_task("other")
    MixtureRegistry.add("inner", [("capitals", 3), (other, 1)])
    MixtureRegistry.add("outer", [("inner", lambda mixture: float(len(mixture.tasks))), (capitals, 2)])
    MixtureRegistry.add("elsewhere", [(other, 1)])
    before = {name: MixtureRegistry.get(name) for name in ("inner", "outer", "elsewhere")}
    with inject("capitals", CHAD) as task:
        inner, outer = MixtureRegistry.get("inner"), MixtureRegistry.get("outer")
        for mixture in (inner, outer):
            assert [each is task for each in get_subtasks(mixture)] == [True, False]
            assert "Chad" in set(countries(mixture))
        assert outer.get_rate(task) == before["outer"].get_rate(capitals) == 3.5
        assert MixtureRegistry.get("elsewhere") is before["elsewhere"]
        assert "Peru" in set(countries(before["outer"]))
    assert {name: MixtureRegistry.get(name) for name in before} == before


def test_rates_that_count_examples_count_the_rows(capitals):
    MixtureRegistry.add("counted", [("capitals", lambda task: float(task.num_input_examples("test") or 9))])
    with inject("capitals", {"test": CHAD["test"] * 5}) as task:
        assert MixtureRegistry.get("counted").get_rate(task) == 5
    assert MixtureRegistry.get("counted").get_rate(capitals) == 1


def test_a_task_under_two_names(capitals):
    TaskRegistry.add_provider("alias", capitals)
    with inject("alias", CHAD) as task:
        assert TaskRegistry.get("capitals") is TaskRegistry.get("alias") is task
    assert TaskRegistry.get("capitals") is TaskRegistry.get("alias") is capitals


def test_it_is_undone_on_an_error(capitals):
    MixtureRegistry.add("mixture", [("capitals", 1)])
    mixture = MixtureRegistry.get("mixture")
    with pytest.raises(RuntimeError, match="on the way"), inject("capitals", CHAD):
        raise RuntimeError("on the way")
    assert TaskRegistry.get("capitals") is capitals
    assert MixtureRegistry.get("mixture") is mixture


def test_what_else_the_block_does_to_the_registries_stays(capitals, make_task):
    with inject("capitals", CHAD):
        TaskRegistry.remove("capitals")
        TaskRegistry.add_provider("more", make_task("more"))
    assert TaskRegistry.get("capitals") is capitals
    assert "more" in TaskRegistry.names()


def test_blocks_within_blocks(capitals, make_task):
    TaskRegistry.add_provider("other", make_task("other"))
    MixtureRegistry.add("both", [("capitals", 1), ("other", 1)])
    togo = {"test": [{"country": "Togo", "capital": "Lomé"}]}
    with inject("capitals", CHAD) as outer, inject("other", togo):
        assert set(countries(MixtureRegistry.get("both"))) <= {"Chad", "Togo"}
        with inject("capitals", togo) as inner:
            assert countries(TaskRegistry.get("capitals")) == countries(inner) == ["Togo"]
        assert TaskRegistry.get("capitals") is outer


def test_a_block_may_be_entered_again_but_not_twice(capitals):
    injection = inject("capitals", CHAD)
    for _ in range(2):
        with injection:
            assert countries(TaskRegistry.get("capitals")) == ["Chad"]
            with pytest.raises(ArgumentError, match="is entered already"):
                injection.__enter__()
    assert TaskRegistry.get("capitals") is capitals


def test_a_task_that_requires_its_cache_is_read_without(make_task):
    task = make_task("cached")
    steps = [*task.preprocessors[:2], CacheDatasetPlaceholder(required=True, file_shuffle_buffer_size=3)]
    task = task.replace(preprocessors=[*steps, *task.preprocessors[2:]])
    with inject(task, CHAD) as injected:
        assert countries(injected) == ["Chad"]
        assert injected.preprocessors[2].file_shuffle_buffer_size == 3
    assert task.requires_caching


def read(rows, **options):
    """The raw examples that a task without preprocessors gives for rows, and their types."""
    task = Task("raw", source=FakeSource(), output_features={})
    with inject(task, {"test": rows}, **options) as injected:
        dataset = injected.get_dataset(split="test", shuffle=False)
        return list(dataset), dataset.element_spec


class FakeSource(DataSource):
    """Must never be opened."""

    supports_arbitrary_sharding = False

    def __init__(self):
        super().__init__(["test"])

    def list_shards(self, split):
        raise NotImplementedError

    def get_dataset(self, *args, **kwargs):
        raise NotImplementedError


@pytest.mark.parametrize(
    "row",
    [
        {"text": "a", "count": 3, "share": 0.5, "flag": True, "list": ["a", "b"]},
        {"answers": {"text": ["a", "b"], "start": [1, 2], "deep": {"er": 1}}, "idx/passage": 3},
        {"ragged": tf.ragged.constant([[1], [2, 3]], tf.int32), "tensor": tf.constant([1.5])},
        {"array": np.array([1, 2], np.uint8), "scalar": np.int32(1)},
    ],
)
def test_rows_hold_what_a_source_gives(row):
    examples, _ = read([row, row])
    assert_examples(examples, [row, row])


def test_numbers_are_what_files_give_unless_it_is_said():
    row = {"count": 3, "answers": {"start": [1]}}
    _, spec = read([row])
    assert (spec["count"].dtype, spec["answers"]["start"].dtype) == (tf.int64, tf.int64)
    _, spec = read([row], features={"count": tf.int32, "answers / start": tf.TensorSpec([None], tf.int32)})
    assert (spec["count"].dtype, spec["answers"]["start"].dtype) == (tf.int32, tf.int32)


def test_no_rows():
    with pytest.raises(SourceError, match="has no rows in split 'test', so nobody knows its features"):
        read([])
    examples, spec = read([], features={"a": tf.string})
    assert (examples, spec["a"].dtype) == ([], tf.string)


def test_a_dataset_and_rows(capitals):
    dataset = tf.data.Dataset.from_tensors(CHAD["test"][0])
    with inject("capitals", {"made": dataset, "test": CHAD["test"]}) as task:
        assert countries(task, "made") == countries(task, "test") == ["Chad"]
        assert task.num_input_examples("made") is None
        assert task.num_input_examples("test") == 1


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([], "Rows are given by split"),
        ({}, "Rows are given by split"),
        ({"test": {"country": "Chad"}}, "Put a single row in a list"),
        ({"test": "Chad"}, "expected a list of rows"),
        ({"test": [3]}, "Row 0 of split 'test' is 3; expected a dictionary"),
    ],
)
def test_rows_that_are_none(capitals, rows, text):
    with pytest.raises(ArgumentError, match=text):
        inject("capitals", rows)


def test_a_split_that_was_not_given(capitals):
    with inject("capitals", CHAD) as task, pytest.raises(ArgumentError, match="has no split 'train'; it has 'test'"):
        task.get_dataset(split="train")


def test_what_is_no_task(capitals):
    MixtureRegistry.add("mixture", [("capitals", 1)])
    with pytest.raises(UnknownNameError, match="No task named 'capital' is registered. Nearest names: 'capitals'"):
        inject("capital", CHAD)
    with pytest.raises(ArgumentError, match="'mixture' is a mixture; expected a task. Its tasks are capitals"):
        inject("mixture", CHAD)
    with pytest.raises(ArgumentError, match="is a mixture"):
        inject(Mixture("m", [(capitals, 1)]), CHAD)  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match="Expected a task or the name of one, found int"):
        inject(3, CHAD)  # type: ignore[arg-type]


def test_a_task_and_a_mixture_of_one_name(capitals):
    MixtureRegistry.add("capitals", [(capitals, 1)])
    with inject("capitals", CHAD):
        assert countries(TaskRegistry.get("capitals")) == ["Chad"]
        assert countries(get_mixture_or_task("capitals")) == ["Chad"]


def test_one_example_in_each_split(capitals):
    with inject_example("capitals", {"train": {"country": "Chad", "capital": "N'Djamena", "size": 3}}) as task:
        assert task.source.get_dataset("train").element_spec["size"].dtype == tf.int32
        assert countries(task, "train") == ["Chad"]
    with pytest.raises(ArgumentError, match="Rows are given by split"):
        inject_example("capitals", {})
