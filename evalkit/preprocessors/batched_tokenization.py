"""Tokenising with Python, a batch of examples per call.

A Python function inside `tf.data` costs some hundred microseconds per call, and holds a lock while it runs. So examples
are batched, all text features of a batch are encoded by one call, and the batch is taken apart again. Only tensors of
one shape can be batched: whatever else an example holds (unknown lengths, ragged, sparse) is serialised before and
restored after, with its exact type. Ids travel as strings of bytes for the same reason.

A step that comes next and appends EOS does so inside that call: for it, the dataset remembers how it was made.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any, final

import numpy as np
import tensorflow as tf

from evalkit import errors
from evalkit.columns import Array, Ragged, offsets
from evalkit.preprocessors.end_of_sequence import Ending
from evalkit.vocabularies import Vocabulary, python_encoding

BATCH_SIZE = 256

Example = dict[str, Any]

_MADE_BY = "evalkit_batched_tokenization"

# AutoGraph would read and rewrite these functions at every call, for longer than a small data set takes. It is left to
# `_take_apart`, which calls the vocabularies of users, who may rely on it.
_unconverted = tf.autograph.experimental.do_not_convert


@final
@dataclasses.dataclass(frozen=True)
class BatchedTokenization:
    """How a dataset is tokenised.

    Attributes:
      dataset: examples as dictionaries.
      vocabularies: by the name of the scalar text feature that each encodes.
      finish: from an example as it was and the int32 `[length]` ids of these features, to the resulting example.
      endings: the EOS of those of these features that end with one.
    """

    dataset: tf.data.Dataset
    vocabularies: Mapping[str, Vocabulary]
    finish: Callable[[Example, Mapping[str, Any]], Example]
    endings: Mapping[str, Ending]

    def examples(self) -> tf.data.Dataset:
        """The tokenised examples, in the same order, as many where their number is known."""
        for vocabulary in self.vocabularies.values():
            python_encoding.announce(type(vocabulary).__name__, vocabulary.in_graph_remedy)
        all_batchable = all(map(_is_batchable, tf.nest.flatten(self.dataset.element_spec)))
        batchable = (
            self.dataset if all_batchable else self.dataset.map(_unconverted(lambda example: (self._pack(example),)))
        )
        batches = batchable.batch(BATCH_SIZE).map(_unconverted(lambda *batch: self._encode(batch)))
        examples = batches.unbatch().map(self._take_apart)
        count = self.dataset.cardinality()
        if count != tf.data.UNKNOWN_CARDINALITY:
            examples = examples.apply(tf.data.experimental.assert_cardinality(count))
        setattr(examples, _MADE_BY, self)
        return examples

    @property
    def _component_specs(self) -> list[Any]:
        return list(tf.nest.flatten(self.dataset.element_spec, expand_composites=True))

    def _position(self, name: str) -> int:
        """Where a scalar feature is among the tensors of an example; `tf.nest` sorts features by name."""
        before = [spec for other, spec in self.dataset.element_spec.items() if other < name]
        return len(tf.nest.flatten(before, expand_composites=True))

    def _pack(self, example: Example) -> tuple[Any, ...]:
        components = tf.nest.flatten(example, expand_composites=True)
        pairs = zip(components, self._component_specs, strict=True)
        return tuple(value if _is_batchable(spec) else tf.io.serialize_tensor(value) for value, spec in pairs)

    def _encode(self, batch: Any) -> tuple[Any, Any]:
        components = tf.nest.flatten(batch)
        texts = [components[self._position(name)] for name in self.vocabularies]
        encode = functools.partial(encode_columns, self.vocabularies, self.endings)
        encoded = tf.numpy_function(encode, texts, [tf.string] * len(texts), stateful=False)
        return tuple(components), tuple(tf.ensure_shape(rows, [None]) for rows in encoded)

    def _take_apart(self, components: tuple[Any, ...], encoded: tuple[Any, ...]) -> Example:
        pairs = zip(components, self._component_specs, strict=True)
        values = [value if _is_batchable(spec) else _parsed(value, spec) for value, spec in pairs]
        example = tf.nest.pack_sequence_as(self.dataset.element_spec, values, expand_composites=True)
        ids = {name: tf.io.decode_raw(row, tf.int32) for name, row in zip(self.vocabularies, encoded, strict=True)}
        return self.finish(example, ids)


def with_endings(dataset: tf.data.Dataset, endings: Mapping[str, Ending]) -> tf.data.Dataset | None:
    """`dataset` with EOS after these features, if it was tokenised in batches just before; else None."""
    made_by: BatchedTokenization | None = getattr(dataset, _MADE_BY, None)
    if made_by is None or not endings.keys() <= made_by.vocabularies.keys() or endings.keys() & made_by.endings.keys():
        return None
    return dataclasses.replace(made_by, endings={**made_by.endings, **endings}).examples()


def encode_columns(
    vocabularies: Mapping[str, Vocabulary], endings: Mapping[str, Ending], *columns: Array
) -> list[Array]:
    """The body of the Python function: for each column of texts, the int32 ids of every text as bytes.

    Raises:
      FeatureError: a text cannot be encoded; the message names the feature and quotes the text.
    """
    encoded = []
    for (name, vocabulary), texts in zip(vocabularies.items(), columns, strict=True):
        try:
            values, lengths = python_encoding.encode_rows(vocabulary, texts)
        except errors.FeatureError as error:
            raise errors.FeatureError(f"tokenize: feature {name!r}: {error}") from error
        ids = Ragged(values, offsets(lengths))
        ids = endings[name].append(ids) if name in endings else ids
        blob = ids.values.astype("<i4", copy=False).tobytes()
        ends = (4 * ids.splits).tolist()
        encoded.append(np.array([blob[start:stop] for start, stop in itertools.pairwise(ends)], np.object_))
    return encoded


def _is_batchable(spec: Any) -> bool:
    return isinstance(spec, tf.TensorSpec) and bool(spec.shape.is_fully_defined())


def _parsed(value: Any, spec: Any) -> Any:
    return tf.ensure_shape(tf.io.parse_tensor(value, spec.dtype), spec.shape)
