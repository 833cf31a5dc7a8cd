"""Steps from dataset to dataset: what a task lists as its preprocessors. Names, arguments and defaults are seqio's."""

from evalkit.preprocessors.conversion import apply_feature_converter as apply_feature_converter
from evalkit.preprocessors.fewshot import fewshot_preprocessor as fewshot_preprocessor
from evalkit.preprocessors.inspection import print_dataset as print_dataset
from evalkit.preprocessors.rekeying import rekey as rekey
from evalkit.preprocessors.sequences import append_eos as append_eos
from evalkit.preprocessors.sequences import append_eos_after_trim as append_eos_after_trim
from evalkit.preprocessors.sequences import truncate_inputs_left as truncate_inputs_left
from evalkit.preprocessors.templates import preprocess_tensorflow_examples as preprocess_tensorflow_examples
from evalkit.preprocessors.tokenization import tokenize as tokenize
from evalkit.preprocessors.tokenization import tokenize_and_append_eos as tokenize_and_append_eos
