"""seqio's module `helpers`: tasks and mixtures with another vocabulary, less data, or without what lacks a split."""

from evalkit.data import TruncatedDatasetProvider as TruncatedDatasetProvider
from evalkit.derived import mixture_or_task_with_new_vocab as mixture_or_task_with_new_vocab
from evalkit.derived import mixture_or_task_with_truncated_data as mixture_or_task_with_truncated_data
from evalkit.derived import mixture_with_missing_task_splits_removed as mixture_with_missing_task_splits_removed
