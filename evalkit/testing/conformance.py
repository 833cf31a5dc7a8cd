"""What every task must keep, checked in one call.

    check_task("my_task", [{"question": "1+1", "answer": "2"}], target_metrics={"accuracy": 1.0})

* Shards are a partition: any number of readers see each raw example once between them.
* The same seed gives the same examples in the same order.
* Examples are what the output features declare: present, of their dtype and rank, ids that the vocabulary has, and an
  end-of-sequence id where one is promised.
* A model that answers with the targets gets the metrics that the author says, and all metrics are finite.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit import errors
from evalkit.converter import FeatureConverter
from evalkit.data.task import Task
from evalkit.evaluation.task_metrics import metric_name
from evalkit.testing.given_outputs import ARGUMENTS, GivenOutputs
from evalkit.testing.injection import inject, task_of
from evalkit.testing.rows import Rows
from evalkit.testing.task_checks import check_features, check_metrics, check_seed, check_shards
from evalkit.testing.task_run import SPLIT, TaskRun, judge
from evalkit.transforms.lengths import Length


def check_task(
    task: str | Task,
    rows: Rows | None = None,
    *,
    split: str | None = None,
    num_examples: int | None = None,
    num_shards: Sequence[int] = (2, 3),
    target_metrics: Mapping[str, Any] | None = None,
    scores: Any = None,
    aux_values: Mapping[str, Any] | None = None,
    features: Mapping[str, Any] | None = None,
    sequence_length: Mapping[str, Length] | None = None,
    seed: int = 42,
    feature_converter: FeatureConverter | None = None,
    target_field_name: str = "targets",
) -> TaskRun:
    """Checks what every task must keep; see the module.

        >>> from evalkit.demo.addition import ADDITION
        >>> rows = [{"question": "1+1=", "answer": "2"}, {"question": "2+2=", "answer": "4"}]
        >>> check_task(ADDITION, rows, target_metrics={"exact_match": 1.0}).metrics["exact_match"]
        1.0
        >>> check_task(ADDITION, rows, target_metrics={"exact_match": 0.5})
        Traceback (most recent call last):
            ...
        AssertionError: Task 'addition', targets judged against themselves:
        metric 'exact_match': found 1.0, expected 0.5

    Args:
      task: the task, or its name.
      rows: raw examples; None: those of its own source.
      split: of its own source; by default the last.
      num_examples: look only at the first so many examples, but for the shards.
      num_shards: into how many shards the raw examples are divided, one check each; each reads all of them.
      target_metrics: the values of some metrics for a model that answers with the targets.
      scores: what that model gives as scores; by default 0 for each example.
      aux_values: what it gives as auxiliary values; needed if a metric judges these.
      features: dtypes of the rows where Python's values do not tell them; see `inject`.
      sequence_length: of the task features; None cuts nothing.
      seed: of shuffling, and of preprocessors that draw random numbers.
      feature_converter: task features to model features; by default they stay as they are.
      target_field_name: the feature with which outputs are compared.

    Returns:
      The examples, and the metrics of the targets judged against themselves; none for a task without metrics.

    Raises:
      AssertionError: the task does not keep something; the message says what, and where.
      ArgumentError: arguments that do not go together.
      EvalkitError: whatever is wrong with the task when it is read.
    """
    __tracebackhide__ = True
    if rows is not None and split is not None:
        raise errors.ArgumentError(f"Rows have no splits. Pass either rows, or split={split!r} of the task's source.")
    own = task_of(task)
    for metric in own.metric_objs:
        if "aux_values" in ARGUMENTS[metric.model_output_type] and aux_values is None:
            raise errors.ArgumentError(
                f"Task {own.name!r}: metric {metric_name(metric)!r} judges auxiliary values. Pass "
                "aux_values: by name, one for each example."
            )
    with contextlib.nullcontext(own) if rows is None else inject(own, {SPLIT: rows}, features) as checked:
        where = split or checked.splits[-1]
        check_shards(checked, where, seed, num_shards)
        examples = check_seed(checked, where, sequence_length, seed, num_examples)
        check_features(checked, examples, sequence_length or {})
        metrics: Mapping[str, Any] = {}
        if checked.metric_objs:
            metrics = judge(
                checked,
                where,
                _perfect(checked, examples, target_field_name, scores, aux_values),
                feature_converter=feature_converter,
                target_field_name=target_field_name,
                num_examples=num_examples,
                sequence_length=sequence_length,
                seed=seed,
            )
        check_metrics(checked, metrics, target_metrics or {})
    return TaskRun(examples, metrics)


def _perfect(
    task: Task, examples: Sequence[Mapping[str, Any]], field: str, scores: Any, aux_values: Mapping[str, Any] | None
) -> GivenOutputs:
    """The outputs of a model that answers with the targets."""
    needed = {name for metric in task.metric_objs for name in ARGUMENTS[metric.model_output_type]}
    predictions = [example.get(field) for example in examples] if "predictions" in needed else None
    if scores is None and "scores" in needed:
        scores = [0.0] * len(examples)
    return GivenOutputs(predictions, scores, aux_values)
