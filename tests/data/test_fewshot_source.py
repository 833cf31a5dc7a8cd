"""Each example with its shots: which, in what order, and what stands in the way."""

from __future__ import annotations

import itertools
import threading

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.data import FewshotDataSource, FunctionDataSource, InMemoryDataSource, ShardInfo, TextLineDataSource
from evalkit.data.sources import named_read_errors
from evalkit.transforms import map_over_dataset


def numbered(dataset):
    """A preprocessor: numbers become examples."""
    return dataset.map(lambda number: {"inputs": number, "targets": -number})


def make(num_shots=2, train=10, test=5, splits=("train", "test"), **kwargs):
    """A few-shot source of the numbers 100, 101 … for training, and 0, 1 … to evaluate."""

    def dataset_fn(split, shuffle_files, seed=None):
        return tf.data.Dataset.range(100, 100 + train) if split == "train" else tf.data.Dataset.range(test)

    source = FunctionDataSource(dataset_fn, splits=splits)
    return FewshotDataSource(
        source, num_shots, **{"train_preprocessors": [numbered], "eval_preprocessors": [numbered], **kwargs}
    )


def read(source, split="test", shuffle=False, limit=None, **kwargs):
    """The examples as pairs of the number that is evaluated and those of the shots."""
    examples = itertools.islice(source.get_dataset(split, shuffle=shuffle, **kwargs).as_numpy_iterator(), limit)
    return [(int(x["eval"]["inputs"]), x["train"]["inputs"].tolist() if "train" in x else None) for x in examples]


def test_each_example_comes_with_shots_of_the_training_split():
    examples = read(make(num_shots=3))
    assert [number for number, _ in examples] == [0, 1, 2, 3, 4]
    assert all(len(shots) == 3 and min(shots) >= 100 for _, shots in examples)
    assert len({shot for _, shots in examples[:3] for shot in shots}) == 9  # one round goes before the next
    assert set(make().get_dataset("test").element_spec["train"]) == {"inputs", "targets"}


def test_without_shots_the_training_split_is_not_asked_for():
    source = make(num_shots=0, splits=["test"])
    assert read(source) == [(0, None), (1, None), (2, None), (3, None), (4, None)]


@given(st.integers(1, 12), st.integers(0, 7), st.integers(1, 5), st.integers(0, 9), st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_same_seed_gives_the_same_shots(train, test, num_shots, seed, shuffle):
    examples = read(make(num_shots, train, test), shuffle=shuffle, seed=seed)
    assert examples == read(make(num_shots, train, test), shuffle=shuffle, seed=seed)
    assert sorted(number for number, _ in examples) == list(range(test))
    assert all(len(shots) == num_shots for _, shots in examples)
    drawn = [shot for _, shots in examples for shot in shots]
    for start in range(0, len(drawn) - train + 1, train):  # every row once, before any comes again
        assert sorted(drawn[start : start + train]) == list(range(100, 100 + train))


def test_other_seeds_give_other_shots_and_no_seed_other_ones_each_time():
    source = make(train=1000)
    assert read(source, shuffle=True, seed=1) != read(source, shuffle=True, seed=2)
    assert read(source, shuffle=True) != read(source, shuffle=True)
    assert read(source) == read(source)  # shots are shuffled, but not at random


def test_random_preprocessors_follow_the_seed():
    @map_over_dataset(num_seeds=1)
    def draw(number, seed):
        return {"inputs": tf.random.stateless_uniform([], seed, 0, 1_000_000, tf.int64), "targets": number}

    source = make(train_preprocessors=[draw], eval_preprocessors=[draw])
    assert read(source, seed=1) == read(source, seed=1)
    assert read(source, seed=1) != read(source, seed=2)
    evaluated, shots = zip(*read(source, "train", shuffle=True, seed=1, limit=5), strict=True)
    assert not set(evaluated) & set(itertools.chain(*shots))


def test_an_example_of_the_training_split_is_not_always_its_own_shot():
    source = make(num_shots=1)
    for kwargs in ({"shuffle": True, "seed": 123}, {"shuffle": False}):
        assert any([number] != shots for number, shots in read(source, "train", **kwargs))


def test_shots_may_be_the_same_for_all():
    source = make(eval_on_fixed_exemplars=True)
    assert len({tuple(shots) for _, shots in read(source, shuffle=True, seed=1)}) == 1
    assert len({tuple(shots) for _, shots in read(source, "train")}) > 1


def test_shards_divide_examples_and_shots():
    shards = [read(make(1, train=6, test=6), shard_info=ShardInfo(index, 2)) for index in range(2)]
    assert [[number for number, _ in shard] for shard in shards] == [[0, 2, 4], [1, 3, 5]]
    assert [sorted(itertools.chain(*(shots for _, shots in shard))) for shard in shards] == [
        [100, 102, 104],
        [101, 103, 105],
    ]


def test_it_takes_after_the_original():
    original = InMemoryDataSource({"train": [{"inputs": "a", "targets": "b"}]})
    source = FewshotDataSource(original, 1)
    assert (source.splits, source.list_shards("train")) == (original.splits, original.list_shards("train"))
    assert source.caching_permitted and not source.supports_arbitrary_sharding
    forbidden = FunctionDataSource(lambda split, shuffle_files: None, ["train"], caching_permitted=False)
    assert not FewshotDataSource(forbidden, 1).caching_permitted
    assert repr(source) == f"FewshotDataSource(original_source={original!r}, num_shots=1, train_split='train')"


def test_the_fingerprint_covers_both_splits_and_how_they_are_combined():
    def source(train="a", test="b", **kwargs):
        rows = {"train": [{"inputs": train, "targets": "x"}], "test": [{"inputs": test, "targets": "y"}]}
        return FewshotDataSource(InMemoryDataSource(rows), **{"num_shots": 1, **kwargs})

    other = [source(train="c"), source(test="c"), source(num_shots=2), source(eval_on_fixed_exemplars=True)]
    other += [source(train_preprocessors=[numbered]), source(shuffle_buffer_size=5)]
    prints = [s.fingerprint("test") for s in [source(), *other]]
    assert len(set(prints)) == len(prints) and source().fingerprint("test") == prints[0]
    assert source(num_shots=0).fingerprint("test") == source(train="c", num_shots=0).fingerprint("test")
    assert source(train_preprocessors=[open(__file__)]).fingerprint("test") is None
    lock = threading.Lock()
    locked = FunctionDataSource(lambda split, shuffle_files: lock, ["train"])
    assert FewshotDataSource(locked, 1).fingerprint("train") is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_shots": -1}, "num_shots must be at least 0, found -1"),
        ({"shuffle_buffer_size": 0}, "shuffle_buffer_size must be at least 1, found 0"),
        ({"train_feature_keys": ()}, "train_feature_keys is empty"),
    ],
)
def test_arguments_are_checked_at_once(arguments, message):
    with pytest.raises(errors.ArgumentError, match=message):
        make(**arguments)


def test_a_missing_training_split_is_named():
    with pytest.raises(errors.ArgumentError, match=r"Train split 'train' is not one of .* splits: \('test',\)\. Name"):
        make(splits=["test"]).get_dataset("test")


def test_a_missing_split_is_named():
    with pytest.raises(errors.ArgumentError, match="no split 'dev'; it has 'train', 'test'"):
        make().get_dataset("dev")


def test_training_examples_must_have_the_features_that_are_kept():
    with pytest.raises(errors.FeatureError, match="no feature 'answer'. They have the features 'inputs', 'targets'"):
        make(train_feature_keys=["inputs", "answer"]).get_dataset("test")
    with pytest.raises(errors.FeatureError, match="no feature 'inputs'. They have no named features: TensorSpec"):
        make(train_preprocessors=[]).get_dataset("test")


def test_a_preprocessor_that_fails_is_named():
    def broken(dataset):
        raise KeyError("x")

    message = r"FewshotDataSource\(.*, train preprocessor 'broken' \(number 1 of 2\) raised KeyError: 'x'"
    with pytest.raises(errors.PreprocessorError, match=message):
        make(train_preprocessors=[numbered, broken]).get_dataset("test")
    with pytest.raises(errors.PreprocessorError, match="eval preprocessor '<lambda>' .* returned NoneType"):
        make(eval_preprocessors=[lambda dataset: None]).get_dataset("test")


def test_a_training_split_without_rows_is_an_error_and_no_empty_evaluation():
    with pytest.raises(errors.SourceError, match="Train split 'train' of .* is empty, so there are no shots. Pass an"):
        make(train=0).get_dataset("test")
    with pytest.raises(errors.SourceError, match="Train split 'train', shard 1 of 2, of .* is empty"):
        make(train=1).get_dataset("test", shard_info=ShardInfo(1, 2))


def test_where_only_reading_shows_that_there_are_no_rows_reading_is_the_error():
    none = make(train_preprocessors=[numbered, lambda dataset: dataset.filter(lambda example: False)])
    with pytest.raises(tf.errors.InvalidArgumentError, match="is empty, so there are no shots"):
        read(none)
    with pytest.raises(errors.SourceError, match="split 'test', cannot be read: Train split 'train' of .* is empty"):
        with named_read_errors(none, "test"):
            read(none)
    one = make(train_preprocessors=[numbered, lambda dataset: dataset.filter(lambda x: x["inputs"] == 103)])
    assert read(one)[:2] == [(0, [103, 103]), (1, [103, 103])]


def test_nothing_to_evaluate_is_an_empty_dataset():
    assert read(make(test=0)) == []


def test_damage_is_found_in_either_split(tmp_path):
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text("a\n")
    bad.write_bytes(b"\xff\n")
    for paths in ({"train": bad, "test": good}, {"train": good, "test": bad}):
        files = TextLineDataSource({split: str(path) for split, path in paths.items()})
        source = FewshotDataSource(files, 1, train_preprocessors=[lines], eval_preprocessors=[lines])
        with pytest.raises(errors.SourceError, match="FewshotDataSource, split 'test', cannot be read: file .*bad.txt"):
            with named_read_errors(source, "test"):
                list(source.get_dataset("test", shuffle=False))
        assert FewshotDataSource(files, 0).find_damage("test") == files.find_damage("test")


def lines(dataset):
    return dataset.map(lambda line: {"inputs": line, "targets": line})
