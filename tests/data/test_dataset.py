from __future__ import annotations

import pytest

from evalkit.data import MixtureRegistry, ShardInfo, TaskRegistry, get_dataset
from evalkit.errors import ArgumentError, ArgumentTypeError, UnknownNameError
from evalkit.feature_converters import EncDecFeatureConverter

LENGTHS = {"inputs": 2, "targets": 4}


@pytest.fixture
def numbers(make_task):
    task = make_task("numbers")
    TaskRegistry.add_provider("numbers", task)
    return task


def first_tokens(dataset):
    return [int(example["encoder_input_tokens"][0]) for example in dataset.as_numpy_iterator()]


def test_a_task_by_name_becomes_model_features(numbers, caplog):
    caplog.set_level("INFO")
    dataset = get_dataset("numbers", LENGTHS, EncDecFeatureConverter(pack=False))
    example = list(dataset.as_numpy_iterator())[7]
    assert example["encoder_input_tokens"].tolist() == [7, 0]
    assert example["decoder_target_tokens"].tolist() == [7, 7, 7, 0]
    assert len(dataset) == 10
    assert "feature: encoder_input_tokens" in caplog.text


def test_tasks_and_mixtures_may_be_given_as_objects(numbers):
    mixture = MixtureRegistry.add("mix", [("numbers", 1)])
    for provider in (numbers, mixture, "mix"):
        assert first_tokens(get_dataset(provider, LENGTHS, EncDecFeatureConverter(pack=False))) == list(range(10))


def test_batches_are_whole(numbers):
    dataset = get_dataset("numbers", LENGTHS, EncDecFeatureConverter(pack=False), batch_size=4, verbose=False)
    assert [batch["encoder_input_tokens"].shape for batch in dataset] == [(4, 2), (4, 2)]


def test_shards_are_taken_before_the_conversion(numbers):
    dataset = get_dataset("numbers", LENGTHS, EncDecFeatureConverter(pack=False), shard_info=ShardInfo(1, 2))
    assert first_tokens(dataset) == [1, 3, 5, 7, 9]


def test_a_converter_that_is_none(numbers):
    with pytest.raises(ArgumentTypeError, match="should be an instance of FeatureConverter, found <class"):
        get_dataset("numbers", LENGTHS, EncDecFeatureConverter)  # type: ignore[arg-type]


def test_a_batch_of_nothing(numbers):
    with pytest.raises(ArgumentError, match="batch_size must be at least 1.* found 0"):
        get_dataset("numbers", LENGTHS, EncDecFeatureConverter(pack=False), batch_size=0)


def test_an_unknown_name(numbers):
    with pytest.raises(UnknownNameError, match="'number' is registered. Nearest names: 'numbers'"):
        get_dataset("number", LENGTHS, EncDecFeatureConverter(pack=False))
