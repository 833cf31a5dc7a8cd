"""Tasks and mixtures made of others: with another vocabulary, less data, sentinels, or cached to the last step.

A derived task is the original in everything but what is asked for: class, metrics, postprocess function, shuffle
buffer and place of definition stay (seqio drops some of these). The originals are left as they are.
"""

from evalkit.derived.fully_cached import add_fully_cached_mixture as add_fully_cached_mixture
from evalkit.derived.fully_cached import add_fully_cached_task as add_fully_cached_task
from evalkit.derived.new_vocabulary import mixture_or_task_with_new_vocab as mixture_or_task_with_new_vocab
from evalkit.derived.sentinels import add_task_with_sentinels as add_task_with_sentinels
from evalkit.derived.split_removal import (
    mixture_with_missing_task_splits_removed as mixture_with_missing_task_splits_removed,
)
from evalkit.derived.truncation import mixture_or_task_with_truncated_data as mixture_or_task_with_truncated_data
