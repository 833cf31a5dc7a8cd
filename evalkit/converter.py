"""From the features of a task to the features that a model is fed.

A task says what its examples are ("inputs", "targets"); an architecture says what it reads ("encoder_input_tokens",
"decoder_target_tokens" …). A `FeatureConverter` stands between them, and says both in two tables, `TASK_FEATURES` and
`MODEL_FEATURES`. Calling it checks the dataset against the first table, converts it, and checks the result against the
second, so that a converter which forgets a feature, or a task with a wrong dtype, is told so before the first example.

The class is for subclassing: the members here are those that converters written for seqio define and call. The
converters for the usual architectures are in `evalkit.feature_converters`.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Collection, Mapping
from typing import Any, final

import tensorflow as tf

from evalkit.errors import ArgumentError, DefinitionError, FeatureError
from evalkit.transforms.autoregressive import make_autoregressive_inputs
from evalkit.transforms.length_checks import check_lengths
from evalkit.transforms.lengths import dimension_lengths, trim_and_pad_dataset
from evalkit.transforms.packing import trim_and_pack_dataset

autoregressive_inputs = make_autoregressive_inputs


def non_padding_position(tensor: tf.Tensor, dtype: tf.DType = tf.int32, pad_id: int = 0) -> tf.Tensor:
    """1 where `tensor` is not `pad_id`, else 0; a tensor of its shape and of `dtype`.

    Example:
      >>> non_padding_position(tf.constant([3, 8, 0, 2, 0])).numpy().tolist()
      [1, 1, 0, 1, 0]
    """
    return tf.cast(tf.not_equal(tensor, pad_id), dtype)


class FeatureConverter(abc.ABC):
    """Converts datasets of task features to datasets of model features.

    A subclass defines the tables below, `_convert_features`, and `get_model_feature_lengths`, which says how long model
    features are, given the lengths of the task's. Their names, dtypes, ranks and lengths are checked on both sides.

    Attributes:
      TASK_FEATURES: what the dataset must have; it may have more, which is dropped.
      MODEL_FEATURES: what the converted dataset has, exactly, together with the packing and pass-through features.
      PACKING_FEATURE_DTYPES: the dtypes of the one-dimensional features that packing adds.

    Args:
      pack: whether several examples share a row (`evalkit.transforms.packing`). For training only.
      use_custom_packing_ops: must be False where `pack` is true (seqio's Tensor2Tensor operations are not here).
      apply_length_check: whether an example that is longer than `task_feature_lengths` is an error; else it is cut.
      bos_id: what a decoder reads before the first target of a sequence.
      passthrough_features: features that are padded, and otherwise come out as they are; not with `pack`.

    Raises:
      DefinitionError: a table is missing.
      ArgumentError: `pack` together with `passthrough_features` or `use_custom_packing_ops`.
    """

    @final
    @dataclasses.dataclass(frozen=True)
    class FeatureSpec:
        """What a feature is: its dtype, its rank, and along which dimension its length is measured."""

        dtype: tf.DType
        rank: int = 1
        sequence_dim: int = 0

    TASK_FEATURES: Mapping[str, FeatureConverter.FeatureSpec]
    MODEL_FEATURES: Mapping[str, FeatureConverter.FeatureSpec]
    PACKING_FEATURE_DTYPES: Mapping[str, tf.DType]

    def __init__(
        self,
        pack: bool = True,
        use_custom_packing_ops: bool = False,
        apply_length_check: bool = True,
        bos_id: int = 0,
        passthrough_features: Mapping[str, FeatureConverter.FeatureSpec] | None = None,
    ) -> None:
        for table in ("TASK_FEATURES", "MODEL_FEATURES", *(("PACKING_FEATURE_DTYPES",) if pack else ())):
            if getattr(self, table, None) is None:
                raise DefinitionError(f"{table} must be defined in the subclass {type(self).__name__!r}; found none.")
        if pack and passthrough_features:
            raise ArgumentError(
                "Packing is incompatible with pass-through features. "
                f"Got pack=True and {sorted(passthrough_features)}; set pack=False, or drop the features."
            )
        if pack and use_custom_packing_ops:
            raise ArgumentError(
                "use_custom_packing_ops=True asks for Tensor2Tensor's operations, which evalkit does not have; "
                "leave it False."
            )
        self._pack = pack
        self._use_custom_packing_ops = use_custom_packing_ops
        self._apply_length_check = apply_length_check
        self._bos_id = bos_id
        self._passthrough_features = dict(passthrough_features or {})

    @property
    def pack(self) -> bool:
        """Whether examples are packed."""
        return self._pack

    @property
    def bos_id(self) -> int:
        """What a decoder reads before the first target."""
        return self._bos_id

    def __call__(self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, Any]) -> tf.data.Dataset:
        """Converts a dataset of single examples.

        Args:
          ds: examples as dictionaries, with at least the task features and the pass-through features.
          task_feature_lengths: the length of each of these: a number, or one for each dimension.

        Returns:
          A dataset of exactly the model features, with static shapes. Reading it raises
          `tf.errors.InvalidArgumentError` where an example is too long.

        Raises:
          FeatureError: a feature or a length is missing or superfluous, or has another dtype, rank or length than it
            should.
        """
        task_features = {**self.TASK_FEATURES, **self._passthrough_features}
        model_features = self._expected_model_features()
        _check_names(task_feature_lengths, task_features, "task_feature_lengths", "TASK_FEATURES")
        checked = self._validate_dataset(
            ds, task_features, task_feature_lengths, strict=False, error_label="input_validation"
        )
        converted = self._convert_features(checked, task_feature_lengths)
        model_feature_lengths = self.get_model_feature_lengths(task_feature_lengths)
        _check_names(model_feature_lengths, model_features, "model_feature_lengths", "model_feature_names")
        converted = self._validate_dataset(
            converted, model_features, model_feature_lengths, strict=True, error_label="output_validation"
        )
        _check_names(converted.element_spec, model_features, "output_dataset", "model_feature_names")
        return converted

    @abc.abstractmethod
    def _convert_features(self, ds: tf.data.Dataset, task_feature_lengths: Mapping[str, Any]) -> tf.data.Dataset:
        """Converts a dataset that has been checked; it may have more features than `task_feature_lengths`."""

    @abc.abstractmethod
    def get_model_feature_lengths(self, task_feature_lengths: Mapping[str, Any]) -> Mapping[str, Any]:
        """The length of each model feature (packing and pass-through features too) for these lengths of the task's."""

    def _pack_or_pad(self, ds: tf.data.Dataset, packed_lengths: Mapping[str, Any]) -> tf.data.Dataset:
        """Brings features to `packed_lengths`: one example a row, padded, or several where this converter packs."""
        if self.pack:
            return trim_and_pack_dataset(ds, packed_lengths, self._use_custom_packing_ops)
        return trim_and_pad_dataset(ds, packed_lengths)

    def _expected_model_features(self) -> dict[str, FeatureConverter.FeatureSpec]:
        expected = {**self.MODEL_FEATURES, **self._passthrough_features}
        if not self.pack:
            return expected
        for name, spec in expected.items():
            if spec.rank != 1:
                raise FeatureError(
                    "When packing is enabled, expected ranks must be 1 or use_custom_packing_ops must be set. "
                    f"Got expected rank {spec.rank} for feature {name}. evalkit has no custom packing operations: "
                    f"construct {type(self).__name__} with pack=False."
                )
        packing = {name: FeatureConverter.FeatureSpec(dtype) for name, dtype in self.PACKING_FEATURE_DTYPES.items()}
        return {**expected, **packing}

    def _validate_dataset(
        self,
        ds: tf.data.Dataset,
        expected_features: Mapping[str, FeatureConverter.FeatureSpec],
        expected_lengths: Mapping[str, Any],
        strict: bool,
        error_label: str,
    ) -> tf.data.Dataset:
        """Checks features at once, and lengths while the returned dataset is read; `strict`: shorter is wrong too."""
        for name, expected in expected_features.items():
            _check_feature(ds.element_spec, name, expected, error_label)
        if not self._apply_length_check:
            return ds
        limits = {
            name: _dimension_limits(expected_lengths[name], expected_features[name])
            for name in expected_lengths
            if name in expected_features and expected_features[name].rank != 0
        }
        return check_lengths(ds, limits, exact=strict, stage=error_label)


def _check_names(found: Collection[str], expected: Collection[str], found_in: str, expected_by: str) -> None:
    extra, missing = set(found) - set(expected), set(expected) - set(found)
    if extra:
        raise FeatureError(
            f"The {found_in} contains extra features not specified in the {expected_by}: {extra}. "
            f"Expected exactly {sorted(expected)}."
        )
    if missing:
        raise FeatureError(
            f"The {found_in} is missing features specified in the {expected_by}: {missing}. Found {sorted(found)}."
        )


def _check_feature(element_spec: Any, name: str, expected: FeatureConverter.FeatureSpec, stage: str) -> None:
    if name not in element_spec:
        raise FeatureError(
            f"Dataset is missing an expected feature during {stage} validation: {name!r}. "
            f"It has {sorted(element_spec)}."
        )
    found = element_spec[name]
    if found.dtype != expected.dtype:
        raise FeatureError(
            f"Dataset has incorrect type for feature {name!r} during {stage} validation: "
            f"Got {found.dtype.name}, expected {expected.dtype.name}. Cast it in a preprocessor."
        )
    if found.shape.rank != expected.rank:
        raise FeatureError(
            f"Dataset has incorrect rank for feature {name!r} during {stage} validation: "
            f"Got {found.shape.rank}, expected {expected.rank}."
        )


def _dimension_limits(length: Any, spec: FeatureConverter.FeatureSpec) -> dict[int, int]:
    """The length of each dimension that has one: a single number speaks of the sequence dimension."""
    dimensions = dimension_lengths(length)
    first = spec.sequence_dim if len(dimensions) == 1 else 0
    return {first + index: limit for index, limit in enumerate(dimensions) if limit is not None}
