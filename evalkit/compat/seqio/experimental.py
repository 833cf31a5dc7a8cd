"""seqio's module `experimental`: few-shot prompts, and tasks and mixtures derived from others."""

from evalkit.data import CacheDatasetPlaceholder as CacheDatasetPlaceholder
from evalkit.data import FewshotDataSource as FewshotDataSource
from evalkit.data import Mixture as Mixture
from evalkit.data import MixtureRegistry as MixtureRegistry
from evalkit.data import ShardInfo as ShardInfo
from evalkit.data import Task as Task
from evalkit.data import TaskRegistry as TaskRegistry
from evalkit.data import disable_registry as disable_registry
from evalkit.derived import add_fully_cached_mixture as add_fully_cached_mixture
from evalkit.derived import add_fully_cached_task as add_fully_cached_task
from evalkit.derived import add_task_with_sentinels as add_task_with_sentinels
from evalkit.preprocessors import fewshot_preprocessor as fewshot_preprocessor
