"""Working on windows of examples where a pipeline would work on one example at a time.

Calling a function for one example costs `tf.data` about 40 µs of CPU, whatever the function does; calling it for a
window of 32 examples, batched and taken apart again in C++, costs about the same. So functions here see a *window*: the
features of up to `WINDOW` consecutive examples as dense tensors `[examples, length, ...]`, padded at the end to the
longest of them. What they return is taken apart into examples again. Neither order nor number of examples changes.

A dataset made by this module remembers its windows, so a chain of steps takes the examples apart only once, at its end.

What a reader of the dataset may notice: examples are read ahead, a window at a time, and an example that raises takes
the rest of its window along, which matters to who skips failures with `ignore_errors`.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import tensorflow as tf

Window = dict[str, tf.Tensor]
OpenWindows = Callable[[Collection[str], Mapping[str, int]], tf.data.Dataset]

WINDOW = 32
_WINDOW_ELEMENTS = 1 << 20  # so that windows of large features (images, spectra) hold fewer examples
_OPEN_WINDOWS = "evalkit_open_windows"


def over_windows(function: Callable[..., Window]) -> Callable[..., Any]:
    """Declares that a function, or method, converts windows: its last argument is a window, and so is its result.

    Called directly it converts a single example, as an overriding method of a feature converter that calls `super()`
    expects; `map_examples` gives it whole windows.
    """

    @functools.wraps(function)
    def convert_one(*args: Any) -> Window:
        window = {name: tf.expand_dims(value, 0) for name, value in args[-1].items()}
        return {name: tf.squeeze(value, 0) for name, value in function(*args[:-1], window).items()}

    convert_one.over_windows = function  # type: ignore[attr-defined]
    return convert_one


def windows_of(
    dataset: tf.data.Dataset, names: Collection[str], padding: Mapping[str, int] | None = None
) -> tf.data.Dataset:
    """The features `names` of `dataset`, a dataset of windows.

    Args:
      dataset: examples as dictionaries; what `fits_windows` requires of their shapes is the caller's to have checked.
      names: the features to keep.
      padding: what to pad with at the end, for features that are not padded with zeros (empty strings).
    """
    opened: OpenWindows | None = getattr(dataset, _OPEN_WINDOWS, None)
    if opened is not None:
        return opened(names, padding or {})
    chosen = select(dataset, names)
    values = {
        name: tf.constant(padding[name], spec.dtype) if padding and name in padding else tf.zeros([], spec.dtype)
        for name, spec in chosen.element_spec.items()
    }
    return chosen.padded_batch(WINDOW, padding_values=values)


def remembers_windows(dataset: tf.data.Dataset) -> bool:
    """Whether `windows_of` has a shorter way to the windows than batching examples."""
    return hasattr(dataset, _OPEN_WINDOWS)


def remember_windows(dataset: tf.data.Dataset, open_windows: OpenWindows) -> tf.data.Dataset:
    """Marks `dataset` with the way to its windows, which hold the same examples (but for padding), and returns it."""
    setattr(dataset, _OPEN_WINDOWS, open_windows)
    return dataset


def take_apart(windows: tf.data.Dataset, cardinality: int | None = None) -> tf.data.Dataset:
    """The examples of a dataset of windows; `cardinality` is how many there are, where that is known.

    `Dataset.unbatch` is the fastest way, but TensorFlow (2.21) crashes the process where it meets `[examples, 0]`.
    """
    if all(spec.shape[1:].is_fully_defined() and 0 not in spec.shape[1:] for spec in windows.element_spec.values()):
        examples = windows.unbatch()
    else:
        examples = windows.flat_map(tf.data.Dataset.from_tensor_slices)
    if cardinality is not None and cardinality != tf.data.UNKNOWN_CARDINALITY:
        examples = examples.apply(tf.data.experimental.assert_cardinality(cardinality))

    def open_windows(names: Collection[str], _: Mapping[str, int]) -> tf.data.Dataset:
        return select(windows, names)

    return remember_windows(examples, open_windows)


def map_dataset(dataset: tf.data.Dataset, function: Callable[..., Any]) -> tf.data.Dataset:
    """`dataset.map` in parallel, for functions of ours: without AutoGraph, which would hide their errors in its own."""
    return dataset.map(tf.autograph.experimental.do_not_convert(function), num_parallel_calls=tf.data.AUTOTUNE)


def map_windows(
    dataset: tf.data.Dataset,
    function: Callable[[Window], Window],
    names: Collection[str],
    padding: Mapping[str, int] | None = None,
) -> tf.data.Dataset:
    """Converts the features `names` of the examples of `dataset`, a window at a time; as many come out as went in."""
    windows = map_dataset(windows_of(dataset, names, padding), function)
    return take_apart(windows, tf.get_static_value(dataset.cardinality()))


def map_examples(dataset: tf.data.Dataset, function: Callable[[Window], Window]) -> tf.data.Dataset:
    """Converts all examples of `dataset`: in windows where `function` is made for them and `dataset` has them."""
    if not takes_windows(function) or getattr(dataset, _OPEN_WINDOWS, None) is None:
        return dataset.map(function, num_parallel_calls=tf.data.AUTOTUNE)
    return map_windows(dataset, for_windows(function), list(dataset.element_spec))


def for_windows(function: Callable[..., Window]) -> Callable[[Window], Window]:
    """The function of windows behind one that was declared with `over_windows` (a method: already bound)."""
    whole: Callable[..., Window] = function.over_windows  # type: ignore[attr-defined]
    owner = getattr(function, "__self__", None)
    return whole if owner is None else functools.partial(whole, owner)


def takes_windows(function: Callable[..., Window]) -> bool:
    """Whether `function` was declared with `over_windows`; one that overrides such a method is not."""
    return hasattr(function, "over_windows")


def select(dataset: tf.data.Dataset, names: Collection[str]) -> tf.data.Dataset:
    """Keeps the features `names`, in this order, as plain tensors where they can be; the windows stay known."""
    spec = dataset.element_spec
    if list(spec) == list(names) and all(isinstance(spec[name], tf.TensorSpec) for name in names):
        return dataset
    chosen = dataset.map(
        tf.autograph.experimental.do_not_convert(lambda example: {name: example[name] for name in names})
    )
    opened: OpenWindows | None = getattr(dataset, _OPEN_WINDOWS, None)
    return chosen if opened is None else remember_windows(chosen, opened)


def fits_windows(element_spec: Any, lengths: Mapping[str, Sequence[int | None]]) -> bool:
    """Whether padding examples to one shape can be undone by lengths that come, and windows would not be too large.

    Args:
      element_spec: of a dataset of dictionaries.
      lengths: to which lengths a feature's leading dimensions will be brought afterwards (None: as they come).
    """
    for name, spec in element_spec.items():
        if not isinstance(spec, tf.TensorSpec) or spec.shape.rank is None:
            return False
        limits = itertools.zip_longest(lengths.get(name, ()), spec.shape)
        sizes = [size if limit is None else limit for limit, size in limits]
        if None in sizes or math.prod(sizes) * WINDOW > _WINDOW_ELEMENTS:
            return False
    return True
