"""A task on one raw example: what tests written with seqio's test tools call, with its arguments.

Raw data is given by split, and in each split is one example: `{"validation": {"question": "1+1", "answer": "2"}}`, of
which Python's numbers become int32 and float32. `run_task` and `check_task` do the same for any number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import tensorflow as tf

from evalkit import errors
from evalkit.converter import FeatureConverter
from evalkit.data.registry import get_mixture_or_task
from evalkit.testing.comparison import raise_if
from evalkit.testing.given_outputs import ARGUMENTS, GivenOutputs
from evalkit.testing.injection import inject_example
from evalkit.testing.task_run import judge, preprocess
from evalkit.transforms.lengths import Length

RawData = Mapping[str, Any]
F = TypeVar("F", bound=Callable[..., Any])

_COLLECTED = "__test__"


def _no_test(function: F) -> F:
    """Keeps pytest from taking `function` for a test where it is imported under seqio's name, which begins so."""
    setattr(function, _COLLECTED, False)
    return function


@_no_test
def preprocess_examples(
    task_name: str,
    raw_data: RawData,
    seed: int | None = None,
    sequence_length: Mapping[str, Length] | None = None,
) -> Iterator[Mapping[str, Any]]:
    """What a task's preprocessors make of one raw example.

    Args:
      task_name: of the task.
      raw_data: one split with its example.
      seed: of preprocessors that draw random numbers.
      sequence_length: of the task features; None cuts nothing.

    Raises:
      ArgumentError: several splits, or none.
      UnknownNameError: no task has the name.
    """
    splits = list(raw_data)
    if len(splits) != 1:
        raise errors.ArgumentError(
            f"One split of raw data can be preprocessed, found {', '.join(map(repr, splits)) or 'none'}."
        )
    with inject_example(task_name, raw_data) as task:
        return iter(preprocess(task, splits[0], sequence_length, seed))


@_no_test
def preprocess_example(
    task_name: str,
    raw_data: RawData,
    seed: int | None = None,
    sequence_length: Mapping[str, Length] | None = None,
) -> Mapping[str, Any]:
    """The one example that a task's preprocessors make of one raw example; see `preprocess_examples`.

    Raises:
      AssertionError: they make none, or several.
      ArgumentError: several splits, or none.
      UnknownNameError: no task has the name.
    """
    __tracebackhide__ = True
    examples = list(preprocess_examples(task_name, raw_data, seed, sequence_length))
    raise_if(f"Task {task_name!r} made {len(examples)} examples of one; expected 1." if len(examples) != 1 else None)
    return examples[0]


@_no_test
def judge_outputs(
    task_name: str,
    raw_data: RawData,
    target_feature_name: str = "targets",
    predict_output: Sequence[Any] | None = None,
    score_output: Sequence[Any] | None = None,
    feature_encoder: FeatureConverter | None = None,
    sequence_length: Mapping[str, Length] | None = None,
) -> Mapping[str, Any]:
    """The metrics of outputs for one raw example.

    Args:
      task_name: of the task.
      raw_data: by split, its example; the split "validation" is evaluated, or the only one.
      target_feature_name: the feature with which outputs are compared, and whose vocabulary encodes text.
      predict_output: an output, text or token ids, for each example that the preprocessors make.
      score_output: a score for each of them.
      feature_encoder: task features to model features; None: they stay as they are.
      sequence_length: of the task features; None cuts nothing.

    Returns:
      By name, the metrics for which there are outputs.

    Raises:
      ArgumentError: not as many outputs as examples, none that a metric judges, or no split to evaluate.
      UnknownNameError: no task has the name.
      EvaluationError: a metric or postprocess function failed.
    """
    return _judge(
        task_name, raw_data, target_feature_name, predict_output, score_output, feature_encoder, sequence_length
    )


@_no_test
def preprocess_and_judge(
    task_name: str,
    raw_data: RawData,
    output_feature_name: str = "targets",
    feature_encoder: FeatureConverter | None = None,
    seed: int | None = None,
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The example that a task makes of one raw example, and the metrics of a model that answers with its targets.

    (seqio's function of this kind fails for each task whose targets are ids.)

    Args:
      task_name: of the task.
      raw_data: one split with its example.
      output_feature_name: the feature of the example that is the answer.
      feature_encoder: as for `judge_outputs`.
      seed: of preprocessors that draw random numbers.

    Raises:
      AssertionError: the preprocessors make no example, or several.
      ArgumentError: several splits, or no metric of predictions.
      UnknownNameError: no task has the name.
      EvaluationError: a metric or postprocess function failed.
    """
    __tracebackhide__ = True
    example = preprocess_example(task_name, raw_data, seed)
    answers = [example[output_feature_name]]
    return example, _judge(task_name, raw_data, "targets", answers, None, feature_encoder, None, seed)


def _judge(
    task_name: str,
    raw_data: RawData,
    target_feature_name: str,
    predict_output: Sequence[Any] | None,
    score_output: Sequence[Any] | None,
    feature_encoder: FeatureConverter | None,
    sequence_length: Mapping[str, Length] | None,
    seed: int | None = 42,
) -> Mapping[str, Any]:
    split = "validation" if "validation" in raw_data else next(iter(raw_data), "")
    if split != "validation" and len(raw_data) != 1:
        raise errors.ArgumentError(
            f"The split 'validation' is evaluated, or the only one; found {', '.join(map(repr, raw_data)) or 'none'}."
        )
    with inject_example(task_name, raw_data) as task:
        needed = {name for metric in task.metric_objs for name in ARGUMENTS[metric.model_output_type]}
        outputs = GivenOutputs(
            predict_output if "predictions" in needed else None, score_output if "scores" in needed else None
        )
        return judge(
            task,
            split,
            outputs,
            feature_converter=feature_encoder,
            target_field_name=target_feature_name,
            sequence_length=sequence_length,
            seed=seed,
        )


def encode_text(task_name: str, s: str, output_feature_name: str = "targets") -> Any:
    """The ids of a text in the vocabulary of a feature of a task or mixture.

    Raises:
      UnknownNameError: neither has the name.
    """
    return get_mixture_or_task(task_name).output_features[output_feature_name].vocabulary.encode(s)


def predict_text(task_name: str, s: str, output_feature_name: str = "targets") -> list[tuple[int, Any]]:
    """What a model function returns that answers a single example with a text: `[(0, ids)]`.

    Raises:
      UnknownNameError: neither a task nor a mixture has the name.
    """
    return [(0, encode_text(task_name, s, output_feature_name))]


def dataset_of_ids(
    x: Sequence[Mapping[str, Sequence[int]]],
    feature_names: Sequence[str] = ("inputs", "targets"),
    output_types: Mapping[str, Any] | None = None,
    output_shapes: Mapping[str, Any] | None = None,
) -> tf.data.Dataset:
    """A dataset of features that are ids already, to try preprocessors and feature converters with.

        >>> [int(example["inputs"][-1]) for example in dataset_of_ids([{"inputs": [3, 4]}], ["inputs"])]
        [4]

    Args:
      x: the examples.
      feature_names: their features.
      output_types: the dtype of each; None: int32.
      output_shapes: the shape of each; None: `[length]`, of any length.
    """
    types = output_types or dict.fromkeys(feature_names, tf.int32)
    shapes = output_shapes or {name: [None] for name in types}
    signature = {name: tf.TensorSpec(shapes[name], dtype) for name, dtype in types.items()}
    return tf.data.Dataset.from_generator(
        lambda: ({name: example[name] for name in signature} for example in x), output_signature=signature
    )


def examples_as_text(ds: tf.data.Dataset) -> Iterator[dict[str, Any]]:
    """The examples in numpy, with each feature that is a single text as `str`."""
    for example in ds.as_numpy_iterator():
        yield {name: value.decode() if isinstance(value, bytes) else value for name, value in example.items()}
