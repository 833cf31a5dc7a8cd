"""seqio's module `dataset_providers_helpers`: finding what is registered."""

from evalkit.data import get_dataset as get_dataset
from evalkit.data import get_mixture_or_task as get_mixture_or_task
from evalkit.data import get_subtasks as get_subtasks
