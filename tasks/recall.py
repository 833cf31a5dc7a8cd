"""Copying and recalling what stands in the context: two tasks that are generated, for models of any size.

They ask what attention can do and an average of the past cannot; a model that is still learning shows it here before
any text makes sense. Examples are ids, so that no tokenizer stands between:

* `recall`: keys and values in turn, a mark, and one of the keys; the target is the value that stood behind that key.
  Keys differ within an example. Source: the associative recall of Graves et al. 2014, "Neural Turing Machines".
* `copy`: symbols and a mark; the target is the symbols again. Source: the copy task of the same paper.

0 (padding), 1 (EOS) and 2 (unknown) do not occur, the mark is 3, and symbols are the ids from 4 on. Nothing is read:
the arguments of `register_recall` and `register_copy`, and the seed, give the examples. No two of them are the same,
within a split or across splits.

**How outputs are judged.** An output has an id for each id of the target: what the model finds most likely there, given
the target before (teacher forcing), or what it generates. What comes behind is not judged. `token_accuracy` is the
share of right ids; the counts are of whole examples, where correct + wrong + unparsed = n, and unparsed are those that
lack an id, or have one that is no symbol.

    >>> row = next(RECALL.get_dataset(split="test", shuffle=False).as_numpy_iterator())
    >>> row["inputs"].tolist(), row["targets"].tolist()
    ([6, 28, 15, 20, 7, 32, 14, 31, 3, 14], [31])
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from evalkit import errors
from evalkit.data.feature import Feature
from evalkit.data.registry import TaskRegistry
from evalkit.data.sources.in_memory import InMemoryDataSource
from evalkit.data.task import Task
from evalkit.metrics.answers import graded_answers
from evalkit.metrics.exact import token_accuracy
from evalkit.vocabularies.pass_through import PassThroughVocabulary

MARK = 3
FIRST_SYMBOL = 4
NO_SYMBOL = -1
"""Stands in a judged output where there is no symbol."""

SPLIT_SIZES = {"test": 1000, "validation": 1000, "train": 8000}
"""How many examples each split has, unless it is said otherwise."""

Example = tuple[tuple[int, ...], tuple[int, ...]]
_Draw = Callable[[np.random.Generator], Example]


def symbols_of(ids: Sequence[int], example: Mapping[str, Any], vocab_size: int, is_target: bool = False) -> list[int]:
    """The postprocess function: as many symbols as the target has; `NO_SYMBOL` where there is none."""
    del is_target
    length = len(example["targets"])
    symbols = [int(found) if FIRST_SYMBOL <= found < vocab_size else NO_SYMBOL for found in ids[:length]]
    return symbols + [NO_SYMBOL] * (length - len(symbols))


def graded_rows(targets: Sequence[list[int]], predictions: Sequence[list[int]]) -> dict[str, float]:
    """`graded_answers` of whole examples; one that holds `NO_SYMBOL` is unparsed."""
    return graded_answers(targets, [None if NO_SYMBOL in symbols else symbols for symbols in predictions])


def register_recall(
    name: str,
    num_keys: int = 16,
    num_values: int = 16,
    num_pairs: int = 4,
    split_sizes: Mapping[str, int] | None = None,
    seed: int = 0,
) -> Task:
    """Registers a recall task; keys are the ids from 4 on, values those behind them.

    Args:
      name: of the task.
      num_keys: how many keys there are; at least `num_pairs`.
      num_values: how many values there are; at least 2.
      num_pairs: how many pairs an example has.
      split_sizes: how many examples each split has; None takes `SPLIT_SIZES`. A split does not change with the sizes of
        those behind it.
      seed: of the examples.

    Raises:
      ArgumentError: there are too few keys, values or pairs, or too few different examples for the splits.
      DuplicateNameError: the name is taken.
    """
    _check_at_least(num_pairs=(num_pairs, 1), num_keys=(num_keys, num_pairs), num_values=(num_values, 2))
    first_value = FIRST_SYMBOL + num_keys

    def draw(random: np.random.Generator) -> Example:
        keys = (FIRST_SYMBOL + random.permutation(num_keys)[:num_pairs]).tolist()
        values = random.integers(first_value, first_value + num_values, num_pairs).tolist()
        asked = int(random.integers(num_pairs))
        pairs = itertools.chain.from_iterable(zip(keys, values, strict=True))
        return (*pairs, MARK, keys[asked]), (values[asked],)

    different = math.perm(num_keys, num_pairs) * num_values**num_pairs * num_pairs
    return _register(name, draw, different, first_value + num_values, split_sizes, seed)


def register_copy(
    name: str,
    num_symbols: int = 32,
    min_length: int = 4,
    max_length: int = 12,
    split_sizes: Mapping[str, int] | None = None,
    seed: int = 0,
) -> Task:
    """Registers a copy task; symbols are the ids from 4 on.

    Args:
      name: of the task.
      num_symbols: how many symbols there are; at least 2.
      min_length: how many symbols an example has at least.
      max_length: how many symbols an example has at most; all lengths are as likely.
      split_sizes: as for `register_recall`.
      seed: of the examples.

    Raises:
      ArgumentError: there are too few symbols, no lengths, or too few different examples for the splits.
      DuplicateNameError: the name is taken.
    """
    _check_at_least(num_symbols=(num_symbols, 2), min_length=(min_length, 1), max_length=(max_length, min_length))

    def draw(random: np.random.Generator) -> Example:
        length = int(random.integers(min_length, max_length + 1))
        symbols = tuple(random.integers(FIRST_SYMBOL, FIRST_SYMBOL + num_symbols, length).tolist())
        return (*symbols, MARK), symbols

    return _register(name, draw, num_symbols**max_length, FIRST_SYMBOL + num_symbols, split_sizes, seed)


def _register(
    name: str, draw: _Draw, different: int, vocab_size: int, split_sizes: Mapping[str, int] | None, seed: int
) -> Task:
    sizes = dict(SPLIT_SIZES if split_sizes is None else split_sizes)
    _check_at_least(**{f"split_sizes[{split!r}]": (size, 1) for split, size in sizes.items()})
    wanted = sum(sizes.values())
    if different < 2 * wanted:  # or drawing different ones takes long
        raise errors.ArgumentError(
            f"Task {name!r}: there are only {different} different examples, and {wanted} are wanted; it must be "
            "possible to make twice as many. Take more symbols, or longer examples, or smaller splits."
        )
    examples = _different(draw, np.random.default_rng(seed))
    ids = tf.TensorSpec([None], tf.int32)
    feature = Feature(PassThroughVocabulary(vocab_size), add_eos=False)
    return TaskRegistry.add(
        name,
        source=InMemoryDataSource(
            {split: _columns(itertools.islice(examples, size)) for split, size in sizes.items()},
            features={"inputs": ids, "targets": ids},
        ),
        preprocessors=[],
        output_features={"inputs": feature, "targets": feature},
        postprocess_fn=functools.partial(symbols_of, vocab_size=vocab_size),
        metric_fns=[token_accuracy, graded_rows],
    )


def _check_at_least(**limits: tuple[int, int]) -> None:
    for name, (found, least) in limits.items():
        if found < least:
            raise errors.ArgumentError(f"{name} must be at least {least}, found {found}.")


def _different(draw: _Draw, random: np.random.Generator) -> Iterator[Example]:
    seen: set[Example] = set()
    while True:
        example = draw(random)
        if example not in seen:
            seen.add(example)
            yield example


def _columns(examples: Iterator[Example]) -> dict[str, list[Any]]:
    inputs, targets = zip(*examples, strict=True)
    return {"inputs": list(map(list, inputs)), "targets": list(map(list, targets))}


RECALL = register_recall("recall")
"""4 pairs of 16 keys and 16 values."""

COPY = register_copy("copy")
"""4 to 12 of 32 symbols."""
