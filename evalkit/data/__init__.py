"""What is evaluated: features, sources, tasks, mixtures, and the registries that name them."""

from evalkit.data.cache_placeholder import CacheDatasetPlaceholder as CacheDatasetPlaceholder
from evalkit.data.feature import ContinuousFeature as ContinuousFeature
from evalkit.data.feature import Feature as Feature
from evalkit.data.mixture import Mixture as Mixture
from evalkit.data.name_table import scoped_registries as scoped_registries
from evalkit.data.offline_cache import add_global_cache_dirs as add_global_cache_dirs
from evalkit.data.offline_cache import get_global_cache_dirs as get_global_cache_dirs
from evalkit.data.offline_cache import set_global_cache_dirs as set_global_cache_dirs
from evalkit.data.provider import DatasetProvider as DatasetProvider
from evalkit.data.registry import MixtureRegistry as MixtureRegistry
from evalkit.data.registry import TaskRegistry as TaskRegistry
from evalkit.data.registry import get_mixture_or_task as get_mixture_or_task
from evalkit.data.registry import get_subtasks as get_subtasks
from evalkit.data.registry import maybe_get_mixture_or_task as maybe_get_mixture_or_task
from evalkit.data.shard import ShardInfo as ShardInfo
from evalkit.data.source_info import SourceInfo as SourceInfo
from evalkit.data.sources.source import DataSource as DataSource
from evalkit.data.task import Task as Task
