"""seqio's module `preprocessors`."""

from collections.abc import Mapping

from evalkit.data import Feature
from evalkit.preprocessors import append_eos as append_eos
from evalkit.preprocessors import append_eos_after_trim as append_eos_after_trim
from evalkit.preprocessors import apply_feature_converter as apply_feature_converter
from evalkit.preprocessors import preprocess_tensorflow_examples as preprocess_tensorflow_examples
from evalkit.preprocessors import print_dataset as print_dataset
from evalkit.preprocessors import rekey as rekey
from evalkit.preprocessors import tokenize as tokenize
from evalkit.preprocessors import tokenize_and_append_eos as tokenize_and_append_eos
from evalkit.preprocessors import truncate_inputs_left as truncate_inputs_left

OutputFeaturesType = Mapping[str, Feature]
SequenceLengthType = Mapping[str, int]
