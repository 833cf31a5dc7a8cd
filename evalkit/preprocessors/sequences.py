"""Steps on token sequences: where they end, and which end is cut when they are too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from evalkit import errors
from evalkit.preprocessors.batched_tokenization import with_endings
from evalkit.preprocessors.end_of_sequence import Ending
from evalkit.preprocessors.examples import OutputFeatures, eos_id, feature_specs, require_feature

SequenceLength = Mapping[str, int | Sequence[int] | None]


def append_eos(dataset: tf.data.Dataset, output_features: OutputFeatures) -> tf.data.Dataset:
    """Ends every sequence of the features that ask for it (`add_eos`) with the EOS of their vocabulary.

    For features of rank > 1, dense or ragged, every innermost row gets one. Nothing is cut: a task trims afterwards,
    and may then cut the EOS; see `append_eos_after_trim`.

    Raises:
      FeatureError: such a feature is no sequence of numbers, or its vocabulary has no EOS.
    """
    return append_eos_after_trim(dataset, output_features)


def append_eos_after_trim(
    dataset: tf.data.Dataset, output_features: OutputFeatures, sequence_length: SequenceLength | None = None
) -> tf.data.Dataset:
    """Cuts features so that their EOS still fits in, then appends it as `append_eos` does.

    Args:
      dataset: tokenised examples.
      output_features: which features end with EOS, and with which.
      sequence_length: the longest that a feature may be with its EOS, by name (for rank > 1, that of its last
        dimension). A feature without one, or with None, is not cut.

    Raises:
      FeatureError: such a feature is no sequence of numbers, or its vocabulary has no EOS.
      ArgumentError: a length leaves no room for the EOS.
    """
    specs = feature_specs(dataset, "append_eos")
    endings = {
        name: Ending(_eos(name, specs[name], output_features), _room(name, (sequence_length or {}).get(name)))
        for name in specs
        if name in output_features and output_features[name].add_eos
    }
    if not endings:
        return dataset
    in_batches = with_endings(dataset, endings)
    if in_batches is not None:
        return in_batches

    def end(example: Mapping[str, Any]) -> dict[str, Any]:
        return {name: endings[name].append_tensor(v) if name in endings else v for name, v in example.items()}

    return dataset.map(end)


def truncate_inputs_left(dataset: tf.data.Dataset, sequence_length: SequenceLength | None) -> tf.data.Dataset:
    """Keeps the last `sequence_length["inputs"]` elements of `inputs`; everything else is cut on the right, elsewhere.

    To be put after tokenising and EOS. Without a length for `inputs` the dataset is returned as it is.

    Raises:
      FeatureError: the examples have no feature `inputs`.
    """
    limit = (sequence_length or {}).get("inputs")
    if limit is None:
        return dataset
    length = limit if isinstance(limit, int) else int(limit[0])
    require_feature("inputs", feature_specs(dataset, "truncate_inputs_left"), "truncate_inputs_left")

    def truncate(example: Mapping[str, Any]) -> dict[str, Any]:
        inputs = example["inputs"]
        return {**example, "inputs": inputs[-length:] if length else inputs[:0]}

    return dataset.map(truncate)


def _eos(name: str, spec: Any, output_features: OutputFeatures) -> int:
    """The EOS of a feature; raises FeatureError if it cannot have one."""
    if not hasattr(spec, "dtype") or spec.dtype == tf.string or spec.shape.rank == 0:
        raise errors.FeatureError(
            f"append_eos: feature {name!r} must be a sequence of ids, found {spec}. "
            "Put tokenize before it, or define the feature with add_eos=False."
        )
    return eos_id(name, output_features[name], "append_eos")


def _room(name: str, length: int | Sequence[int] | None) -> int | None:
    """How many ids may stand before the EOS; None for any number."""
    if length is None:
        return None
    longest = length if isinstance(length, int) else int(length[-1])
    if longest < 1:
        raise errors.ArgumentError(
            f"append_eos_after_trim: sequence_length[{name!r}] is {longest}, which leaves no room for the EOS. "
            "Pass at least 1, or None for no limit."
        )
    return longest - 1
