"""Datasets of a few examples for tests, and reading datasets back."""

from __future__ import annotations

import tensorflow as tf


def dataset_of(rows, **spec):
    """A dataset of `rows`; each feature is int32 of unknown length unless `spec` says otherwise."""
    signature = {name: spec.get(name, tf.TensorSpec([None], tf.int32)) for name in rows[0]}
    return tf.data.Dataset.from_generator(lambda: iter(rows), output_signature=signature)


def read(dataset):
    """All rows, with lists for arrays."""
    return [
        {name: value.tolist() if hasattr(value, "tolist") else value for name, value in row.items()}
        for row in dataset.as_numpy_iterator()
    ]
