"""From tasks to finished offline caches."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import final

from evalkit.caching.example_columns import ExampleColumns
from evalkit.caching.finishing import complete, finish_split
from evalkit.caching.folder_state import make_room
from evalkit.caching.pieces import open_piece
from evalkit.caching.plan import CacheSettings, SplitPlan, plan_split
from evalkit.caching.progress import Progress
from evalkit.data.preprocessing import check_output_features
from evalkit.data.registry import TaskRegistry
from evalkit.data.shard import ShardInfo
from evalkit.data.sources import set_tfds_data_dir_override
from evalkit.data.task import Task
from evalkit.errors import ArgumentError, EvalkitError, FeatureError

WRITTEN, RESUMED, UP_TO_DATE, FAILED = "written", "resumed", "up to date", "failed"

Watch = Callable[[Sequence[SplitPlan]], contextlib.AbstractContextManager[None]]


@final
@dataclasses.dataclass(frozen=True)
class SplitOutcome:
    """What became of a split.

    Attributes:
      plan: for it.
      state: `WRITTEN`, `RESUMED` (a part of it was there), `UP_TO_DATE` (all of it was), or `FAILED`.
      error: why it failed.
    """

    plan: SplitPlan
    state: str
    error: EvalkitError | None = None


def cache_tasks(
    tasks: Sequence[Task],
    output_dir: str,
    splits: Iterable[str] | None = None,
    settings: CacheSettings | None = None,
    overwrite: bool = False,
    pipeline_options: Iterable[str] = (),
    watch: Watch | None = None,
) -> list[SplitOutcome]:
    """Writes the offline caches of `tasks` that are not there, and goes on where an earlier run was interrupted.

    Everything that can be known without reading examples is checked before anything is written. What fails later
    concerns one split; the others are finished.

    Args:
      tasks: registered ones, each with a `CacheDatasetPlaceholder`.
      output_dir: a cache directory, to be named in `set_global_cache_dirs` later.
      splits: which splits, those of them that a task has; None: all.
      settings: how.
      overwrite: whether what is in the folders may be replaced, whatever it is. Otherwise a cache that is complete and
        matches its task is left, and one that does not is an error.
      pipeline_options: Beam's command line flags.
      watch: called with what is being written, before it is; what it returns is open until it was.

    Returns:
      What became of each split, in order.

    Raises:
      ArgumentError: a task that is not registered, no split to cache, or an option that Beam does not take.
      MissingExtraError: Apache Beam is not installed.
      CacheError: what is in a folder would have to be replaced; or the pipeline failed.
      EvalkitError: a task that cannot be cached, and why.
    """
    how = settings or CacheSettings()
    if how.tfds_data_dir:
        set_tfds_data_dir_override(how.tfds_data_dir)
    plans = [plan_split(task, split, output_dir, how) for task, split in _selected(tasks, splits)]
    by_name = {task.name: task for task in tasks}
    for plan in plans:
        _check_examples(by_name[plan.task_name], plan)
    beam = importlib.import_module("evalkit.caching.pipeline")  # only now is it needed
    pipeline = beam.make_pipeline(pipeline_options)
    to_write = [plan for plan in plans if make_room(by_name[plan.task_name], plan, overwrite)]
    there = {plan: Progress([plan]).read()[0] for plan in to_write}
    if to_write:
        with watch(to_write) if watch else contextlib.nullcontext():
            beam.run(pipeline, to_write)
    outcomes = [_finished(plan, there.get(plan)) for plan in plans]
    for _, group in itertools.groupby(outcomes, key=lambda outcome: outcome.plan.task_name):
        of_task = list(group)
        if all(outcome.error is None for outcome in of_task):
            complete([outcome.plan for outcome in of_task])
    return outcomes


def _selected(tasks: Sequence[Task], splits: Iterable[str] | None) -> list[tuple[Task, str]]:
    for task in tasks:
        if TaskRegistry.get(task.name) is not task:
            raise ArgumentError(f"Task {task.name!r} is another than the registered one, which is what workers read.")
    wanted = None if splits is None else list(splits)
    found = [(task, split) for task in tasks for split in task.splits if wanted is None or split in wanted]
    missing = [split for split in wanted or () if not any(split == other for _, other in found)]
    if missing or not found:
        known = ", ".join(f"{task.name!r} ({', '.join(task.splits)})" for task in tasks)
        raise ArgumentError(
            f"No task has the split {', '.join(map(repr, missing))}: {known}." if missing else "No task to cache."
        )
    return found


def _check_examples(task: Task, plan: SplitPlan) -> None:
    """Checks what the types of the examples tell, before a worker begins.

    Raises:
      EvalkitError: they cannot be stored, or do not become what the task promises.
    """
    dataset = open_piece(task, plan.split, ShardInfo(0, plan.num_pieces), seed=0)
    try:
        ExampleColumns(dataset)
        if not task.preprocessors_requiring_sequence_length:  # the lengths are known only when the cache is read
            finished = task.preprocess_postcache(dataset, sequence_length=None, seed=0)
            check_output_features(task.name, finished, task.output_features)
    except FeatureError as error:
        of_split = FeatureError(f"{plan}: {error}")
        for note in getattr(error, "__notes__", ()):
            of_split.add_note(note)
        raise of_split from error


def _finished(plan: SplitPlan, pieces_before: int | None) -> SplitOutcome:
    """Finishes a split; `pieces_before` is how many of its pieces were there before, None if it was complete."""
    if pieces_before is None:
        return SplitOutcome(plan, UP_TO_DATE)
    try:
        finish_split(plan)
    except EvalkitError as error:
        return SplitOutcome(plan, FAILED, error)
    return SplitOutcome(plan, RESUMED if pieces_before else WRITTEN)
