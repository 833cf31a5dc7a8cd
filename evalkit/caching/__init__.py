"""Offline caches: the examples of tasks, written once with Apache Beam and read ever after.

`evalkit.data` reads them (`use_cached=True`). Beam is an extra: only writing needs it, and only `pipeline` and the
transforms in `preprocess_task` and `transforms` import it.
"""

from evalkit.caching.cache_tasks import SplitOutcome as SplitOutcome
from evalkit.caching.cache_tasks import cache_tasks as cache_tasks
from evalkit.caching.plan import CacheSettings as CacheSettings
from evalkit.caching.plan import SplitPlan as SplitPlan
