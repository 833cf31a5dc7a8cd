"""Metrics of an evaluation that is spread over batches, shards and processes.

Each batch is judged where it is; what is kept of it is merged, in any order and grouping, and computed at the end as if
one machine had seen all of it. The manager keeps what has been merged so far, for each task and kind of model output.

    >>> import numpy as np
    >>> from evalkit.data import Feature, InMemoryDataSource, Task
    >>> from evalkit.metrics import ModelOutputType
    >>> from evalkit.vocabularies import PassThroughVocabulary
    >>> def share_right(targets, predictions):
    ...     return {"right": sum(map(np.array_equal, targets, predictions)) / len(targets)}
    >>> examples = [{"targets": np.array([n])} for n in range(4)]
    >>> task = Task("numbers", InMemoryDataSource({"test": examples}), metric_fns=[share_right],
    ...             output_features={"targets": Feature(PassThroughVocabulary(10))})
    >>> manager, kind = MetricManager([task]), ModelOutputType.PREDICTION
    >>> manager.initialize_metrics("numbers", kind)
    >>> for shard in (1, 0):  # the second half first; its last output is wrong
    ...     outputs = np.array([[2], [9]] if shard else [[0], [1]])
    ...     batch = manager.from_model_output("numbers", kind, examples[2 * shard : 2 * shard + 2], outputs,
    ...                                       task.output_features, indices_2d=[[shard, 0], [shard, 1]])
    ...     manager.merge(batch, "numbers", kind)
    >>> manager.compute("numbers", kind, examples)
    {'right': 0.75}
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, final

from evalkit.data.task import Task
from evalkit.errors import ArgumentError, MetricError, nearest_names
from evalkit.evaluation.metric_collection import MetricCollection
from evalkit.evaluation.process_gather import gather_from_processes
from evalkit.evaluation.user_code import guarding
from evalkit.metrics.signature import ModelOutputType

Collections = dict[str, dict[ModelOutputType, MetricCollection]]


@final
class MetricManager:
    """Keeps the partial results of the metrics of several tasks.

    For one task and kind of output: `initialize_metrics`, then `from_model_output` and `merge` for each batch, in any
    order, then `compute`. Merging takes constant time with the metrics that collect outputs (all metric functions do),
    and rows are joined once, when they are read.

    In a JAX program of several processes, each one judges the batches of its own shards, with `indices_2d` telling
    (shard, position within the shard) of each row. Then all call `host_gather_and_reduce`, which brings the partial
    results of all processes into each by `jax.experimental.multihost_utils.process_allgather`, and process 0 computes:

        manager.initialize_metrics(task.name, kind)
        for batch in shard_of(jax.process_index()):
            ...
            manager.merge(manager.from_model_output(...), task.name, kind)
        manager.host_gather_and_reduce(task.name, kind)
        if jax.process_index() == 0:
            values = manager.compute(task.name, kind, examples_of_all_shards)

    Attributes:
      metric_registry: the metrics of each task and kind of output, with nothing collected.
      output_metrics_collections: what has been merged so far.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        """Takes the metrics of the tasks; nothing is read.

        Raises:
          MetricError: a task has a metric that cannot be merged.
        """
        self.metric_registry: Collections = {}
        self.output_metrics_collections: Collections = {}
        self._features = {task.name: task.output_features for task in tasks}
        for task in tasks:
            metrics = task.metric_objs
            kinds = dict.fromkeys(metric.model_output_type for metric in metrics)
            self.metric_registry[task.name] = {
                kind: MetricCollection.of(task.name, [m for m in metrics if m.model_output_type == kind])
                for kind in kinds
            }

    def initialize_metrics(self, task_name: str, model_output_type: ModelOutputType) -> None:
        """Begins anew: what has been merged of this task and kind of output is forgotten.

        Raises:
          ArgumentError: there is no such task, or it has no metric of this kind of output.
        """
        empty = self._metrics(task_name, model_output_type)
        self.output_metrics_collections.setdefault(task_name, {})[model_output_type] = empty

    def from_model_output(
        self,
        task_name: str,
        model_output_type: ModelOutputType,
        inputs: Sequence[Mapping[str, Any]],
        model_output: Any,
        features: Mapping[str, Any],
        target_field_name: str = "targets",
        mask: Any = None,
        indices_2d: Any = None,
    ) -> MetricCollection:
        """The metrics of one batch; nothing is merged yet.

        Args:
          task_name: of a task of this manager.
          model_output_type: the kind of output.
          inputs: the examples of the batch.
          model_output: the model's outputs for them, see `Metric.from_model_output`.
          features: the task's output features.
          target_field_name: which of the features is the target.
          mask: bool `[batch]`, False for rows that only fill the batch; None if all rows count.
          indices_2d: int `[batch, 2]`, the shard of each example and its position within the shard; None numbers the
            rows in the order of merging.

        Raises:
          ArgumentError: there is no such task, or it has no metric of this kind of output.
          MetricError: a metric raised; the message says which.
        """
        metrics = self._metrics(task_name, model_output_type)
        return metrics.from_model_output(inputs, model_output, features, target_field_name, mask, indices_2d)

    def merge(self, metrics_collection: MetricCollection, task_name: str, model_output_type: ModelOutputType) -> None:
        """Merges the metrics of a batch with what has been merged so far.

        Raises:
          ArgumentError: there is no such task, it has no metric of this kind of output, or this is not initialized.
          MetricError: the collection is of other metrics, or a metric raised; the message says which.
        """
        merged = self._merged(task_name, model_output_type).merge(metrics_collection)
        self.output_metrics_collections[task_name][model_output_type] = merged

    def host_gather_and_reduce(self, task_name: str, model_output_type: ModelOutputType) -> None:
        """Merges what all processes of the JAX program have merged; each then has all. With one process: nothing.

        All processes must call it. Partial results are pickled on the way; of metrics that collect, only the rows are.

        Raises:
          ArgumentError: there is no such task, it has no metric of this kind of output, or this is not initialized.
          MetricError: a metric cannot be pickled, or raised when merged.
        """
        mine = self._merged(task_name, model_output_type)
        with guarding(MetricError, lambda: f"Task {task_name!r}: sharing the partial results between processes"):
            everyones = [mine.with_parts(parts) for parts in gather_from_processes(mine.parts())]
        merged = functools.reduce(MetricCollection.merge, everyones)
        self.output_metrics_collections[task_name][model_output_type] = merged

    def compute(
        self,
        task_name: str,
        model_output_type: ModelOutputType,
        examples: Sequence[Mapping[str, Any]],
        target_field_name: str = "targets",
    ) -> dict[str, Any]:
        """The values of all metrics, by name, over what has been merged.

        Args:
          task_name: of a task of this manager.
          model_output_type: the kind of output.
          examples: the examples of all shards, shard by shard, each `{feature: value}`.
          target_field_name: which of the features is the target.

        Raises:
          ArgumentError: there is no such task, it has no metric of this kind of output, or this is not initialized.
          MetricError: outputs are missing or there twice, a metric raised, or two gave values of one name.
        """
        merged = self._merged(task_name, model_output_type)
        return merged.compute(examples, self._features[task_name], target_field_name)

    def _metrics(self, task_name: str, model_output_type: ModelOutputType) -> MetricCollection:
        kinds = self.metric_registry.get(task_name)
        if kinds is None:
            near = nearest_names(task_name, self.metric_registry) or list(self.metric_registry)[:3]
            raise ArgumentError(f"This MetricManager has no task {task_name!r}; the nearest: {', '.join(near)}.")
        if model_output_type not in kinds:
            raise ArgumentError(
                f"Task {task_name!r} has no metric of {model_output_type!r}; its metrics judge "
                f"{', '.join(kind.name for kind in kinds) or 'nothing'}."
            )
        return kinds[model_output_type]

    def _merged(self, task_name: str, model_output_type: ModelOutputType) -> MetricCollection:
        self._metrics(task_name, model_output_type)
        merged = self.output_metrics_collections.get(task_name, {}).get(model_output_type)
        if merged is None:
            raise ArgumentError(
                f"The metrics of task {task_name!r} for {model_output_type!r} are not initialized. Call "
                "initialize_metrics before the first batch."
            )
        return merged
