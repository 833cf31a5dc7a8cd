"""The names of seqio's module `beam_utils`; importing it needs Apache Beam."""

from evalkit.caching.preprocess_task import ID_WITHIN_SHARD_PROVENANCE_KEY as ID_WITHIN_SHARD_PROVENANCE_KEY
from evalkit.caching.preprocess_task import PREPROCESSORS_SEED_PROVENANCE_KEY as PREPROCESSORS_SEED_PROVENANCE_KEY
from evalkit.caching.preprocess_task import PROVENANCE_KEYS as PROVENANCE_KEYS
from evalkit.caching.preprocess_task import PROVENANCE_PREFIX as PROVENANCE_PREFIX
from evalkit.caching.preprocess_task import SOURCE_SHARD_ID_PROVENANCE_KEY as SOURCE_SHARD_ID_PROVENANCE_KEY
from evalkit.caching.preprocess_task import SOURCE_SHARD_PROVENANCE_KEY as SOURCE_SHARD_PROVENANCE_KEY
from evalkit.caching.preprocess_task import TASK_PROVENANCE_KEY as TASK_PROVENANCE_KEY
from evalkit.caching.preprocess_task import PreprocessTask as PreprocessTask
from evalkit.caching.transforms import GetInfo as GetInfo
from evalkit.caching.transforms import GetStats as GetStats
from evalkit.caching.transforms import WriteExampleTfRecord as WriteExampleTfRecord
from evalkit.caching.transforms import WriteJson as WriteJson
