"""The decoder converter chooses by the keys of the lengths."""

from __future__ import annotations

import pytest

from evalkit.errors import ArgumentError
from evalkit.feature_converters import (
    DecoderFeatureConverter,
    LMFeatureConverter,
    PrefixLMFeatureConverter,
    PrefixSuffixLMFeatureConverter,
)
from tests.feature_converters.examples import dataset_of, read

EXAMPLES = [
    {"inputs": [7, 8, 1], "targets": [3, 1], "suffixes": [2]},
    {"inputs": [8, 4], "targets": [6], "suffixes": []},
]
LENGTHS = {"inputs": 4, "targets": 3, "suffixes": 2}


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["targets"], LMFeatureConverter),
        (["inputs", "targets"], PrefixLMFeatureConverter),
        (["inputs", "targets", "suffixes"], PrefixSuffixLMFeatureConverter),
    ],
)
@pytest.mark.parametrize("pack", [False, True])
def test_it_converts_as_the_converter_it_chooses(names, chosen, pack):
    lengths = {name: LENGTHS[name] for name in names}
    converter, expected = DecoderFeatureConverter(pack=pack, bos_id=5), chosen(pack=pack, bos_id=5)
    assert read(converter(dataset_of(EXAMPLES), lengths)) == read(expected(dataset_of(EXAMPLES), lengths))
    assert converter.get_model_feature_lengths(lengths) == expected.get_model_feature_lengths(lengths)


def test_loss_on_inputs_too():
    lengths = {"inputs": 4, "targets": 3}
    converter = DecoderFeatureConverter(loss_on_targets_only=False, pack=False)
    assert read(converter(dataset_of(EXAMPLES), lengths))[0]["decoder_loss_weights"] == [1, 1, 1, 1, 1, 0, 0]


def test_a_subclass_may_put_in_a_converter_of_its_own():
    converter = DecoderFeatureConverter(pack=False)
    converter.prefixlm_feature_converter = PrefixLMFeatureConverter(pack=False, bos_id=9)
    (row, _) = read(converter(dataset_of(EXAMPLES), {"inputs": 4, "targets": 3}))
    assert row["decoder_input_tokens"][0] == 9


def test_features_that_pass_through_a_packing_converter():
    with pytest.raises(ArgumentError, match="incompatible with pass-through"):
        DecoderFeatureConverter(passthrough_features={"p": DecoderFeatureConverter.TASK_FEATURES["targets"]})
