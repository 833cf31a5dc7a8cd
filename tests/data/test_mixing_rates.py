"""Rates from what is known of a task."""

from __future__ import annotations

import functools
import json
import logging

import pytest

from evalkit.data import (
    CacheDatasetPlaceholder,
    Mixture,
    mixing_rate_num_characters,
    mixing_rate_num_examples,
    set_global_cache_dirs,
)
from evalkit.errors import ArgumentError, ArgumentTypeError, CacheError, DefinitionError, NotCachedError


@pytest.fixture
def make_cached(tmp_path, make_task):
    """Makes a task with an offline cache, of which only the statistics exist."""
    set_global_cache_dirs([tmp_path])

    def make(name="cached", split="train", **stats):
        (tmp_path / name).mkdir()
        (tmp_path / name / "COMPLETED").touch()
        (tmp_path / name / f"stats.{split}.json").write_text(json.dumps(stats))
        (tmp_path / name / f"info.{split}.json").write_text(json.dumps({"features": {}, "num_shards": 1}))
        return make_task(name, preprocessors=[CacheDatasetPlaceholder()])

    yield make
    set_global_cache_dirs([])


@pytest.fixture
def uncached(make_source, make_task):
    return make_task(
        "uncached",
        source=make_source(30, num_input_examples={"train": 30, "empty": 0}, splits=("train", "unknown", "empty")),
    )


@pytest.mark.parametrize(
    ("arguments", "rate"),
    [
        ({}, 3.0),
        ({"scale": 27}, 81.0),
        ({"scale": 27, "temperature": 2}, 9.0),
        ({"scale": 27, "temperature": 0.5, "maximum": 50.5}, 2550.25),  # the limit comes before the temperature
        ({"maximum": 2}, 2.0),
        ({"fallback_to_num_input_examples": False}, 3.0),
    ],
)
def test_the_number_of_examples(make_cached, arguments, rate):
    found = mixing_rate_num_examples(make_cached(examples=3), **arguments)
    assert found == rate
    assert isinstance(found, float)


def test_another_split(make_cached):
    assert mixing_rate_num_examples(make_cached(split="test", examples=7), split="test") == 7


def test_without_a_cache_the_source_is_asked(uncached, caplog):
    with caplog.at_level(logging.WARNING, "absl"):
        assert mixing_rate_num_examples(uncached) == 30
    assert "Task 'uncached' is not cached; its rate comes from 30 raw examples" in caplog.text


def test_the_source_is_not_asked_where_that_is_not_wanted(uncached):
    with pytest.raises(NotCachedError, match="'uncached' does not exist in any of the task cache directories"):
        mixing_rate_num_examples(uncached, fallback_to_num_input_examples=False)


def test_the_number_of_characters(make_cached):
    task = make_cached(examples=3, text_chars=100, targets_chars=49)
    assert mixing_rate_num_characters(task) == 100
    assert mixing_rate_num_characters(task, temperature=2, char_count_name="targets_chars") == 7
    assert mixing_rate_num_characters(task, 0.5) == 10_000


def test_mixtures_ask_for_the_rates_of_their_tasks(make_cached):
    tasks = [make_cached("small", examples=4), make_cached("large", examples=16)]
    mixture = Mixture("sized", tasks, default_rate=functools.partial(mixing_rate_num_examples, temperature=2.0))
    assert [mixture.get_rate(task) for task in tasks] == [2, 4]


def test_a_statistic_that_is_missing(make_cached):
    task = make_cached(examples=3, inputs_tokens=9)
    message = "statistics of task 'cached', split 'train', have no 'text_chars'; they have examples, inputs_tokens"
    with pytest.raises(CacheError, match=message):
        mixing_rate_num_characters(task)


@pytest.mark.parametrize("rate_of", [mixing_rate_num_characters, mixing_rate_num_examples])
def test_a_split_that_was_not_cached(make_cached, rate_of):
    with pytest.raises(CacheError, match="do not exist for 'cached' split: train"):
        rate_of(make_cached(split="test", examples=3))


def test_characters_need_a_cache(uncached):
    with pytest.raises(NotCachedError, match="'uncached' does not exist in any"):
        mixing_rate_num_characters(uncached)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("test", "Task 'uncached' has no split 'test' to take a rate from; its splits are train, unknown, empty"),
        (
            "unknown",
            "Task 'uncached' is not cached, and the number of examples of its source in split 'unknown' is None",
        ),
        ("empty", "the number of examples of its source in split 'empty' is 0. Cache the task"),
    ],
)
def test_nothing_to_take_a_rate_from(uncached, split, message):
    with pytest.raises(DefinitionError, match=message):
        mixing_rate_num_examples(uncached, split=split)


@pytest.mark.parametrize("arguments", [{"temperature": 0}, {"scale": -1}, {"maximum": 0}])
def test_arguments_that_are_not_above_zero(uncached, arguments):
    ((name, value),) = arguments.items()
    with pytest.raises(ArgumentError, match=f"{name}={value} of a mixing rate; expected a number above 0"):
        mixing_rate_num_examples(uncached, **arguments)
    if name == "temperature":
        with pytest.raises(ArgumentError, match="temperature=0 of a mixing rate"):
            mixing_rate_num_characters(uncached, **arguments)


@pytest.mark.parametrize("rate_of", [mixing_rate_num_characters, mixing_rate_num_examples])
def test_mixtures_have_no_statistics(uncached, rate_of):
    with pytest.raises(ArgumentTypeError, match="'inner' is no task, and has no statistics; give its rate as a number"):
        rate_of(Mixture("inner", [uncached], default_rate=1))
