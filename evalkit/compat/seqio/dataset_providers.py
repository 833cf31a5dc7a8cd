"""seqio's module `dataset_providers`: features, sources, tasks, mixtures and their registries."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from evalkit.converter import FeatureConverter as FeatureConverter
from evalkit.data import CacheDatasetPlaceholder as CacheDatasetPlaceholder
from evalkit.data import ContinuousFeature as ContinuousFeature
from evalkit.data import DatasetProvider
from evalkit.data import DataSource as DataSource
from evalkit.data import Feature as Feature
from evalkit.data import Mixture as Mixture
from evalkit.data import MixtureRegistry as MixtureRegistry
from evalkit.data import ShardInfo as ShardInfo
from evalkit.data import SourceInfo as SourceInfo
from evalkit.data import Task as Task
from evalkit.data import TaskRegistry as TaskRegistry
from evalkit.data import get_mixture_or_task as get_mixture_or_task
from evalkit.data import get_subtasks as get_subtasks
from evalkit.data import maybe_get_mixture_or_task as maybe_get_mixture_or_task
from evalkit.data.dataset import get_dataset as get_dataset
from evalkit.data.mixing import MixtureRate as MixtureRate
from evalkit.data.mixture import SampleFn as SampleFn
from evalkit.data.provider_registry import ProviderRegistry
from evalkit.data.sources import FileDataSource as FileDataSource
from evalkit.data.sources import FunctionDataSource as FunctionDataSource
from evalkit.data.sources import ProtoDataSource as ProtoDataSource
from evalkit.data.sources import TextLineDataSource as TextLineDataSource
from evalkit.data.sources import TfdsDataSource as TfdsDataSource
from evalkit.data.sources import TFExampleDataSource as TFExampleDataSource
from evalkit.data.sources.function import DatasetFunction
from evalkit.data.task_parts import SHUFFLE_BUFFER_SIZE as SHUFFLE_BUFFER_SIZE
from evalkit.metrics import MetricFnCallable as MetricFnCallable
from evalkit.vocabularies import PassThroughVocabulary as PassThroughVocabulary
from evalkit.vocabularies import Vocabulary as Vocabulary

DatasetFnCallable = DatasetFunction
DatasetProviderBase = DatasetProvider
DatasetProviderRegistry = ProviderRegistry
DatasetReaderType = Callable[..., tf.data.Dataset]
DataSourceInterface = DataSource
DecodeFnType = Callable[..., Mapping[str, Any]]  # from a record to features
SubtaskOrName = Task | Mixture | str
