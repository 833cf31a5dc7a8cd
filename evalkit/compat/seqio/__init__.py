"""evalkit's objects under seqio's names, so that a task module written for seqio runs after one changed line.

    from evalkit.compat import seqio

Names only: whatever is here is evalkit's own object, in modules that are called as seqio's are. A name of seqio's that
evalkit has no counterpart of is not here, so that using it fails at once. Libraries that nobody may edit, and that say
`import seqio` themselves, are served by `install`.
"""

import importlib
import sys
from types import ModuleType

from evalkit.compat.seqio import dataset_providers as dataset_providers
from evalkit.compat.seqio import evaluation as evaluation
from evalkit.compat.seqio import experimental as experimental
from evalkit.compat.seqio import feature_converters as feature_converters
from evalkit.compat.seqio import loggers as loggers
from evalkit.compat.seqio import metrics as metrics
from evalkit.compat.seqio import preprocessors as preprocessors
from evalkit.compat.seqio import seqio_helpers as seqio_helpers
from evalkit.compat.seqio import seqio_utils as seqio_utils
from evalkit.compat.seqio import task_registry_provenance_tracking as task_registry_provenance_tracking
from evalkit.compat.seqio import vocabularies as vocabularies
from evalkit.compat.seqio.dataset_providers import SHUFFLE_BUFFER_SIZE as SHUFFLE_BUFFER_SIZE
from evalkit.compat.seqio.dataset_providers import CacheDatasetPlaceholder as CacheDatasetPlaceholder
from evalkit.compat.seqio.dataset_providers import ContinuousFeature as ContinuousFeature
from evalkit.compat.seqio.dataset_providers import DatasetFnCallable as DatasetFnCallable
from evalkit.compat.seqio.dataset_providers import DatasetProviderBase as DatasetProviderBase
from evalkit.compat.seqio.dataset_providers import DatasetProviderRegistry as DatasetProviderRegistry
from evalkit.compat.seqio.dataset_providers import DatasetReaderType as DatasetReaderType
from evalkit.compat.seqio.dataset_providers import DataSource as DataSource
from evalkit.compat.seqio.dataset_providers import DataSourceInterface as DataSourceInterface
from evalkit.compat.seqio.dataset_providers import DecodeFnType as DecodeFnType
from evalkit.compat.seqio.dataset_providers import Feature as Feature
from evalkit.compat.seqio.dataset_providers import FileDataSource as FileDataSource
from evalkit.compat.seqio.dataset_providers import FunctionDataSource as FunctionDataSource
from evalkit.compat.seqio.dataset_providers import MetricFnCallable as MetricFnCallable
from evalkit.compat.seqio.dataset_providers import Mixture as Mixture
from evalkit.compat.seqio.dataset_providers import MixtureRate as MixtureRate
from evalkit.compat.seqio.dataset_providers import MixtureRegistry as MixtureRegistry
from evalkit.compat.seqio.dataset_providers import ProtoDataSource as ProtoDataSource
from evalkit.compat.seqio.dataset_providers import SampleFn as SampleFn
from evalkit.compat.seqio.dataset_providers import ShardInfo as ShardInfo
from evalkit.compat.seqio.dataset_providers import SourceInfo as SourceInfo
from evalkit.compat.seqio.dataset_providers import SubtaskOrName as SubtaskOrName
from evalkit.compat.seqio.dataset_providers import Task as Task
from evalkit.compat.seqio.dataset_providers import TaskRegistry as TaskRegistry
from evalkit.compat.seqio.dataset_providers import TextLineDataSource as TextLineDataSource
from evalkit.compat.seqio.dataset_providers import TfdsDataSource as TfdsDataSource
from evalkit.compat.seqio.dataset_providers import TFExampleDataSource as TFExampleDataSource
from evalkit.compat.seqio.dataset_providers import get_dataset as get_dataset
from evalkit.compat.seqio.dataset_providers import get_mixture_or_task as get_mixture_or_task
from evalkit.compat.seqio.dataset_providers import get_subtasks as get_subtasks
from evalkit.compat.seqio.dataset_providers import maybe_get_mixture_or_task as maybe_get_mixture_or_task
from evalkit.compat.seqio.evaluation import Evaluator as Evaluator
from evalkit.compat.seqio.feature_converters import DecoderFeatureConverter as DecoderFeatureConverter
from evalkit.compat.seqio.feature_converters import EncDecFeatureConverter as EncDecFeatureConverter
from evalkit.compat.seqio.feature_converters import EncoderFeatureConverter as EncoderFeatureConverter
from evalkit.compat.seqio.feature_converters import FeatureConverter as FeatureConverter
from evalkit.compat.seqio.feature_converters import LMFeatureConverter as LMFeatureConverter
from evalkit.compat.seqio.feature_converters import PassThroughFeatureConverter as PassThroughFeatureConverter
from evalkit.compat.seqio.feature_converters import PrefixLMFeatureConverter as PrefixLMFeatureConverter
from evalkit.compat.seqio.feature_converters import PrefixSuffixLMFeatureConverter as PrefixSuffixLMFeatureConverter
from evalkit.compat.seqio.feature_converters import PrePackedEncDecFeatureConverter as PrePackedEncDecFeatureConverter
from evalkit.compat.seqio.feature_converters import PrePackedLMFeatureConverter as PrePackedLMFeatureConverter
from evalkit.compat.seqio.feature_converters import (
    PrePackedPrefixLMFeatureConverter as PrePackedPrefixLMFeatureConverter,
)
from evalkit.compat.seqio.feature_converters import autoregressive_inputs as autoregressive_inputs
from evalkit.compat.seqio.feature_converters import non_padding_position as non_padding_position
from evalkit.compat.seqio.installation import install as install
from evalkit.compat.seqio.loggers import JSONLogger as JSONLogger
from evalkit.compat.seqio.loggers import Logger as Logger
from evalkit.compat.seqio.loggers import PyLoggingLogger as PyLoggingLogger
from evalkit.compat.seqio.loggers import TensorAndNumpyEncoder as TensorAndNumpyEncoder
from evalkit.compat.seqio.loggers import TensorBoardLogger as TensorBoardLogger
from evalkit.compat.seqio.seqio_utils import LazyTfdsLoader as LazyTfdsLoader
from evalkit.compat.seqio.seqio_utils import NestedTFDict as NestedTFDict
from evalkit.compat.seqio.seqio_utils import TFDict as TFDict
from evalkit.compat.seqio.seqio_utils import TfdsSplit as TfdsSplit
from evalkit.compat.seqio.seqio_utils import add_global_cache_dirs as add_global_cache_dirs
from evalkit.compat.seqio.seqio_utils import add_kwargs_to_transform as add_kwargs_to_transform
from evalkit.compat.seqio.seqio_utils import dict_to_tfexample as dict_to_tfexample
from evalkit.compat.seqio.seqio_utils import flatten_dict as flatten_dict
from evalkit.compat.seqio.seqio_utils import function_name as function_name
from evalkit.compat.seqio.seqio_utils import get_cached_info_path as get_cached_info_path
from evalkit.compat.seqio.seqio_utils import get_cached_stats_path as get_cached_stats_path
from evalkit.compat.seqio.seqio_utils import get_cached_tfrecord_prefix as get_cached_tfrecord_prefix
from evalkit.compat.seqio.seqio_utils import get_global_cache_dirs as get_global_cache_dirs
from evalkit.compat.seqio.seqio_utils import get_task_dir_from_name as get_task_dir_from_name
from evalkit.compat.seqio.seqio_utils import list_files as list_files
from evalkit.compat.seqio.seqio_utils import make_autoregressive_inputs as make_autoregressive_inputs
from evalkit.compat.seqio.seqio_utils import map_over_dataset as map_over_dataset
from evalkit.compat.seqio.seqio_utils import map_seed_manager as map_seed_manager
from evalkit.compat.seqio.seqio_utils import mixing_rate_num_characters as mixing_rate_num_characters
from evalkit.compat.seqio.seqio_utils import mixing_rate_num_examples as mixing_rate_num_examples
from evalkit.compat.seqio.seqio_utils import set_global_cache_dirs as set_global_cache_dirs
from evalkit.compat.seqio.seqio_utils import set_tfds_data_dir_override as set_tfds_data_dir_override
from evalkit.compat.seqio.seqio_utils import set_tfds_read_config_override as set_tfds_read_config_override
from evalkit.compat.seqio.seqio_utils import stateless_shuffle as stateless_shuffle
from evalkit.compat.seqio.seqio_utils import tfexample_ragged_length_key as tfexample_ragged_length_key
from evalkit.compat.seqio.seqio_utils import tfexample_sparse_indices_key as tfexample_sparse_indices_key
from evalkit.compat.seqio.seqio_utils import tfexample_to_dict as tfexample_to_dict
from evalkit.compat.seqio.seqio_utils import trim_and_pack_dataset as trim_and_pack_dataset
from evalkit.compat.seqio.seqio_utils import trim_and_pad_dataset as trim_and_pad_dataset
from evalkit.compat.seqio.seqio_utils import trim_dataset as trim_dataset
from evalkit.compat.seqio.seqio_utils import unflatten_dict as unflatten_dict
from evalkit.compat.seqio.vocabularies import PAD_ID as PAD_ID
from evalkit.compat.seqio.vocabularies import BertWordPieceVocabulary as BertWordPieceVocabulary
from evalkit.compat.seqio.vocabularies import ByteVocabulary as ByteVocabulary
from evalkit.compat.seqio.vocabularies import FullCodepointVocabulary as FullCodepointVocabulary
from evalkit.compat.seqio.vocabularies import PartialCodepointVocabulary as PartialCodepointVocabulary
from evalkit.compat.seqio.vocabularies import PassThroughVocabulary as PassThroughVocabulary
from evalkit.compat.seqio.vocabularies import SentencePieceVocabulary as SentencePieceVocabulary
from evalkit.compat.seqio.vocabularies import UnigramVocabulary as UnigramVocabulary
from evalkit.compat.seqio.vocabularies import Vocabulary as Vocabulary
from evalkit.compat.shared_names import share_names

helpers = seqio_helpers
utils = seqio_utils
sys.modules[f"{__name__}.helpers"] = helpers
sys.modules[f"{__name__}.utils"] = utils
share_names(
    dataset_providers,
    evaluation,
    experimental,
    feature_converters,
    helpers,
    loggers,
    metrics,
    preprocessors,
    utils,
    vocabularies,
)

__version__ = "0.0.20"  # of seqio, whose names these are

_LOADED_ON_USE = ("beam_utils", "test_utils")  # the one needs the extra `cache`, the other is for tests


def __getattr__(name: str) -> ModuleType:
    if name in _LOADED_ON_USE:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}: evalkit has no counterpart of it")
