"""Less data, and nothing else changed."""

from __future__ import annotations

import pytest

from evalkit import errors
from evalkit.data import MixtureRegistry, TaskRegistry
from evalkit.derived import mixture_or_task_with_truncated_data


def read(provider, split="train", **kwargs):
    return [int(x["inputs"][0]) for x in provider.get_dataset(split=split, **kwargs).as_numpy_iterator()]


def test_a_task_reads_the_first_examples_and_keeps_the_rest(add_task, check_nothing_is_lost):
    task = add_task(splits=["train", "test"])
    new = mixture_or_task_with_truncated_data("full", "new", split_sizes={"train": 2})
    assert TaskRegistry.get("new") is new
    assert read(new, shuffle=False) == [0, 1] and sorted(read(new)) == [0, 1]
    assert read(new, "test", shuffle=False) == read(task, shuffle=False) == [0, 1, 2, 3]
    check_nothing_is_lost(new, task, changed=["source"])


def test_a_task_that_must_not_be_shuffled_still_must_not(add_task):
    task = add_task(shuffle_buffer_size=None)
    new = mixture_or_task_with_truncated_data(task, "new", split_sizes={"train": 2}, add_to_seqio_registry=False)
    assert new.shuffle_buffer_size is None and "new" not in TaskRegistry.names()
    with pytest.raises(errors.ArgumentError, match="Shuffling is disallowed for Task 'new'"):
        new.get_dataset()
    assert read(new, shuffle=False) == [0, 1]


def test_in_a_mixture_each_task_is_truncated(add_task, add_mixture, check_nothing_is_lost):
    one = add_task("one")
    add_task("two", splits=["train", "test"])
    add_mixture("inner", [("one", 1), ("two", 3)])
    outer = add_mixture("outer", [("inner", 2)])
    new = mixture_or_task_with_truncated_data("outer", "new", split_sizes={"train": 1, "test": 2})
    assert set(MixtureRegistry.names()) == {"inner", "outer", "new", "new.inner"}
    assert [task.name for task in new.tasks] == ["new.inner.one", "new.inner.two"]
    assert [new.get_rate(task) for task in new.tasks] == [0.5, 1.5]
    assert [read(task, shuffle=False) for task in new.tasks] == [[0], [0]]
    assert read(new.tasks[1], "test", shuffle=False) == [0, 1]
    check_nothing_is_lost(new, outer)
    check_nothing_is_lost(new.tasks[0], one, changed=["source"])


def test_sizes_are_checked_before_anything_is_registered(add_task, add_mixture):
    add_task()
    with pytest.raises(errors.ArgumentError, match=r"split_sizes\['train'\] must be at least 1, found 0"):
        mixture_or_task_with_truncated_data("full", "new", split_sizes={"train": 0})
    with pytest.raises(errors.DuplicateNameError, match="'full' is already registered"):
        mixture_or_task_with_truncated_data("full", "full", split_sizes={"train": 1})
    assert set(TaskRegistry.names()) == {"full"}
