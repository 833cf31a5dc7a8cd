"""What is evaluated: features, sources, tasks, mixtures, and the registries that name them."""

from evalkit.data.shard import ShardInfo as ShardInfo
from evalkit.data.sources.source import DataSource as DataSource
