"""The library under measurement, under the names that seqio and evalkit share, and the task that both are given."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import tensorflow as tf

MODULES = {"seqio": "seqio", "evalkit": "evalkit.compat.seqio"}
SPLIT = "train"
TASK = "benchmark"


def load(name: str) -> ModuleType:
    """Imports the subject under the names that seqio has."""
    return importlib.import_module(MODULES[name])


def exact(targets: Sequence[str], predictions: Sequence[str]) -> dict[str, float]:
    """A text metric that costs next to nothing, so that what is measured is everything around it."""
    return {"exact": sum(map(str.__eq__, targets, predictions)) / len(targets)}


def same_start(targets: Sequence[str], predictions: Sequence[str]) -> dict[str, float]:
    return {"same_start": sum(t[:9] == p[:9] for t, p in zip(targets, predictions, strict=True)) / len(targets)}


def same_end(targets: Sequence[str], predictions: Sequence[str]) -> dict[str, float]:
    return {"same_end": sum(t[-9:] == p[-9:] for t, p in zip(targets, predictions, strict=True)) / len(targets)}


def same_length(targets: Sequence[str], predictions: Sequence[str]) -> dict[str, float]:
    return {"same_length": sum(map(int.__eq__, map(len, targets), map(len, predictions))) / len(targets)}


METRICS = (exact, same_start, same_end, same_length)


def final_answer(text: str, **unused: Any) -> str:
    """A postprocess function: what stands after GSM8K's `####`."""
    return text.rpartition("####")[2].strip()


def rows(folder: Path, examples: int, raw_copies: int = 0) -> Callable[..., Any]:
    """A dataset function that reads the rows from files as they are asked for, so that it holds none itself.

    With `raw_copies`, each example also has a text field "raw", the texts that many times (about 0.5 KB each), which
    the task's preprocessors drop.
    """

    def dataset_fn(split: str, shuffle_files: bool = False, seed: int | None = None) -> Any:
        del split, shuffle_files, seed
        columns = {name: tf.data.TextLineDataset(str(folder / f"{name}s.txt")) for name in ("question", "answer")}
        dataset = tf.data.Dataset.zip(columns).repeat().take(examples)
        if not raw_copies:
            return dataset
        return dataset.map(lambda row: {**row, "raw": tf.strings.join([row["question"], row["answer"]] * raw_copies)})

    return dataset_fn


def register(
    lib: ModuleType,
    folder: Path,
    examples: int,
    *,
    name: str = TASK,
    num_metrics: int = 1,
    postprocess_fn: Callable[..., Any] | None = None,
    raw_copies: int = 0,
    more_preprocessors: Sequence[Callable[..., Any]] = (),
) -> Any:
    """Registers the task with `lib`."""
    vocabulary = lib.SentencePieceVocabulary(str(folder / "vocabulary.model"))
    feature = lib.Feature(vocabulary=vocabulary, add_eos=True)
    return lib.TaskRegistry.add(
        name,
        source=lib.FunctionDataSource(
            rows(folder, examples, raw_copies), splits=[SPLIT], num_input_examples={SPLIT: examples}
        ),
        preprocessors=[
            rekey,
            lib.preprocessors.tokenize,
            lib.preprocessors.append_eos,
            *more_preprocessors,
        ],
        output_features={"inputs": feature, "targets": feature},
        postprocess_fn=postprocess_fn,
        metric_fns=list(METRICS[:num_metrics]),
    )


def rekey(dataset: Any) -> Any:
    """The preprocessor of every seqio task; a user's function, the same for both, that lets go of all other fields."""
    return dataset.map(lambda row: {"inputs": row["question"], "targets": row["answer"]})


def evaluator(lib: ModuleType, name: str = TASK, **arguments: Any) -> Any:
    """An Evaluator of the task with automatic lengths."""
    return lib.Evaluator(
        mixture_or_task_name=name,
        feature_converter=lib.EncDecFeatureConverter(pack=False),
        eval_split=SPLIT,
        **arguments,
    )


def outputs(folder: Path, examples: int, ragged: bool = False) -> list[tuple[int, list[int]]]:
    """`(index, ids)` pairs as T5X returns them, lists of Python ints, in a shuffled order.

    All padded to one length, as a decoder leaves them (and as seqio needs them); `ragged` cuts the padding off.
    """
    table = np.load(folder / "outputs.npy")
    order = np.random.default_rng(1).permutation(examples)
    repeated = table[order % len(table)]
    lists = repeated.tolist()
    if ragged:
        lengths = (repeated != 0).sum(axis=1).tolist()
        lists = [ids[:length] for ids, length in zip(lists, lengths, strict=True)]
    return list(zip(order.tolist(), lists, strict=True))
