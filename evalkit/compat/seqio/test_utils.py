"""seqio's module `test_utils`: what tests of tasks use, from `evalkit.testing`, which has more.

Loaded when it is first asked for. pytest takes none of the functions called `test_…` for a test.
"""

from evalkit import testing
from evalkit.data import MixtureRegistry as MixtureRegistry
from evalkit.data import TaskRegistry as TaskRegistry
from evalkit.testing import assert_dataset as assert_dataset

DataInjector = testing.inject_example
MockVocabulary = testing.TableVocabulary
assert_datasets_eq = testing.assert_datasets_equal
assert_datasets_neq = testing.assert_datasets_differ
assert_dict_contains = testing.assert_contains
assert_dict_values_equal = testing.assert_values_equal
clear_mixtures = MixtureRegistry.reset
clear_tasks = TaskRegistry.reset
create_default_dataset = testing.dataset_of_ids
create_prediction = testing.predict_text
dataset_as_text = testing.examples_as_text
encode_str = testing.encode_text
test_postprocessing = testing.judge_outputs
test_preprocessing = testing.preprocess_examples
test_preprocessing_single = testing.preprocess_example
test_task = testing.preprocess_and_judge
