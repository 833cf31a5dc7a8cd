from __future__ import annotations

import dataclasses
import functools

import pytest

from evalkit.data.signature import function_name, parameter_names, requires
from evalkit.transforms import map_over_dataset


def trim(dataset, sequence_length, *, side="left"):
    return dataset


@map_over_dataset
def mapped(example, sequence_length=None):
    return example


def only_by_name(dataset, *rest, sequence_length, **more):
    return dataset


class Preprocessor:
    def __call__(self, dataset, output_features):
        return dataset


@dataclasses.dataclass
class Cutting:
    sequence_length: int = 0

    def __call__(self, dataset):
        return dataset


# function, its name, its parameters, whether it requires sequence_length
CASES = [
    (trim, "trim", {"dataset", "sequence_length", "side"}, True),
    (functools.partial(trim, side="right"), "trim", {"dataset", "sequence_length", "side"}, True),
    (functools.partial(trim, sequence_length=3), "trim", {"dataset", "sequence_length", "side"}, False),
    (functools.partial(functools.partial(trim, None), 3), "trim", {"side"}, False),
    (only_by_name, "only_by_name", {"dataset", "sequence_length"}, True),
    (functools.partial(only_by_name, None, 1, 2), "only_by_name", {"sequence_length"}, True),
    (functools.wraps(trim)(lambda *args: args), "trim", {"dataset", "sequence_length", "side"}, True),
    (mapped, "mapped", {"example", "sequence_length"}, False),  # the signature of what is decorated
    (Preprocessor(), "Preprocessor", {"dataset", "output_features"}, False),
    (Cutting(), "Cutting", {"dataset", "sequence_length"}, False),
    (lambda dataset: dataset, "<lambda>", {"dataset"}, False),
    (dict, "dict", set(), False),  # a builtin without a signature
]


@pytest.mark.parametrize(("function", "name", "parameters", "requires_length"), CASES)
def test_what_a_function_takes(function, name, parameters, requires_length):
    assert function_name(function) == name
    assert parameter_names(function) == parameters
    assert requires(function, "sequence_length") == requires_length
