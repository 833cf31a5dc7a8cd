"""Examples compared with examples: which one, which feature, and where in it.

Whatever holds examples is taken: a `tf.data.Dataset`, a list of dictionaries, one dictionary. Nested dictionaries are
compared path by path, such as `answers/text`. What differs is an `AssertionError` that a test shows as it is:

    >>> assert_examples([{"inputs": [3, 4]}, {"inputs": [5]}], [{"inputs": [3, 4]}, {"inputs": [6]}])
    Traceback (most recent call last):
        ...
    AssertionError: 1 of 2 examples differ:
    example 1, feature 'inputs': at [0]: found 5, expected 6
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from evalkit import errors
from evalkit.data.nesting import flatten_dict
from evalkit.testing.values import Closeness, difference, dtype_of, plain, repeated, shown

Example = Mapping[str, Any]
Examples: TypeAlias = tf.data.Dataset | Iterable[Example] | Example

SHOWN = 5
"""How many examples that differ are shown."""


def assert_examples(found: Examples, expected: Examples, *, rtol: float = 1e-7, atol: float = 0.0) -> None:
    """Checks that `found` has the examples of `expected`, in the same order.

    Dtypes are compared where both values have one: those of tensors and arrays; Python's numbers and lists have none.

    Args:
      found: what was made.
      expected: what should have been made.
      rtol: how far floats may be apart, relatively.
      atol: how far floats may be apart, absolutely.

    Raises:
      AssertionError: they differ in number, features, shapes, dtypes or values.
      ArgumentError: one is infinite or does not hold dictionaries, or a tolerance is none.
    """
    __tracebackhide__ = True
    raise_if(report(read_examples(found), read_examples(expected), Closeness(rtol, atol)))


def assert_dataset(
    dataset: Examples,
    expected: Examples,
    expected_dtypes: Mapping[str, Any] | None = None,
    rtol: float = 1e-7,
    atol: float = 0.0,
) -> None:
    """Checks the values of a dataset, and the dtypes of those features that are asked for.

    The arguments are seqio's. As there, a single expected number or text stands for an array of which each element is
    that. (There, one also passes for an empty array, and an array for a single number; here neither does.)

    Args:
      dataset: what was made.
      expected: the examples, or the only one.
      expected_dtypes: dtypes of some features.
      rtol: how far floats may be apart, relatively.
      atol: how far floats may be apart, absolutely.

    Raises:
      AssertionError: they differ.
      ArgumentError: the dataset is infinite or does not hold dictionaries, or a tolerance is none.
    """
    __tracebackhide__ = True
    found = read_examples(dataset)
    raise_if(report(found, _spread(read_examples(expected), found), Closeness(rtol, atol, dtypes=False)))
    dtypes = _dtypes(dataset, found)
    wrong = [
        f"feature {name!r}: found dtype {dtypes.get(name)}, expected {tf.as_dtype(dtype).name}"
        for name, dtype in (expected_dtypes or {}).items()
        if dtypes.get(name) != tf.as_dtype(dtype).name
    ]
    raise_if("\n".join(wrong))


def assert_datasets_equal(dataset1: Examples, dataset2: Examples) -> None:
    """Checks that two datasets have exactly the same values, whatever their dtypes; `assert_examples` compares these.

    Raises:
      AssertionError: they differ.
      ArgumentError: one is infinite, or does not hold dictionaries.
    """
    __tracebackhide__ = True
    raise_if(_value_report(dataset1, dataset2))


def assert_datasets_differ(dataset1: Examples, dataset2: Examples) -> None:
    """Checks that two datasets do not have the same values, such as those of two seeds.

    Raises:
      AssertionError: they are equal.
      ArgumentError: one is infinite, or does not hold dictionaries.
    """
    __tracebackhide__ = True
    if _value_report(dataset1, dataset2) is None:
        raise AssertionError(
            f"The datasets are equal ({len(read_examples(dataset1))} examples); expected a difference."
        )


def assert_values_equal(a: Example, b: Example) -> None:
    """Checks that two dictionaries, of metrics or features, hold the same values under the same names.

    Raises:
      AssertionError: they differ.
    """
    __tracebackhide__ = True
    raise_if(_value_report(a, b))


def assert_contains(expected: Example, actual: Example) -> None:
    """Checks that a dictionary holds some values under some names; it may hold others.

    Args:
      expected: what must be there.
      actual: what is there.

    Raises:
      AssertionError: a name is missing, or a value differs.
    """
    __tracebackhide__ = True
    found = read_examples(actual)
    raise_if(report(found, _spread(read_examples(expected), found), Closeness(0, dtypes=False), more=True))


def read_examples(holder: Examples) -> list[dict[str, Any]]:
    """The examples of whatever holds them, each with its nested dictionaries made flat.

    Raises:
      ArgumentError: it is an infinite dataset, or does not hold dictionaries.
    """
    if isinstance(holder, Mapping):
        return [flatten_dict(holder)]
    if isinstance(holder, tf.data.Dataset) and holder.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise errors.ArgumentError("The dataset has no end, so its examples cannot be compared. Take some: take(10).")
    examples = list(holder)
    for index, example in enumerate(examples):
        if not isinstance(example, Mapping):
            raise errors.ArgumentError(
                f"Element {index} is {shown(plain(example))}; expected a dictionary from feature names to values. Of "
                "(index, example) pairs, take the second: dataset.map(lambda index, example: example)."
            )
    return [flatten_dict(example) for example in examples]


def report(
    found: Sequence[Example], expected: Sequence[Example], closeness: Closeness, more: bool = False
) -> str | None:
    """What `found` has that `expected` has not, and the opposite, a line each; None if nothing.

    Args:
      found: flat examples.
      expected: flat examples.
      closeness: of values.
      more: whether an example may have features that are not expected.
    """
    pairs = enumerate(zip(found, expected, strict=False))
    wrong = [lines for index, pair in pairs if (lines := list(_example_report(index, *pair, closeness, more)))]
    lines = list(itertools.chain.from_iterable(wrong[:SHOWN]))
    if wrong:
        lines.insert(0, f"{len(wrong)} of {len(expected)} examples differ:")
    if len(wrong) > SHOWN:
        lines.append(f"… and {len(wrong) - SHOWN} more.")
    if len(found) != len(expected):
        rest, word = (found, "not expected") if len(found) > len(expected) else (expected, "missing")
        first = min(len(found), len(expected))
        values = ", ".join(f"{name!r}: {shown(plain(value))}" for name, value in rest[first].items())
        lines.insert(
            0, f"Examples: found {len(found)}, expected {len(expected)}. Example {first} is {word}: {{{values}}}"
        )
    return "\n".join(lines) or None


def raise_if(message: str | None) -> None:
    """Raises what was found to be wrong, if anything was.

    Raises:
      AssertionError: something was.
    """
    __tracebackhide__ = True
    if message:
        raise AssertionError(message)


def _value_report(found: Examples, expected: Examples) -> str | None:
    return report(read_examples(found), read_examples(expected), Closeness(0, dtypes=False))


def _example_report(index: int, found: Example, expected: Example, closeness: Closeness, more: bool) -> Iterator[str]:
    for name, value in expected.items():
        if name not in found:
            yield f"example {index} lacks feature {name!r}; it has {', '.join(map(repr, found)) or 'none'}"
        elif text := difference(found[name], value, closeness):
            yield f"example {index}, feature {name!r}: {text}"
    for name in found:
        if name not in expected and not more:
            yield f"example {index} has feature {name!r}, which is not expected: {shown(plain(found[name]))}"


def _spread(expected: Sequence[Example], found: Sequence[Example]) -> list[Example]:
    """`expected`, where single values are repeated for each element of what was found."""
    partners = itertools.chain(found, itertools.repeat({}))
    return [
        {name: repeated(plain(value), plain(mine.get(name))) for name, value in example.items()}
        for example, mine in zip(expected, partners, strict=False)
    ]


def _dtypes(holder: Examples, examples: Sequence[Example]) -> dict[str, str | None]:
    if isinstance(holder, tf.data.Dataset):
        return {name: spec.dtype.name for name, spec in flatten_dict(holder.element_spec).items()}
    return {name: dtype_of(value) for name, value in (examples[0] if examples else {}).items()}
