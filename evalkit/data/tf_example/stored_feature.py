"""What is known of a feature of stored examples, so that protos of flat lists become the examples that they were."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.data.tf_example.keys import tfexample_ragged_length_key
from evalkit.data.tf_example.writing import as_array


@final
@dataclasses.dataclass(frozen=True)
class StoredFeature:
    """One feature of stored examples; the same for all of them.

        >>> StoredFeature.of("tokens", [[1, 2], [3, 4]])
        StoredFeature(name='tokens', shape=(None, 2), dtype='int64')

    Attributes:
      name: its name.
      shape: the sizes of its dimensions. None stands for those that differ: the first one, and ragged ones.
      dtype: the name of its TensorFlow dtype.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str

    @classmethod
    def of(cls, name: str, value: Any) -> StoredFeature:
        """What the value of one example tells: its first dimension is taken to differ, and no other dense one.

        Raises:
          FeatureError: a value that cannot be stored and read again: sparse, of another type than booleans, integers,
            floats and text, or float64, which would lose digits.
        """
        sparse = isinstance(value, tf.SparseTensor)
        return cls.of_type(name, value if sparse or isinstance(value, tf.RaggedTensor) else as_array(name, value))

    @classmethod
    def of_type(cls, name: str, typed: Any) -> StoredFeature:
        """The same, from anything that has a dtype and a shape of known rank: an array, a tensor, or its spec.

        Raises:
          FeatureError: as for `of`.
        """
        if isinstance(typed, tf.SparseTensor | tf.SparseTensorSpec):
            raise errors.FeatureError(f"Feature {name!r} is sparse; make it dense with tf.sparse.to_dense.")
        dtype = tf.as_dtype(typed.dtype)
        if dtype == tf.float64 or not (dtype.is_bool or dtype.is_integer or dtype.is_floating or dtype == tf.string):
            raise errors.FeatureError(
                f"Feature {name!r} is of type {dtype.name}, which cannot be stored; expected booleans, integers, "
                "float32 or smaller, or text. Cast it in a preprocessor."
            )
        return cls(name, (None, *typed.shape[1:]) if len(typed.shape) else (), dtype.name)

    def check(self, value: Any) -> None:
        """Checks that the value of another example is such a feature.

        Raises:
          FeatureError: it is of another type, rank, or size of a dimension that does not differ.
        """
        found = StoredFeature.of(self.name, value)
        if found != self:
            raise errors.FeatureError(
                f"Feature {self.name!r} is {found.dtype} of shape {_shown(found.shape)}; expected {self.dtype} of "
                f"shape {_shown(self.shape)}, as in the examples before it."
            )

    @property
    def parser(self) -> Any:
        """What `tf.io.parse_single_example` parses it with; `restored` gives its values their dtype."""
        if None in self.shape[1:]:
            return tf.io.RaggedFeature(value_key=self.name, partitions=self._partitions(), dtype=self._stored_dtype)
        if self.shape and self.shape[0] is None:
            return tf.io.FixedLenSequenceFeature(self.shape[1:], self._stored_dtype, allow_missing=True)
        return tf.io.FixedLenFeature(self.shape, self._stored_dtype)

    def restored(self, parsed: Any) -> Any:
        """The parsed value with the dtype that it had before it was stored."""
        return tf.cast(parsed, self.dtype)

    @property
    def _stored_dtype(self) -> tf.DType:
        dtype = tf.as_dtype(self.dtype)
        if dtype.is_bool or dtype.is_integer:
            return tf.int64
        return tf.float32 if dtype.is_floating else dtype

    def _partitions(self) -> list[Any]:
        """How each dimension but the first is divided."""
        partitions: list[Any] = []
        ragged = 0
        for size in self.shape[1:]:
            if size is None:
                partitions.append(tf.io.RaggedFeature.RowLengths(tfexample_ragged_length_key(self.name, ragged)))
                ragged += 1
            else:
                partitions.append(tf.io.RaggedFeature.UniformRowLength(size))
        return partitions


def _shown(shape: tuple[int | None, ...]) -> str:
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"
