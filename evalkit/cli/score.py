"""evalkit score: judges outputs that are in a JSONL file with the metrics of a task; no model needed.

Each row of the file answers one example: in the order of the examples, or with a field that has the example's index
(--index_field). The output is text, or a list of token ids, in the field --field; a field within a field is
outer.inner. Results are shown, and written for TensorBoard and as JSONL.

examples:
  evalkit score --task=gsm8k --predictions=outputs.jsonl
  evalkit score --task=gsm8k --predictions=example_model_solutions.jsonl --field=6b_finetuning.solution
  evalkit score --import=my_tasks --task=mine --predictions=outputs.jsonl --index_field=id --log_dir=runs/mine
  evalkit score --task=mine --predictions=scored.jsonl --score_field=log_likelihood
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import app, flags

from evalkit.cli import results, saved_outputs, table
from evalkit.cli.task_modules import define_import_flag, load_task_modules
from evalkit.data.registry import TaskRegistry
from evalkit.data.task import Task
from evalkit.errors import ArgumentError
from evalkit.evaluation.evaluator import Evaluator
from evalkit.evaluation.task_metrics import metric_name
from evalkit.feature_converters import PassThroughFeatureConverter
from evalkit.loggers.jsonl import JSONLogger
from evalkit.loggers.tensorboard import TensorBoardLogger
from evalkit.metrics.signature import ModelOutputType
from evalkit.training.sweep_tasks import eval_split


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `evalkit score`."""
    define_import_flag(values)
    flags.DEFINE_string("task", None, "the task whose metrics judge", required=True, flag_values=values)
    flags.DEFINE_string("predictions", None, "the JSONL file with the outputs", required=True, flag_values=values)
    flags.DEFINE_string("field", "prediction", "the field that has the output", flag_values=values)
    flags.DEFINE_string(
        "score_field",
        None,
        "the field that has the log-likelihood of the targets, for metrics of scores",
        flag_values=values,
    )
    flags.DEFINE_string(
        "index_field",
        None,
        "the field that has the index of the example; without it rows count in order",
        flag_values=values,
    )
    flags.DEFINE_string("split", None, "by default validation, or else test", flag_values=values)
    flags.DEFINE_integer("num_examples", None, "judge only the first so many", lower_bound=1, flag_values=values)
    flags.DEFINE_string("log_dir", None, "where results go; by default runs/score/TASK", flag_values=values)
    flags.DEFINE_integer("step", 0, "the step under which results are logged", flag_values=values)


def run(values: flags.FlagValues, positional: Sequence[str]) -> None:
    """Judges, and prints what came out and where it went."""
    if positional:
        raise app.UsageError(f"`evalkit score` takes only flags, found {' '.join(positional)!r}")
    load_task_modules(values)
    task = TaskRegistry.get(values.task)
    split = eval_split(task, values.split, "with --split")
    rows = saved_outputs.read_rows(values.predictions)
    log_dir = values.log_dir or f"runs/score/{task.name}"
    answerable, left_out = answerable_part(task, has_scores=values.score_field is not None)
    with Evaluator(
        answerable,
        PassThroughFeatureConverter(),
        eval_split=split,
        num_examples=values.num_examples,
        logger_cls=[TensorBoardLogger, JSONLogger],
        log_dir=log_dir,
    ) as evaluator:
        num_examples = len(evaluator.cached_task_datasets[task.name])
        model_fns = saved_model_fns(answerable, values, rows, num_examples)
        future, _ = evaluator.evaluate(step=values.step, model_fns=model_fns)
        metrics = future.result()[task.name]
    print(f"Task {task.name!r}, split {split!r}, {num_examples} examples; {values.field!r} of {values.predictions}:\n")
    print(table.render(["metric", "value"], list(metrics.items())))
    for name in left_out:
        print(f"\nLeft out: {name}, which needs what the file does not have (see --score_field).")
    print(f"\n{results.where(log_dir, task.name, values.step)}")


def answerable_part(task: Task, has_scores: bool) -> tuple[Task, list[str]]:
    """`task` with only those metrics that saved outputs can answer, and the names of the other metrics.

    Raises:
      ArgumentError: no metric is left.
    """
    answered = {ModelOutputType.PREDICTION} | ({ModelOutputType.SCORE} if has_scores else set())
    left_out = [metric_name(metric) for metric in task.metric_objs if metric.model_output_type not in answered]
    if len(left_out) == len(task.metric_objs):
        raise ArgumentError(
            f"Task {task.name!r} has no metric that this file can answer: {', '.join(left_out) or 'it has none'}. "
            "If the file has scores, name their field with --score_field."
        )
    if not left_out:
        return task, []
    kept = [metric for metric in task.metric_objs if metric.model_output_type in answered]
    return task.replace(metric_fns=[], metric_objs=kept), left_out


def saved_model_fns(
    task: Task, values: flags.FlagValues, rows: Sequence[saved_outputs.Row], num_examples: int
) -> Mapping[ModelOutputType, Callable[[Any], Any]]:
    """The rows as model functions that know the answers already, one for each kind of output that `task` judges.

    Raises:
      ModelOutputError: the rows do not answer every example once.
      SourceError: a row has no output, score or index.
    """
    indices = saved_outputs.example_indices(rows, num_examples, values.index_field)
    readers = {
        ModelOutputType.PREDICTION: lambda row: row.output(values.field),
        ModelOutputType.SCORE: lambda row: row.number(values.score_field),
    }
    pairs = {
        kind: [(index, readers[kind](row)) for index, row in zip(indices, rows, strict=True)]
        for kind in {metric.model_output_type for metric in task.metric_objs}
    }
    return {kind: functools.partial(_saved, outputs) for kind, outputs in pairs.items()}


def _saved(pairs: list[tuple[int, Any]], dataset: Any) -> list[tuple[int, Any]]:
    """What the model gave when somebody saved it, whatever the dataset."""
    del dataset
    return pairs
