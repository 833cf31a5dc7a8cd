"""A task on a few rows of a test: what becomes of them, and how outputs for them are judged.

The rows go the whole way that real ones go, through the task's preprocessors, the Evaluator, the postprocess function
and the metrics. Only the source and the model are the test's.

    >>> from evalkit.demo.addition import ADDITION
    >>> run = run_task(
    ...     ADDITION,
    ...     [{"question": "1+1=", "answer": "2"}, {"question": "2+2=", "answer": "4"}],
    ...     expected=[{"inputs": "1+1=", "targets": "2"}, {"inputs": "2+2=", "targets": [55, 1]}],
    ...     predictions=["2", "5"],
    ... )
    >>> run.metrics["exact_match"], run.examples[0]["targets"].tolist()
    (0.5, [53, 1])
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.converter import FeatureConverter
from evalkit.data.task import Task
from evalkit.evaluation.evaluator import Evaluator
from evalkit.feature_converters import PassThroughFeatureConverter
from evalkit.testing.comparison import Example, Examples, raise_if, read_examples, report
from evalkit.testing.given_outputs import GivenOutputs
from evalkit.testing.injection import inject
from evalkit.testing.rows import Rows
from evalkit.testing.values import Closeness, plain
from evalkit.transforms.lengths import Length

SPLIT = "test"
"""What the only split of the rows is called."""


@final
@dataclasses.dataclass(frozen=True)
class TaskRun:
    """What came of the rows.

    Attributes:
      examples: the preprocessed examples; numbers as arrays, text as bytes.
      metrics: by name, the values of those metrics for which there were outputs.
    """

    examples: Sequence[dict[str, Any]]
    metrics: Mapping[str, Any]


def run_task(
    task: str | Task,
    rows: Rows,
    *,
    expected: Examples | None = None,
    predictions: Sequence[Any] | None = None,
    scores: Any = None,
    aux_values: Mapping[str, Any] | None = None,
    features: Mapping[str, Any] | None = None,
    sequence_length: Mapping[str, Length] | None = None,
    seed: int | None = 42,
    feature_converter: FeatureConverter | None = None,
    target_field_name: str = "targets",
) -> TaskRun:
    """Runs a task on rows instead of its source, checks what the preprocessors make of them, and judges outputs.

    Args:
      task: the task, or its name.
      rows: raw examples, as the task's source gives them.
      expected: for each example after the preprocessors, the features that are to be checked: values, or for ids the
        text that they decode to.
      predictions: an output for each example: text, or token ids.
      scores: a score for each example, or `(scores, {name: values})`.
      aux_values: by name, a value for each example.
      features: dtypes of the rows where Python's values do not tell them; see `inject`.
      sequence_length: of the task features; None cuts nothing.
      seed: of preprocessors that draw random numbers.
      feature_converter: task features to model features; by default they stay as they are.
      target_field_name: the feature with which outputs are compared.

    Returns:
      The examples, and the metrics that judge what was given; none where no outputs are given.

    Raises:
      AssertionError: the examples are not as expected.
      ArgumentError: not as many outputs as examples, outputs that no metric judges, or examples without end.
      EvalkitError: whatever is wrong with the task, as where it reads its own source.
    """
    __tracebackhide__ = True
    outputs = GivenOutputs(predictions, scores, aux_values)
    with inject(task, {SPLIT: rows}, features) as injected:
        if outputs.names:
            outputs.metrics_for(injected)  # before anything is read
        examples = preprocess(injected, SPLIT, sequence_length, seed)
        if expected is not None:
            found, wanted = read_examples(examples), read_examples(expected)
            partners = itertools.chain(wanted, itertools.repeat({}))
            decoded = [_decoded(injected, *pair) for pair in zip(found, partners, strict=False)]
            raise_if(report(decoded, wanted, Closeness(), more=True))
        metrics: Mapping[str, Any] = {}
        if outputs.names:
            metrics = judge(
                injected,
                SPLIT,
                outputs,
                feature_converter=feature_converter,
                sequence_length=sequence_length,
                seed=seed,
                target_field_name=target_field_name,
            )
    return TaskRun(examples, metrics)


def preprocess(
    task: Task,
    split: str,
    sequence_length: Mapping[str, Length] | None,
    seed: int | None,
    num_examples: int | None = None,
    shuffle: bool = False,
) -> list[dict[str, Any]]:
    """The examples of a split in numpy, read anew: the first `num_examples`, or all.

    Raises:
      ArgumentError: all of an endless dataset.
    """
    dataset = task.get_dataset(sequence_length, split, shuffle=shuffle, seed=seed, num_epochs=1)
    if num_examples is None and dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise errors.ArgumentError(
            f"Task {task.name!r}: its source or preprocessors repeat the examples of split {split!r} without end. Read "
            "some of them: check_task(num_examples=…), or task.replace with a last preprocessor that takes some."
        )
    with task.named_read_errors(split):
        return list(dataset.take(-1 if num_examples is None else num_examples).as_numpy_iterator())


def judge(
    task: Task,
    split: str,
    outputs: GivenOutputs,
    *,
    feature_converter: FeatureConverter | None,
    target_field_name: str,
    num_examples: int | None = None,
    **arguments: Any,
) -> Mapping[str, Any]:
    """The metrics of `outputs`, as an Evaluator computes them.

    Args:
      task: with its source.
      split: to evaluate.
      outputs: for each example.
      feature_converter: None: none.
      target_field_name: of the Evaluator.
      num_examples: of the Evaluator.
      **arguments: more of the Evaluator.

    Raises:
      ArgumentError: not as many outputs as examples, or outputs that no metric judges.
      EvaluationError: a metric or postprocess function failed.
    """
    judged = task.replace(metric_fns=(), metric_objs=outputs.metrics_for(task))
    with Evaluator(
        judged,
        feature_converter or PassThroughFeatureConverter(),
        eval_split=split,
        num_examples=num_examples,
        target_field_name=target_field_name,
        async_compute_metrics=False,
        **arguments,
    ) as evaluator:
        count = len(evaluator.cached_task_datasets[task.name])
        future, _ = evaluator.evaluate(model_fns=outputs.model_fns(task, target_field_name, count))
        metrics: Mapping[str, Any] = future.result()[task.name]
        return metrics


def _decoded(task: Task, found: Example, expected: Example) -> dict[str, Any]:
    """`found`, with the text of those features for which text is expected."""
    decoded = dict(found)
    for name in expected.keys() & found.keys() & task.output_features.keys():
        vocabulary = task.output_features[name].vocabulary
        decoded[name] = _text_like(plain(expected[name]), found[name], vocabulary)
    return decoded


def _text_like(expected: Any, found: Any, vocabulary: Any) -> Any:
    values = plain(found)
    if not isinstance(values, list):
        return found
    if isinstance(expected, bytes):
        return vocabulary.decode(values)
    if isinstance(expected, list) and expected and isinstance(expected[0], bytes):
        return [_text_like(expected[0], value, vocabulary) for value in values]
    return found
