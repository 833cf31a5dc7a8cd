"""Beam transforms that write and describe examples, for pipelines of one's own; names and arguments are seqio's.

`evalkit cache` needs none of them: it writes whole pieces (see `pipeline`), in their order and so that they can be
gone on with. Here examples are elements of a PCollection, which has no order.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf

from evalkit.caching.example_columns import StoredColumns
from evalkit.caching.finishing import describe_features
from evalkit.caching.optional_beam import beam
from evalkit.caching.preprocess_task import PROVENANCE_PREFIX
from evalkit.caching.statistics import CHARS, TOKENS, SplitStatistics
from evalkit.columns import Ragged
from evalkit.data.feature import Feature
from evalkit.data.tf_example import StoredFeature, dict_to_tfexample

Example = Mapping[str, Any]


@final
class WriteExampleTfRecord(beam.PTransform):
    """Writes examples to TFRecord files of `tf.train.Example` protos."""

    def __init__(self, output_path: str | os.PathLike[str], num_shards: int | None = None) -> None:
        """Says where to.

        Args:
          output_path: what the names of the files begin with; `-00000-of-00002` and so on follow.
          num_shards: how many files; None: as the runner likes.
        """
        super().__init__()
        self._output_path, self._num_shards = os.fspath(output_path), num_shards

    def expand(self, pcoll: Any) -> Any:
        """Applies it to a PCollection of examples."""
        sink = _TFRecordSink(self._output_path, beam.coders.BytesCoder(), num_shards=self._num_shards or 0)
        return pcoll | beam.Map(_serialized) | beam.Reshuffle() | beam.io.Write(sink)


def _serialized(example: Example) -> bytes:
    proto: bytes = dict_to_tfexample(example).SerializeToString(deterministic=True)
    return proto


@final
class _TFRecordSink(beam.io.filebasedsink.FileBasedSink):
    """Beam's own sink of such files needs one more package, for a checksum that TensorFlow computes."""

    def open(self, temp_path: str) -> tf.io.TFRecordWriter:
        return tf.io.TFRecordWriter(temp_path)

    def write_encoded_record(self, file_handle: tf.io.TFRecordWriter, encoded_value: bytes) -> None:
        file_handle.write(encoded_value)

    def close(self, file_handle: tf.io.TFRecordWriter) -> None:
        file_handle.close()


@final
class WriteJson(beam.PTransform):
    """Writes elements to one file as JSON; several elements are a line each if `prettify` is False."""

    def __init__(self, output_path: str | os.PathLike[str], prettify: bool | None = True) -> None:
        """Says where to.

        Args:
          output_path: the file.
          prettify: whether keys are sorted and lines indented.
        """
        super().__init__()
        self._output_path, self._prettify = os.fspath(output_path), prettify

    def expand(self, pcoll: Any) -> Any:
        """Applies it to a PCollection of what JSON can express."""
        sink = beam.io.WriteToText(self._output_path, num_shards=1, shard_name_template="")
        return pcoll | beam.Map(self._json) | "write_info" >> sink

    def _json(self, element: Any) -> str:
        if self._prettify:
            return json.dumps(element, sort_keys=True, indent=2, allow_nan=False)
        return json.dumps(element, allow_nan=False)


@final
class GetInfo(beam.PTransform):
    """The content of an info file: what any one of the examples tells of their features; {} without examples."""

    def __init__(self, num_shards: int, exclude_provenance: bool = True) -> None:
        """Says what the examples do not tell.

        Args:
          num_shards: how many files there are.
          exclude_provenance: whether features that `PreprocessTask` added are left out.
        """
        super().__init__()
        self._num_shards, self._exclude_provenance = num_shards, exclude_provenance

    def expand(self, pcoll: Any) -> Any:
        """Applies it to a PCollection of examples."""
        return pcoll | beam.combiners.Sample.FixedSizeGlobally(1) | beam.Map(self._info)

    def _info(self, sample: Sequence[Example]) -> dict[str, Any]:
        if not sample:
            return {}
        features = [
            StoredFeature.of_type(name, value if isinstance(value, tf.RaggedTensor) else tf.constant(value))
            for name, value in sample[0].items()
            if not (self._exclude_provenance and name.startswith(PROVENANCE_PREFIX))
        ]
        return describe_features(features, self._num_shards)


@final
class GetStats(beam.PTransform):
    """The content of a stats file: how many examples there are, and how many tokens each feature has, in all and at
    most, EOS and padding not counted.
    """

    def __init__(
        self,
        output_features: Mapping[str, Feature],
        task_ids: Mapping[str, Any] | None = None,
        enable_char_counts: bool = False,
    ) -> None:
        """Says what to count.

        Args:
          output_features: those that are counted, where examples have them.
          task_ids: numbers that are added as they are, under "task_ids".
          enable_char_counts: whether to count characters too, for which tokens are decoded.
        """
        super().__init__()
        self._output_features = dict(output_features)
        self._task_ids = {name: int(value) for name, value in (task_ids or {}).items()}
        self._units = (TOKENS, CHARS) if enable_char_counts else (TOKENS,)

    def expand(self, pcoll: Any) -> Any:
        """Applies it to a PCollection of examples."""
        return pcoll | beam.CombineGlobally(_Count(self._output_features, self._units)) | beam.Map(self._summary)

    def _summary(self, statistics: SplitStatistics) -> dict[str, Any]:
        task_ids = {"task_ids": self._task_ids} if self._task_ids and statistics.num_examples else {}
        return {**statistics.summary(percentiles=()), **task_ids}


@final
class _Count(beam.CombineFn):
    def __init__(self, output_features: Mapping[str, Feature], units: Sequence[str]) -> None:
        self._output_features, self._units = output_features, units

    def create_accumulator(self) -> SplitStatistics:
        return SplitStatistics()

    def add_input(self, statistics: SplitStatistics, example: Example) -> SplitStatistics:
        statistics.add(1, _columns_of(example), self._output_features, self._units)
        return statistics

    def merge_accumulators(self, accumulators: Iterable[SplitStatistics]) -> SplitStatistics:
        merged = SplitStatistics()
        for statistics in accumulators:
            merged.merge(statistics)
        return merged

    def extract_output(self, statistics: SplitStatistics) -> SplitStatistics:
        return statistics


def _columns_of(example: Example) -> StoredColumns:
    """One example as columns of one row; what is neither an array nor a text is left out."""
    columns = {}
    for name, value in example.items():
        if isinstance(value, tf.RaggedTensor):
            value = value.flat_values
        if isinstance(value, tf.Tensor):
            value = value.numpy()
        if isinstance(value, str | bytes):
            value = np.array([value], np.object_)
        if isinstance(value, np.ndarray | np.generic):
            columns[name] = Ragged(np.asarray(value).reshape(-1), np.array([0, value.size]))
    return columns
