"""What can be known before the first example is read, checked before the first example is read."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import logging

from evalkit.converter import FeatureConverter
from evalkit.data.task import Task
from evalkit.errors import ArgumentError, LoggerError, nearest_names, with_remedy
from evalkit.evaluation.task_metrics import metric_name
from evalkit.evaluation.user_code import calling
from evalkit.metrics.metric import ModelOutputType

ARGUMENT_OF = {
    ModelOutputType.PREDICTION: "predict_fn",
    ModelOutputType.SCORE: "score_fn",
    ModelOutputType.PREDICTION_WITH_AUX: "predict_with_aux_fn",
}


def get_valid_eval_tasks(tasks: Sequence[Task], split: str) -> list[Task]:
    """Those of `tasks` that an Evaluator evaluates: they have the split and a metric.

    The others are skipped with a log line, as in seqio; if none is left, a warning says why.
    """
    valid, reasons = [], []
    for task in tasks:
        if split not in task.splits:
            reasons.append(f"task {task.name!r} has no split {split!r}, it has {sorted(task.splits)}")
        elif not task.metric_objs:
            reasons.append(f"task {task.name!r} has no metrics")
        else:
            valid.append(task)
    for reason in reasons:
        logging.info("Not evaluated: %s.", reason)
    if not valid:
        logging.warning("Nothing will be evaluated: %s.", "; ".join(reasons))
    return valid


def check_arguments(
    tasks: Sequence[Task],
    converter: FeatureConverter,
    sequence_length: Mapping[str, Any] | None,
    num_examples: int | None,
    logger_cls: Sequence[Callable[..., Any]],
    log_dir: str | None,
    target_field_name: str,
) -> None:
    """Checks arguments of an Evaluator against each other.

    Raises:
      ArgumentError: the converter packs; a logger has no `log_dir`; a preprocessor needs `sequence_length`, which is
        not given; `num_examples` or a length is not positive; no task has a feature that `sequence_length` names, or
        one lacks `target_field_name`.
      LoggerError: nothing can be written to `log_dir`.
    """
    if tasks and getattr(converter, "pack", False):
        raise ArgumentError(
            f"During evaluation, packing can't be used: an output must belong to one example. "
            f"Pass {type(converter).__name__}(pack=False)."
        )
    if num_examples is not None and num_examples <= 0:
        raise ArgumentError(f"num_examples is {num_examples}; expected a positive number, or None for all examples.")
    if logger_cls and not log_dir:
        names = ", ".join(getattr(cls, "__name__", repr(cls)) for cls in logger_cls)
        raise ArgumentError(f"'log_dir' must be provided to the Evaluator for its loggers ({names}): pass it.")
    _check_lengths(tasks, sequence_length or {})
    for task in tasks:
        if target_field_name not in task.output_features:
            raise ArgumentError(
                f"target_field_name is {target_field_name!r}, but task {task.name!r} has the output features "
                f"{', '.join(map(repr, task.output_features))}. Pass one of these."
            )
        if sequence_length is None:
            _check_needs_no_lengths(task)
    if log_dir and logger_cls and "://" not in str(log_dir):
        _check_writable(Path(log_dir))


def _check_lengths(tasks: Sequence[Task], sequence_length: Mapping[str, Any]) -> None:
    known = {feature for task in tasks for feature in task.output_features}
    for feature, length in sequence_length.items():
        if known and feature not in known:
            near = ", ".join(map(repr, nearest_names(feature, known) or sorted(known)))
            raise ArgumentError(f"sequence_length has {feature!r}, which is no task's output feature. Nearest: {near}.")
        sizes = length if isinstance(length, (list, tuple)) else [length]
        if any(size is not None and size < 1 for size in sizes):
            raise ArgumentError(
                f"sequence_length of feature {feature!r} is {length}; expected at least 1, or None to cut nothing. "
                "Leave the feature out to take its longest example."
            )


def _check_needs_no_lengths(task: Task) -> None:
    for name in task.preprocessors_requiring_sequence_length:
        lengths = ", ".join(f"{feature!r}: …" for feature in task.output_features)
        raise with_remedy(
            ArgumentError(
                f"Preprocessor {name!r} in task {task.name!r} has a `sequence_length` argument, making it incompatible "
                "with automatic sequence length detection. Pass a valid `sequence_length` to `Evaluator` and try again."
            ),
            f"For this task: sequence_length={{{lengths}}}.",
        )


def _check_writable(log_dir: Path) -> None:
    try:
        log_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=log_dir) as file:
            file.write(b"evalkit")
            file.flush()
    except OSError as error:
        raise LoggerError(
            f"Cannot write to log_dir {str(log_dir)!r}: {error.strerror}. Pass a folder that is writable and has room."
        ) from error


def make_loggers(logger_cls: Sequence[Callable[..., Any]], log_dir: str | None) -> tuple[Any, ...]:
    """Constructs the loggers.

    Raises:
      LoggerError: a constructor raised.
    """
    loggers = []
    for cls in logger_cls:
        with calling(LoggerError, lambda cls=cls: f"Constructing logger {getattr(cls, '__name__', cls)}"):  # type: ignore[misc]
            loggers.append(cls(output_dir=log_dir))
    return tuple(loggers)


def check_model_fns(tasks: Sequence[Task], model_fns: Mapping[ModelOutputType, Any]) -> None:
    """Checks that every metric of every task has the model function that it needs.

    Raises:
      ArgumentError: one is missing; names the task, the metric and the argument.
    """
    for task in tasks:
        for metric in task.metric_objs:
            kind = metric.model_output_type
            if kind not in model_fns:
                argument = ARGUMENT_OF.get(kind, f"model_fns={{ModelOutputType.{kind.name}: …}}")
                raise ArgumentError(
                    f"Task {task.name!r}: metric {metric_name(metric)!r} judges {ModelOutputType.to_str(kind)} "
                    f"outputs, but no model function gives them. Pass {argument} to `evaluate`."
                )
