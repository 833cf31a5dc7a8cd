"""Task features to model features, one file an architecture; imported as `evalkit.feature_converters`."""

if __name__ != "evalkit.feature_converters":
    raise ImportError(
        f"This folder is imported as 'evalkit.feature_converters', not as {__name__!r}: a second name would define "
        "every converter twice."
    )

from evalkit.feature_converters.decoder import DecoderFeatureConverter as DecoderFeatureConverter
from evalkit.feature_converters.encoder import EncoderFeatureConverter as EncoderFeatureConverter
from evalkit.feature_converters.encoder_decoder import EncDecFeatureConverter as EncDecFeatureConverter
from evalkit.feature_converters.encoder_decoder import (
    PrePackedEncDecFeatureConverter as PrePackedEncDecFeatureConverter,
)
from evalkit.feature_converters.language_model import LMFeatureConverter as LMFeatureConverter
from evalkit.feature_converters.pass_through import PassThroughFeatureConverter as PassThroughFeatureConverter
from evalkit.feature_converters.prefix_lm import PrefixLMFeatureConverter as PrefixLMFeatureConverter
from evalkit.feature_converters.prefix_lm import PrefixSuffixLMFeatureConverter as PrefixSuffixLMFeatureConverter
from evalkit.feature_converters.prepacked import PrePackedLMFeatureConverter as PrePackedLMFeatureConverter
from evalkit.feature_converters.prepacked import PrePackedPrefixLMFeatureConverter as PrePackedPrefixLMFeatureConverter
