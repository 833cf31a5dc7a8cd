"""What a mixture comes to in examples and in tokens, for the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from absl import logging

from evalkit.data.task import Task
from evalkit.transforms.lengths import Length, dimension_lengths

# How many examples of each task are read for empirical means (seqio's number).
_NUM_EXAMPLES = 100


def report_proportions(
    tasks: Sequence[Task],
    datasets: Sequence[tf.data.Dataset],
    rates: Sequence[float],
    mixed: tf.data.Dataset,
    sequence_length: Mapping[str, Length] | None,
    compute_stats_empirically: bool,
) -> None:
    """Logs the rate and the share in examples, input tokens and target tokens of each task.

    Mean lengths come from the offline caches, or from the first 100 examples of each dataset if they are to be computed
    empirically; then the share of padding of the mixed examples is logged as well.
    """
    lengths: dict[str, list[float]] = {}
    for name in ("inputs", "targets"):
        if compute_stats_empirically:
            lengths[name] = [_mean_length(dataset, name) for dataset in datasets]
        else:
            lengths[name] = [_cached_mean_length(task, name, sequence_length) for task in tasks]
    shares = {"examples": _shares(rates)}
    for name, means in lengths.items():
        shares[name] = _shares([mean * rate for mean, rate in zip(means, rates, strict=True)])
    logging.info(
        "%12s %12s %12s %12s %12s %12s %s", "rate", "examples", "inputs", "targets", "in. len", "tgt. len", "task"
    )
    for i, task in enumerate(tasks):
        row = (rates[i], shares["examples"][i], shares["inputs"][i], shares["targets"][i])
        logging.info("%12g %12g %12g %12g %12g %12g %s", *row, lengths["inputs"][i], lengths["targets"][i], task.name)
    if compute_stats_empirically:
        for name, share in _padding_shares(mixed, sequence_length or {}).items():
            logging.info("%s: share of padding %g", name, share)


def _shares(amounts: Sequence[float]) -> list[float]:
    total = sum(amounts)
    return [amount / total if total else 0.0 for amount in amounts]


def _mean_length(dataset: tf.data.Dataset, name: str) -> float:
    sizes = [example[name].size for example in _examples(dataset) if name in example]
    return sum(sizes) / len(sizes) if sizes else 0.0


def _cached_mean_length(task: Task, name: str, sequence_length: Mapping[str, Length] | None) -> float:
    """The mean length in the cache, cut to the length; 0 where nobody knows or the task lacks the feature."""
    limit = dimension_lengths((sequence_length or {}).get(name))
    stats = task.get_cached_stats("train")
    if not limit or limit[0] is None or f"{name}_tokens" not in stats:
        return 0.0
    return min(limit[0], stats[f"{name}_tokens"] / stats["examples"])


def _padding_shares(mixed: tf.data.Dataset, sequence_length: Mapping[str, Length]) -> dict[str, float]:
    """Which share of each feature, padded to its length, is padding (mean over examples)."""
    shares: dict[str, list[float]] = {}
    for example in _examples(mixed):
        for name, length in sequence_length.items():
            limit = dimension_lengths(length)
            if limit and limit[0] and name in example:
                shares.setdefault(name, []).append(1 - len(example[name]) / limit[0])
    return {name: sum(values) / len(values) for name, values in shares.items()}


def _examples(dataset: tf.data.Dataset) -> Any:
    return dataset.take(_NUM_EXAMPLES).as_numpy_iterator()
