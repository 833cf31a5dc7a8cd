"""A task with sentinels, for models that were trained to fill in spans: these answer better when asked in their way.

inputs: "What is the capital of Illinois? <extra_id_0>"    targets: "<extra_id_0> Springfield."
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.data import Task, TaskRegistry
from evalkit.data.definition import Preprocessor
from evalkit.derived.derivation import register_all
from evalkit.metrics import MetricFunction, metric_function_of
from evalkit.preprocessors import append_eos_after_trim
from evalkit.preprocessors.sentinels import add_sentinels, sentinel_ids
from evalkit.transforms import trim_dataset
from evalkit.vocabularies import Vocabulary

_INPUTS, _TARGETS = "inputs", "targets"

# What names of tasks end with that evaluate a split; the sentinels are named before it.
_ENDINGS = ("_train", "_dev", "_test", "_eval", ".")


def add_task_with_sentinels(task_name: str, num_sentinels: int = 1) -> Task:
    """Registers a task with sentinels after `inputs` and before `targets`, which are taken off again before judging.

    It is called `<task>_<n>_sentinel`; a `_train`, `_dev`, `_test`, `_eval` or a dot, and what follows it, stay behind.
    Sentinels come last, but before the EOS of `append_eos_after_trim` if that is the last preprocessor: then inputs are
    cut so that their sentinels and EOS fit in. Metric objects that are no metric functions get the outputs as
    they are.

    Args:
      task_name: of a registered task.
      num_sentinels: how many.

    Returns:
      The new task.

    Raises:
      UnknownNameError: no task has the name.
      ArgumentError: less than 1 sentinel, or a task without `inputs` or `targets`.
      DuplicateNameError: the new name is taken.
    """
    task = TaskRegistry.get(task_name)
    if num_sentinels < 1:
        raise errors.ArgumentError(f"Task {task_name!r}: num_sentinels must be at least 1, found {num_sentinels}.")
    for name in (_INPUTS, _TARGETS):
        if name not in task.output_features:
            raise errors.ArgumentError(
                f"Task {task_name!r} has no output feature {name!r} to add sentinels to; it has "
                f"{', '.join(task.output_features)}."
            )
    vocabulary = task.output_features[_TARGETS].vocabulary
    metric_objs = task.metric_objs[: len(task.metric_objs) - len(task.metric_fns)]
    new = task.replace(
        name=_name(task_name, num_sentinels),
        preprocessors=_steps(task, num_sentinels),
        postprocess_fn=WithoutSentinels(vocabulary, num_sentinels, task.postprocessor),
        metric_objs=[_without_sentinels(metric, vocabulary, num_sentinels) for metric in metric_objs],
    )
    register_all([new])
    return new


@final
@dataclasses.dataclass(frozen=True)
class WithoutSentinels:
    """A postprocess function that takes the sentinels off before it calls another, if there is one."""

    vocabulary: Vocabulary = dataclasses.field(hash=False)
    num_sentinels: int
    postprocess_fn: Callable[..., Any] | None

    def __call__(self, output: Any, *args: Any, **kwargs: Any) -> Any:
        """What the other makes of `output` (text, ids, or a list of either) without the sentinels at its beginning."""
        rest = _without_beginning(output, self._sentinels)
        return rest if self.postprocess_fn is None else self.postprocess_fn(rest, *args, **kwargs)

    @functools.cached_property
    def _sentinels(self) -> Any:  # when an output is there: defining a task loads no vocabulary
        return self.vocabulary.decode(sentinel_ids(self.vocabulary, self.num_sentinels))


def _without_beginning(output: Any, sentinels: Any) -> Any:
    if isinstance(output, str) and isinstance(sentinels, str):
        return output[len(sentinels) :].strip() if output.startswith(sentinels) else output
    if not isinstance(output, list | tuple):
        return output
    if isinstance(sentinels, list | tuple) and list(output[: len(sentinels)]) == list(sentinels):
        return output[len(sentinels) :]
    return [_without_beginning(part, sentinels) for part in output]


def _without_sentinels(metric: Any, vocabulary: Vocabulary, num_sentinels: int) -> Any:
    function = metric_function_of(metric)
    if function is None:
        return metric
    postprocess_fn = WithoutSentinels(vocabulary, num_sentinels, function.postprocess_fn)
    replaced = dataclasses.replace(function, postprocess_fn=postprocess_fn)
    return replaced if isinstance(metric, MetricFunction) else dataclasses.replace(metric, function=replaced)


def _name(task_name: str, num_sentinels: int) -> str:
    at = next((task_name.find(ending) for ending in _ENDINGS if ending in task_name), len(task_name))
    return f"{task_name[:at]}_{num_sentinels}_sentinel{task_name[at:]}"


def _steps(task: Task, num_sentinels: int) -> Sequence[Preprocessor]:
    steps = list(task.preprocessors)
    add: Preprocessor = functools.partial(add_sentinels, num_sentinels=num_sentinels)
    if not steps or steps[-1] is not append_eos_after_trim:
        return [*steps, add]
    ending = num_sentinels + task.output_features[_INPUTS].add_eos
    return [*steps[:-1], functools.partial(leave_room, num_tokens=ending), add, steps[-1]]


def leave_room(
    dataset: tf.data.Dataset, sequence_length: Mapping[str, Any] | None = None, *, num_tokens: int
) -> tf.data.Dataset:
    """Cuts `inputs` so that `num_tokens` more fit into their length.

    Raises:
      ArgumentError: the length has no room for these.
    """
    length = (sequence_length or {}).get(_INPUTS)
    if length is None:
        return dataset
    longest = length if isinstance(length, int) else int(length[0])
    if longest < num_tokens:
        raise errors.ArgumentError(
            f"sequence_length[{_INPUTS!r}] is {longest}, which leaves no room for the {num_tokens} tokens at its end: "
            "sentinels, and EOS. Pass more, or use fewer sentinels."
        )
    return trim_dataset(dataset, {_INPUTS: longest - num_tokens}, {_INPUTS})
