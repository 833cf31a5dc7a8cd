"""What a mixture has of a split, with the rates that it had."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.data import FunctionDataSource, Mixture, MixtureRegistry, Task, TaskRegistry, scoped_registries
from evalkit.derived import mixture_with_missing_task_splits_removed


def without(mixture, split="test", name="new", **kwargs):
    return mixture_with_missing_task_splits_removed(mixture, split, name, **kwargs)


def test_tasks_without_the_split_are_left_out(add_task, add_mixture, check_nothing_is_lost):
    both, train, test = add_task("both", ["train", "test"]), add_task("train_only"), add_task("test_only", ["test"])
    mixture = add_mixture("mix", [("both", 0.3), ("train_only", 0.9), ("test_only", 0.7)])
    new = without("mix")
    assert MixtureRegistry.get("new") is new
    assert new.rate_per_task_name == {"both": 0.3, "test_only": 0.7} and new.tasks == [both, test]
    other = without(mixture, "train", "other", add_to_seqio_registry=False)
    assert "other" not in MixtureRegistry.names() and other.tasks == [both, train]
    assert set(TaskRegistry.names()) == {"both", "train_only", "test_only"}
    check_nothing_is_lost(new, mixture)


def test_what_a_nested_mixture_has_left_keeps_its_rates(add_task, add_mixture):
    add_task("both", ["train", "test"]), add_task("train_only"), add_task("test_only", ["test"])
    whole = add_mixture("whole", [("both", 1), ("test_only", 1)])
    part = add_mixture("part", [("train_only", 6), ("test_only", lambda task: 2), ("both", 1)])
    lost = add_mixture("lost", [("train_only", 1)])
    mixture = add_mixture("mix", [(whole, 4), (part, lambda mixture: 3 * len(mixture.tasks)), (lost, 5)])
    new = without("mix")
    assert [provider.name for provider, _ in new.entries] == ["whole", "new.part"]
    assert new.entries[0][0] is whole
    assert set(MixtureRegistry.names()) == {"whole", "part", "lost", "mix", "new", "new.part"}
    for task in new.tasks:
        assert new.get_rate(task) == pytest.approx(mixture.get_rate(task))


nested = st.recursive(
    st.integers(0, 5),
    lambda parts: st.lists(st.tuples(parts, st.floats(0.1, 9.0)), min_size=1, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.tuples(nested, st.floats(0.1, 9.0)), min_size=1, max_size=4), st.sets(st.integers(0, 5)))
@settings(max_examples=50, deadline=None)
def test_no_rate_changes(tree, lacking):
    tasks = {
        number: Task(
            f"task{number}",
            FunctionDataSource(
                lambda split, shuffle_files: None, ["train"] if number in lacking else ["train", "test"]
            ),
            {},
        )
        for number in range(6)
    }
    count = iter(range(1000))

    def build(parts):
        entries = {}
        for part, rate in parts:
            provider = tasks[part] if isinstance(part, int) else build(part)
            entries[provider.name] = (provider, rate)
        return Mixture(f"mix{next(count)}", entries.values())

    mixture = build(tree)
    left = [task for task in mixture.tasks if "test" in task.splits]
    if not left:
        with pytest.raises(errors.ArgumentError, match="No task of mixture .* has a split 'test'; .* 'train'"):
            without(mixture)
        return
    with scoped_registries():
        new = without(mixture)
    assert new.tasks == left
    for task in left:
        assert new.get_rate(task) == pytest.approx(mixture.get_rate(task))


def test_a_task_is_no_mixture(add_task):
    add_task()
    with pytest.raises(errors.ArgumentError, match="'full' is a task; expected a mixture"):
        without("full")


def test_an_unknown_mixture_and_a_taken_name(add_task, add_mixture):
    add_task("both", ["train", "test"]), add_task("train_only")
    add_mixture("part", [("both", 1), ("train_only", 1)])
    add_mixture("mix", [("part", 1)])
    with pytest.raises(errors.UnknownNameError, match="No task or mixture named 'mixx'"):
        without("mixx")
    with pytest.raises(errors.DuplicateNameError, match="Mixture 'mix' is already registered"):
        without("mix", name="mix")
    assert set(MixtureRegistry.names()) == {"part", "mix"}
