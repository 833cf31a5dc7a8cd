"""Copying and recalling: what is generated, and how outputs are judged."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evalkit
from evalkit.data import scoped_registries
from evalkit.errors import ArgumentError, DuplicateNameError
from evalkit.tasks import recall
from evalkit.testing import check_task, run_task

TASKS = [recall.RECALL, recall.COPY]


def read(task, split="test"):
    """Pairs of inputs and targets, as tuples."""
    examples = task.get_dataset(split=split, shuffle=False).as_numpy_iterator()
    return [(tuple(example["inputs"].tolist()), tuple(example["targets"].tolist())) for example in examples]


def evaluate(task, outputs, converter):
    """The metrics of a model that gives `outputs`, by the real Evaluator."""
    with evalkit.Evaluator(task, converter, eval_split="test") as evaluator:
        future, _ = evaluator.evaluate(predict_fn=lambda dataset: list(enumerate(outputs)))
        return future.result()[task.name]


def counts(metrics):
    return [metrics[name] for name in ("correct", "wrong", "unparsed", "n")]


@pytest.mark.parametrize("task", TASKS)
def test_it_keeps_what_every_task_must(task):
    sizes = {split: len(read(task, split)) for split in task.splits}
    assert sizes == recall.SPLIT_SIZES
    check_task(task, split="validation", target_metrics={"accuracy": 1.0, "token_accuracy": 1.0, "n": 1000})


def test_no_example_is_there_twice():
    sizes = {"test": 20, "train": 34}  # of 3 * 2 * 3**2 * 2 = 108
    small = recall.register_recall("small", num_keys=3, num_values=3, num_pairs=2, split_sizes=sizes)
    for task in (small, *TASKS):
        examples = [example for split in task.splits for example in read(task, split)]
        assert len(set(examples)) == len(examples)


@given(
    num_keys=st.integers(2, 9), num_values=st.integers(2, 9), num_pairs=st.integers(2, 5), seed=st.integers(0, 2**32)
)
@settings(max_examples=15, deadline=None)
def test_the_value_stands_behind_its_key(num_keys, num_values, num_pairs, seed):
    num_keys = max(num_keys, num_pairs)
    with scoped_registries():
        task = recall.register_recall("small", num_keys, num_values, num_pairs, {"test": 4}, seed)
    for inputs, targets in read(task):
        *pairs, mark, key = inputs
        keys, values = pairs[::2], pairs[1::2]
        assert mark == recall.MARK
        assert len(keys) == len(values) == len(set(keys)) == num_pairs
        assert all(4 <= key < 4 + num_keys for key in keys)
        assert all(4 + num_keys <= value < 4 + num_keys + num_values for value in values)
        assert targets == (dict(zip(keys, values, strict=True))[key],)
        assert max(inputs) < task.output_features["inputs"].vocabulary.vocab_size


@given(min_length=st.integers(1, 6), more=st.integers(2, 6), num_symbols=st.integers(3, 40))
@settings(max_examples=15, deadline=None)
def test_symbols_are_copied(min_length, more, num_symbols):
    with scoped_registries():
        task = recall.register_copy("small", num_symbols, min_length, min_length + more, {"test": 8})
    for inputs, targets in read(task):
        assert inputs == (*targets, recall.MARK)
        assert min_length <= len(targets) <= min_length + more
        assert all(4 <= symbol < 4 + num_symbols for symbol in targets)


def test_the_seed_decides():
    first, same, other = (
        recall.register_recall(name, split_sizes={"test": 50}, seed=seed)
        for name, seed in (("first", 7), ("same", 7), ("other", 8))
    )
    assert read(first) == read(same) != read(other)
    more = recall.register_recall("more", split_sizes={"test": 50, "train": 100}, seed=7)
    assert read(more) == read(first)


@pytest.mark.parametrize(
    "converter", [evalkit.EncDecFeatureConverter(pack=False), evalkit.PrefixLMFeatureConverter(pack=False)]
)
@pytest.mark.parametrize("task", TASKS)
def test_models_that_are_right_wrong_and_lost(task, converter):
    targets = [list(target) for _, target in read(task)]
    right = evaluate(task, targets, converter)
    assert counts(right) == [1000, 0, 0, 1000]
    assert right["token_accuracy"] == right["accuracy"] == 1
    last = task.output_features["targets"].vocabulary.vocab_size - 1
    changed = [[4 if symbol == last else symbol + 1 for symbol in target] for target in targets]
    wrong = evaluate(task, changed, converter)
    assert counts(wrong) == [0, 1000, 0, 1000]
    assert wrong["token_accuracy"] == wrong["accuracy"] == 0
    for lost in ([], [0], [recall.MARK], [last + 1]):
        metrics = evaluate(task, [lost] * 1000, converter)
        assert counts(metrics) == [0, 0, 1000, 1000]
        assert metrics["token_accuracy"] == 0


def test_every_id_is_judged_and_nothing_behind():
    rows = [{"inputs": [*symbols, 3], "targets": symbols} for symbols in ([4, 5, 6, 7], [8, 9], [4, 4], [5, 6, 7])]
    run = run_task(
        "copy",
        rows,
        features={"inputs": "int32", "targets": "int32"},
        predictions=[[4, 5, 6, 9], [8, 9, 1, 0], [4], [5, 1, 7]],
    )
    assert counts(run.metrics) == [1, 1, 2, 4]
    assert run.metrics["token_accuracy"] == pytest.approx((3 + 2 + 1 + 2) / 11)  # ids behind an EOS count as well


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_pairs": 0}, "num_pairs must be at least 1, found 0"),
        ({"num_keys": 3}, "num_keys must be at least 4, found 3"),
        ({"num_values": 1}, "num_values must be at least 2, found 1"),
        ({"split_sizes": {"test": 0}}, r"split_sizes\['test'\] must be at least 1, found 0"),
        ({"num_keys": 2, "num_values": 2, "num_pairs": 1}, "'bad': there are only 4 different examples, and 10000 are"),
    ],
)
def test_what_recall_cannot_be_made_of(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        recall.register_recall("bad", **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_symbols": 1}, "num_symbols must be at least 2, found 1"),
        ({"min_length": 0}, "min_length must be at least 1, found 0"),
        ({"max_length": 3}, "max_length must be at least 4, found 3"),
        ({"num_symbols": 2}, "'bad': there are only 4096 different examples"),
    ],
)
def test_what_copy_cannot_be_made_of(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        recall.register_copy("bad", **arguments)


def test_a_name_is_taken_once():
    with pytest.raises(DuplicateNameError, match="recall"):
        recall.register_recall("recall")
    with pytest.raises(DuplicateNameError, match="copy"):
        recall.register_copy("copy")
