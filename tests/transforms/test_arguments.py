"""Transforms get the arguments that they name, and no others."""

from __future__ import annotations

import dataclasses
import functools

from evalkit.transforms import add_kwargs_to_transform, map_over_dataset


def multiply(value, factor=1, offset=0):
    return value * factor + offset


@dataclasses.dataclass
class Scale:
    factor: int
    sequence_length: dict[str, int] | None = None

    def __call__(self, value):
        return self.factor * value


def test_a_function_gets_what_it_names():
    assert add_kwargs_to_transform(multiply, factor=3, unknown=10)(5) == 15


def test_a_function_that_names_nothing_is_returned_itself():
    assert add_kwargs_to_transform(multiply, unknown=10) is multiply
    assert add_kwargs_to_transform(multiply) is multiply


def test_what_a_partial_fixed_stays_fixed():
    bound = add_kwargs_to_transform(functools.partial(multiply, factor=2), factor=7, offset=1)
    assert bound(5) == 11


def test_a_dataclass_gets_its_fields_replaced_in_a_copy():
    original = Scale(10)
    bound = add_kwargs_to_transform(original, factor=2, sequence_length={"inputs": 4}, unknown=1)
    assert bound == Scale(2, {"inputs": 4})
    assert original == Scale(10)


def test_a_dataclass_itself_is_bound_as_the_function_that_it_is():
    assert add_kwargs_to_transform(Scale, factor=4, unknown=1)() == Scale(4)


def test_a_map_over_a_dataset_still_names_the_arguments_of_its_function():
    @map_over_dataset
    def cut(example, sequence_length):
        return example[:sequence_length]

    bound = add_kwargs_to_transform(cut, sequence_length=3, output_features={})
    assert isinstance(bound, functools.partial)
    assert bound.keywords == {"sequence_length": 3}
