"""The randomness of maps: counted from one number, the same in every run, separate between threads."""

from __future__ import annotations

import functools
import threading

import numpy as np
import pytest
import tensorflow as tf

from evalkit.errors import ArgumentError
from evalkit.transforms import map_over_dataset, map_seed_manager, stateless_shuffle


@map_over_dataset(num_seeds=1)
def one_seed(example, seed):
    return tf.stack(seed)


@map_over_dataset(num_seeds=2)
def two_seeds(example, seeds):
    return tf.stack([tf.stack(seed) for seed in seeds])


def numbers(dataset):
    return [value.tolist() for value in dataset.as_numpy_iterator()]


def examples(count=3):
    return tf.data.Dataset.range(count)


def stream(seed, count=3):
    return [int(value) for value in tf.data.Dataset.random(seed).take(count).as_numpy_iterator()]


def test_a_map_without_seeds():
    @map_over_dataset
    def increment(example):
        return example + 1

    assert numbers(increment(examples())) == [1, 2, 3]


def test_a_map_with_arguments_given_when_it_is_applied():
    @map_over_dataset()
    def affine(example, factor, offset=0):
        return example * factor + offset

    assert numbers(affine(examples(), 2)) == [0, 2, 4]
    assert numbers(functools.partial(affine, factor=2)(examples(), offset=1)) == [1, 3, 5]


def test_one_seed_is_a_pair_from_the_next_two_streams():
    with map_seed_manager(123):
        seeds = numbers(one_seed(examples()))
    assert seeds == [list(pair) for pair in zip(stream(123), stream(124), strict=True)]


def test_several_seeds_are_pairs_from_consecutive_streams():
    with map_seed_manager(123):
        seeds = numbers(two_seeds(examples()))
    expected = zip(stream(123), stream(124), stream(125), stream(126), strict=True)
    assert seeds == [[[a, b], [c, d]] for a, b, c, d in expected]


def test_the_next_map_takes_the_next_streams():
    with map_seed_manager(7):
        numbers(two_seeds(examples()))
        seeds = numbers(one_seed(examples()))
    assert seeds == [list(pair) for pair in zip(stream(11), stream(12), strict=True)]


def test_a_seeded_map_repeats_itself_on_every_pass():
    with map_seed_manager(7):
        dataset = one_seed(examples())
    assert numbers(dataset) == numbers(dataset)


def test_the_numbers_are_those_of_seqio():
    """Drawn by seqio 0.0.20 from `map_seed_manager(123)` and a uniform integer below 10 for each example."""

    @map_over_dataset(num_seeds=1)
    def noise(example, seed, offset):
        return tf.random.stateless_uniform([], seed, 0, 10, tf.int32) + offset

    with map_seed_manager(initial_seed=123):
        dataset = functools.partial(noise, offset=0)(examples(10))
    assert numbers(dataset) == [7, 4, 4, 3, 3, 6, 6, 9, 7, 6]


def test_without_a_manager_every_map_is_random():
    assert numbers(one_seed(examples())) != numbers(one_seed(examples()))
    with map_seed_manager(None):
        assert numbers(one_seed(examples())) != numbers(one_seed(examples()))


def test_managers_nest_and_the_outer_one_goes_on_where_it_was():
    with map_seed_manager(1):
        one_seed(examples())
        with map_seed_manager(100):
            inner = numbers(one_seed(examples()))
        outer = numbers(one_seed(examples()))
    assert inner[0] == [stream(100)[0], stream(101)[0]]
    assert outer[0] == [stream(3)[0], stream(4)[0]]


def test_an_exception_leaves_no_seed_behind():
    with pytest.raises(RuntimeError, match="in the block"), map_seed_manager(1):
        raise RuntimeError("in the block")
    assert numbers(one_seed(examples())) != numbers(one_seed(examples()))


def test_threads_do_not_disturb_each_other():
    barrier = threading.Barrier(4)
    found = {}

    def build(seed):
        with map_seed_manager(seed):
            barrier.wait()
            first = one_seed(examples())
            barrier.wait()
            found[seed] = (numbers(first), numbers(one_seed(examples())))

    threads = [threading.Thread(target=build, args=(seed,)) for seed in (10, 20, 30, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, (first, second) in found.items():
        assert first[0] == [stream(seed)[0], stream(seed + 1)[0]]
        assert second[0] == [stream(seed + 2)[0], stream(seed + 3)[0]]
    assert len(found) == 4


def test_a_number_of_seeds_below_one_is_refused():
    with pytest.raises(ArgumentError, match=r"num_seeds=0; expected at least 1"):
        map_over_dataset(num_seeds=0)


def test_the_transform_keeps_the_name_and_the_documentation_of_its_function():
    assert one_seed.__name__ == "one_seed"


def test_a_stateless_shuffle_permutes_all_elements_and_keeps_the_shape():
    value = tf.reshape(tf.range(12), [3, 4])
    shuffled = stateless_shuffle(value, (20, 30)).numpy()
    assert shuffled.shape == (3, 4)
    assert sorted(shuffled.ravel().tolist()) == list(range(12))
    np.testing.assert_array_equal(shuffled, stateless_shuffle(value, (20, 30)))
    assert not np.array_equal(shuffled, stateless_shuffle(value, (20, 31)))
