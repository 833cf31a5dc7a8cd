"""From a name to what a model is fed: the examples of a task or mixture, converted and batched."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
from absl import logging

from evalkit import errors
from evalkit.converter import FeatureConverter
from evalkit.data.provider import DatasetProvider
from evalkit.data.registry import get_mixture_or_task
from evalkit.data.shard import ShardInfo
from evalkit.transforms.lengths import Length


def get_dataset(
    mixture_or_task_name: str | DatasetProvider,
    task_feature_lengths: Mapping[str, Length],
    feature_converter: FeatureConverter,
    dataset_split: str = "train",
    use_cached: bool = False,
    shuffle: bool = False,
    num_epochs: int | None = 1,
    shard_info: ShardInfo | None = None,
    verbose: bool = True,
    seed: int | None = None,
    batch_size: int | None = None,
    trim_output_features: bool = True,
) -> tf.data.Dataset:
    """The examples of a task or mixture as a model takes them.

    Shards are taken before the conversion, so packing packs the examples of one shard.

    Args:
      mixture_or_task_name: the name of a task or mixture, or the object.
      task_feature_lengths: the length of each task feature.
      feature_converter: turns task features into model features.
      dataset_split: the split.
      use_cached: read from the offline cache.
      shuffle: shuffle source and examples.
      num_epochs: how often to repeat; None: forever.
      shard_info: the part that is wanted; None: all.
      verbose: log the features, their shapes and dtypes.
      seed: for shuffling and for random preprocessors; None: different every time.
      batch_size: how many examples a batch has; a last batch with fewer is dropped. None: no batches.
      trim_output_features: cut the task features to their lengths.

    Returns:
      Examples with the features of the model.

    Raises:
      ArgumentTypeError: `feature_converter` is none.
      UnknownNameError: no task or mixture has the name.
      ArgumentError: the batch size is less than 1.
    """
    if not isinstance(feature_converter, FeatureConverter):
        raise errors.ArgumentTypeError(
            f"feature_converter should be an instance of FeatureConverter, found {feature_converter!r}."
        )
    if batch_size is not None and batch_size < 1:
        raise errors.ArgumentError(f"batch_size must be at least 1, or None for no batches, found {batch_size}.")
    provider = (
        mixture_or_task_name
        if isinstance(mixture_or_task_name, DatasetProvider)
        else get_mixture_or_task(mixture_or_task_name)
    )
    dataset = provider.get_dataset(
        task_feature_lengths,
        split=dataset_split,
        use_cached=use_cached,
        shuffle=shuffle,
        seed=seed,
        shard_info=shard_info,
        num_epochs=num_epochs,
        trim_output_features=trim_output_features,
    )
    dataset = feature_converter(dataset, task_feature_lengths=task_feature_lengths)
    if batch_size is not None:
        dataset = dataset.batch(batch_size, drop_remainder=True)
    if verbose:
        for name, spec in dataset.element_spec.items():
            logging.info("feature: %s \t shape: %s \t dtype: %s", name, spec.shape, spec.dtype.name)
    return dataset
