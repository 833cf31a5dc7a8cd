"""The converter interface: what it checks before and while a dataset is read, and what a subclass may rely on."""

from __future__ import annotations

import pytest
import tensorflow as tf

from evalkit.converter import FeatureConverter, autoregressive_inputs, non_padding_position
from evalkit.errors import ArgumentError, DefinitionError, FeatureError
from evalkit.transforms import make_autoregressive_inputs

FeatureSpec = FeatureConverter.FeatureSpec


class RenamingConverter(FeatureConverter):
    """As a user writes one: nothing but the documented members."""

    TASK_FEATURES = {"targets": FeatureSpec(tf.int32)}
    MODEL_FEATURES = {"tokens": FeatureSpec(tf.int32)}
    PACKING_FEATURE_DTYPES = {"tokens_segment_ids": tf.int32, "tokens_positions": tf.int32}

    def _convert_features(self, ds, task_feature_lengths):
        ds = self._pack_or_pad(ds, task_feature_lengths)
        return ds.map(lambda example: {name.replace("targets", "tokens"): value for name, value in example.items()})

    def get_model_feature_lengths(self, task_feature_lengths):
        names = ["tokens", *(self.PACKING_FEATURE_DTYPES if self.pack else ())]
        return dict.fromkeys(names, task_feature_lengths["targets"])


def variant(**members):
    """A converter like the one above, but for `members`."""
    return type("Variant", (RenamingConverter,), members)


def dataset_of(rows, dtype=tf.int32, **spec):
    signature = {name: spec.get(name, tf.TensorSpec([None], dtype)) for name in rows[0]}
    return tf.data.Dataset.from_generator(lambda: iter(rows), output_signature=signature)


def read(dataset):
    return [{name: value.tolist() for name, value in row.items()} for row in dataset.as_numpy_iterator()]


def test_a_users_converter_pads():
    converted = RenamingConverter(pack=False)(dataset_of([{"targets": [3, 9, 1]}]), {"targets": 4})
    assert read(converted) == [{"tokens": [3, 9, 1, 0]}]
    assert converted.element_spec == {"tokens": tf.TensorSpec([4], tf.int32)}


def test_a_users_converter_packs_by_default():
    converter = RenamingConverter()
    assert converter.pack
    (row,) = read(converter(dataset_of([{"targets": [3, 1]}, {"targets": [4]}]), {"targets": 4}))
    assert row == {"tokens": [3, 1, 4, 0], "tokens_segment_ids": [1, 1, 2, 0], "tokens_positions": [0, 1, 0, 0]}


def test_the_converted_dataset_has_the_length_of_the_original():
    tokens = tf.data.Dataset.range(100).map(lambda number: {"targets": tf.cast([number], tf.int32)})
    assert len(RenamingConverter(pack=False)(tokens, {"targets": 4})) == 100


def test_conversion_reads_ahead_but_not_to_the_end():
    endless = tf.data.Dataset.range(10).repeat().map(lambda number: {"targets": tf.cast([number], tf.int32)})
    converted = RenamingConverter(pack=False)(endless, {"targets": 1})
    assert [row["tokens"] for row in read(converted.take(12))] == [[number % 10] for number in range(12)]


def test_properties():
    converter = RenamingConverter(pack=False, bos_id=7)
    assert (converter.pack, converter.bos_id) == (False, 7)


def test_the_interface_cannot_be_instantiated():
    with pytest.raises(TypeError, match="abstract"):
        FeatureConverter()


@pytest.mark.parametrize("table", ["TASK_FEATURES", "MODEL_FEATURES", "PACKING_FEATURE_DTYPES"])
def test_a_table_that_is_missing(table):
    with pytest.raises(DefinitionError, match=f"{table} must be defined in the subclass 'Variant'; found none"):
        variant(**{table: None})()


def test_packing_needs_its_table_only_when_it_packs():
    assert not variant(PACKING_FEATURE_DTYPES=None)(pack=False).pack


def test_packing_with_features_that_pass_through():
    with pytest.raises(ArgumentError, match=r"incompatible with pass-through features. Got pack=True and \['p'\]"):
        RenamingConverter(pack=True, passthrough_features={"p": FeatureSpec(tf.int32)})


def test_packing_with_custom_operations():
    with pytest.raises(ArgumentError, match="use_custom_packing_ops=True asks for Tensor2Tensor's"):
        RenamingConverter(pack=True, use_custom_packing_ops=True)


def test_a_length_that_is_missing():
    with pytest.raises(
        FeatureError, match=r"task_feature_lengths is missing .* TASK_FEATURES: {'targets'}. Found \[\]"
    ):
        RenamingConverter()(dataset_of([{"targets": [1]}]), {})


def test_a_length_too_many():
    with pytest.raises(
        FeatureError, match=r"extra features .* TASK_FEATURES: {'inputs'}. Expected exactly \['targets'\]"
    ):
        RenamingConverter()(dataset_of([{"targets": [1]}]), {"targets": 1, "inputs": 1})


def test_a_feature_that_is_missing():
    with pytest.raises(FeatureError, match=r"missing .* during input_validation validation: 'targets'. It has \['x'\]"):
        RenamingConverter()(dataset_of([{"x": [1]}]), {"targets": 1})


def test_a_feature_of_another_dtype():
    with pytest.raises(FeatureError, match=r"type for feature 'targets' .* Got int64, expected int32"):
        RenamingConverter()(dataset_of([{"targets": [1]}], tf.int64), {"targets": 1})


def test_a_feature_of_another_rank():
    with pytest.raises(FeatureError, match=r"rank for feature 'targets' .* Got 2, expected 1"):
        RenamingConverter()(
            dataset_of([{"targets": [[1]]}], targets=tf.TensorSpec([None, 1], tf.int32)), {"targets": 1}
        )


@pytest.mark.parametrize("pack", [False, True])
def test_an_example_that_is_too_long(pack):
    converted = RenamingConverter(pack=pack)(dataset_of([{"targets": [1]}, {"targets": [1, 2, 3]}]), {"targets": 2})
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"targets.* expected length of 2 during input_.*\[3\]"):
        read(converted)


def test_of_several_features_that_are_too_long_the_first_is_named():
    names = ["targets", "seven", "other", "features", "that", "are", "checked", "too"]
    specs = {name: FeatureSpec(tf.int32) for name in names}
    keep = variant(
        TASK_FEATURES=specs,
        MODEL_FEATURES=specs,
        get_model_feature_lengths=lambda self, lengths: dict(lengths),
        _convert_features=lambda self, ds, lengths: self._pack_or_pad(ds, lengths),
    )
    converted = keep(pack=False)(dataset_of([{name: [1, 2, 3] for name in names}]), dict.fromkeys(names, 2))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"targets.* during input_validation"):
        read(converted)


@pytest.mark.parametrize("pack", [False, True])
def test_an_example_that_is_too_long_is_cut_where_nobody_checks(pack):
    converter = RenamingConverter(pack=pack, apply_length_check=False)
    (row,) = read(converter(dataset_of([{"targets": [1, 2, 3]}]), {"targets": 2}))
    assert row["tokens"] == [1, 2]


def test_a_static_shape_that_is_too_long_is_an_error_at_once():
    fixed = dataset_of([{"targets": [1, 2, 3]}], targets=tf.TensorSpec([3], tf.int32))
    with pytest.raises(
        FeatureError, match=r"'targets' .* expected length of 2 during input_validation; found length 3"
    ):
        RenamingConverter()(fixed, {"targets": 2})


def test_lengths_are_checked_although_a_subclass_maps_first():
    def convert(self, ds, task_feature_lengths):
        cut = ds.map(lambda example: {"targets": example["targets"][:2]})
        return RenamingConverter._convert_features(self, cut, task_feature_lengths)

    converted = variant(_convert_features=convert)(pack=False)(dataset_of([{"targets": [1, 2, 3]}]), {"targets": 2})
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected length of 2 during input_validation"):
        read(converted)


def test_packing_features_of_two_dimensions():
    table = {"tokens": FeatureSpec(tf.int32, rank=2)}
    with pytest.raises(FeatureError, match=r"expected ranks must be 1 .* Got expected rank 2 for feature tokens"):
        variant(MODEL_FEATURES=table)(pack=True)(dataset_of([{"targets": [1]}]), {"targets": 1})


def test_a_conversion_that_forgets_a_feature():
    table = {**RenamingConverter.MODEL_FEATURES, "weights": FeatureSpec(tf.int32)}
    lengths = {"get_model_feature_lengths": lambda self, lengths: {"tokens": 1, "weights": 1}}
    with pytest.raises(
        FeatureError, match=r"missing an expected feature during output_validation validation: 'weights'"
    ):
        variant(MODEL_FEATURES=table, **lengths)(pack=False)(dataset_of([{"targets": [1]}]), {"targets": 1})


def test_a_conversion_that_adds_a_feature():
    convert = {"_convert_features": lambda self, ds, lengths: ds.map(lambda example: {"tokens": [1], "x": [2]})}
    with pytest.raises(FeatureError, match=r"output_dataset contains extra features .*: {'x'}"):
        variant(**convert)(pack=False)(dataset_of([{"targets": [1]}]), {"targets": 1})


def test_model_lengths_that_forget_a_feature():
    lengths = {"get_model_feature_lengths": lambda self, lengths: {}}
    with pytest.raises(FeatureError, match=r"model_feature_lengths is missing .*: {'tokens'}"):
        variant(**lengths)(pack=False)(dataset_of([{"targets": [1]}]), {"targets": 1})


def test_a_conversion_to_another_length():
    convert = {"_convert_features": lambda self, ds, lengths: ds.map(lambda example: {"tokens": example["targets"]})}
    converted = variant(**convert)(pack=False)(dataset_of([{"targets": [1]}]), {"targets": 2})
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"not equal to the expected length of 2 during output_"):
        read(converted)


def test_lengths_of_several_dimensions_and_another_sequence_dimension():
    table = {"targets": FeatureSpec(tf.int32, rank=2, sequence_dim=1)}
    converter = variant(TASK_FEATURES=table, MODEL_FEATURES={"tokens": FeatureSpec(tf.int32, rank=2)})(pack=False)
    rows = dataset_of([{"targets": [[1, 2, 3]]}], targets=tf.TensorSpec([None, None], tf.int32))
    assert read(converter(rows, {"targets": (2, 3)})) == [{"tokens": [[1, 2, 3], [0, 0, 0]]}]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"expected length of 2 during input_validation"):
        read(converter(rows, {"targets": (2, 2)}))


def test_scalars_have_no_length_to_check():
    table = {"targets": FeatureSpec(tf.int32, rank=0)}
    convert = {"_convert_features": lambda self, ds, lengths: ds.map(lambda example: {"tokens": example["targets"]})}
    converter = variant(TASK_FEATURES=table, MODEL_FEATURES={"tokens": FeatureSpec(tf.int32, rank=0)}, **convert)
    rows = dataset_of([{"targets": 5}], targets=tf.TensorSpec([], tf.int32))
    assert read(converter(pack=False)(rows, {"targets": 0})) == [{"tokens": 5}]


def test_the_names_that_converters_use():
    assert autoregressive_inputs is make_autoregressive_inputs
    weights = non_padding_position(tf.constant([3, 0, 2]), dtype=tf.float32, pad_id=2)
    assert (weights.numpy().tolist(), weights.dtype) == ([1, 1, 0], tf.float32)
