"""Evaluates every checkpoint of a run, also while training writes more: each once, whatever interrupts it.

    sweep = CheckpointSweep(my_model(), ["gsm8k", "squad"], "runs/a/sweep")
    report = sweep.run("runs/a/checkpoints")
    report.best("exact_match").entry.step

What was evaluated is told by the content of checkpoint, examples, metrics and model, not by names. A sweep that is
killed goes on where it was: outputs of the model are kept batch by batch. A metric that is changed judges the outputs
that are kept, and no model is run.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import final

import jax

from evalkit.data.mixture import Mixture
from evalkit.data.task import Task
from evalkit.errors import ArgumentError, ArgumentTypeError, CheckpointError, LoggerError
from evalkit.evaluations.checkpoint import Checkpoint
from evalkit.inference.arguments import whole_number
from evalkit.training.checkpoint_folder import CheckpointFolder, folder_of
from evalkit.training.checkpoint_model import CheckpointModel
from evalkit.training.sweep_files import RESULTS, SweepFiles
from evalkit.training.sweep_ledger import Look, SweepLedger
from evalkit.training.sweep_report import SweepReport
from evalkit.training.sweep_run import CallbackError, OnProgress, Progress, SweepRun
from evalkit.training.sweep_tasks import SweepTask, sweep_tasks
from evalkit.training.sweep_tries import Tries


def _ignore(progress: Progress) -> None:
    del progress


@final
class CheckpointSweep:
    """A model, tasks, and where the results go.

    One process at a time works with one `results_dir`, on the devices of one host. The files in it are described in
    `evalkit.training.sweep_files`.
    """

    def __init__(
        self,
        model: CheckpointModel,
        tasks: str | Task | Mixture | Sequence[str | Task | Mixture],
        results_dir: str | os.PathLike[str],
        *,
        split: str | None = None,
        num_examples: int | None = None,
        seed: int | None = 42,
        batch_size: int = 128,
        use_cached: bool = False,
        log_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        """Prepares the examples of all tasks, once for all checkpoints.

        Args:
          model: the model, its parameters left out.
          tasks: registered names, or Tasks and Mixtures themselves.
          results_dir: where results are kept; a folder on this machine, of one training run.
          split: of all tasks; None: of each the validation split, or else the test split.
          num_examples: evaluate only the first so many examples of each task.
          seed: of preprocessors that draw random numbers.
          batch_size: for how many examples outputs are kept at a time. An interruption costs no more than that; the
            engine makes batches of its own within it.
          use_cached: read the tasks' offline caches.
          log_dir: where TensorBoard finds the metrics, as one run with the tags `eval/<task>/<metric>`; None:
            `results_dir`.

        Raises:
          ArgumentError: arguments that cannot work, there are several JAX processes, or a task without the split.
          ArgumentTypeError: `model` is no CheckpointModel.
          DuplicateNameError: two tasks of one name.
          FingerprintError: what a metric or the model depends on cannot be told.
          SourceError, FeatureError, PreprocessorError, PostprocessError, LoggerError: as an Evaluator raises them.
        """
        if not isinstance(model, CheckpointModel):
            raise ArgumentTypeError(f"model must be a CheckpointModel, found {type(model).__name__}.")
        if jax.process_count() > 1:
            raise ArgumentError(
                f"A sweep runs in one process, and this is one of {jax.process_count()}. To share the work, give each "
                "host other tasks and a results_dir of its own."
            )
        size = whole_number("batch_size", batch_size)
        self._files = SweepFiles(results_dir, log_dir)
        make = functools.partial(
            SweepTask,
            model=model,
            split=split,
            num_examples=num_examples,
            seed=seed,
            use_cached=use_cached,
            log_dir=self._files.log_dir,
        )
        self._tasks = sweep_tasks(tasks, make)
        self._run = SweepRun(model, self._tasks, self._files, size)
        self._ledger = SweepLedger(self._files, {task.name: task.key for task in self._tasks})

    def run(self, directory: str | os.PathLike[str], on_progress: OnProgress = _ignore) -> SweepReport:
        """Evaluates all checkpoints that are finished, and have no results yet, in the order of their steps.

        Args:
          directory: of a CheckpointManager, or whatever has a folder for each step.
          on_progress: called before and after each batch.

        Returns:
          The results of these checkpoints, and of those that stood there before.

        Raises:
          CheckpointError: there is no checkpoint in the directory.
          InUseError: another sweep works with this `results_dir`.
          LoggerError: results cannot be written. What was written is complete; the sweep can be run again.
          Exception: whatever `on_progress` raises, which ends the sweep. `results.jsonl` then has what there is, as
            after a KeyboardInterrupt.
        """
        folder = CheckpointFolder(directory)
        folder.check()
        with self._files.locked():
            self._ledger.begin()
            with self._written(lambda: Look.of(folder, folder.finished())):
                self._evaluate_all(folder.path, folder.finished(), on_progress, Tries(0))
            return self._ledger.write(Look.of(folder, folder.settled()))

    def evaluate(self, checkpoint: Checkpoint, on_progress: OnProgress = _ignore) -> SweepReport:
        """Evaluates one checkpoint, where it has no results yet; the report has this checkpoint alone.

        Raises:
          CheckpointError: it cannot be read. Tasks whose outputs are all kept are judged before.
          InUseError: another sweep works with this `results_dir`.
          LoggerError: results cannot be written.
        """
        look = Look(folder_of(checkpoint), {checkpoint.step: checkpoint.identity}, {})
        with self._files.locked():
            with self._written(lambda: look):
                self._run.evaluate(look.directory, checkpoint, on_progress, 1)
            self._ledger.write(look)
            entries = (self._files.entry(checkpoint, task.name, task.key) for task in self._tasks)
            return SweepReport(tuple(entry for entry in entries if entry is not None))

    def follow(
        self,
        directory: str | os.PathLike[str],
        *,
        until_step: int | None = None,
        idle_timeout_s: float | None = None,
        poll_s: float = 5.0,
        on_progress: OnProgress = _ignore,
        on_wait: Callable[[SweepReport], None] = lambda report: None,
    ) -> SweepReport:
        """Evaluates checkpoints as they come, until the end of training.

        While nothing new comes, a checkpoint that could not be read or on which a task failed is tried again: after
        `poll_s`, and once more after twice that time.

        Args:
          directory: as for `run`; it may be empty, or not be there yet.
          until_step: ends when a checkpoint of this step, or of a later one, was met and all before it are evaluated;
            one that can still not be read after three tries counts.
          idle_timeout_s: ends when no new checkpoint came for so many seconds.
          poll_s: how many seconds pass between two looks into the directory.
          on_progress: called before and after each batch.
          on_wait: called with the results so far, each time that there is nothing to do but to wait.

        Returns:
          As `run`. A KeyboardInterrupt comes through, as any other; `report` gives what there is.

        Raises:
          ArgumentError: a number is negative.
          CheckpointError: the time is over, and there was no checkpoint in the directory.
          InUseError: another sweep works with this `results_dir`.
          LoggerError: results cannot be written.
        """
        for name, value in (("until_step", until_step), ("idle_timeout_s", idle_timeout_s), ("poll_s", poll_s)):
            if value is not None and value < 0:
                raise ArgumentError(f"{name} must be at least 0, found {value}.")
        folder, tries, last_news = CheckpointFolder(directory), Tries(poll_s), time.monotonic()
        met_any = False
        with self._files.locked():
            self._ledger.begin()
            with self._written(lambda: Look.of(folder, folder.finished())):
                while True:
                    found = folder.finished()
                    tries.note_unreadable(folder.unreadable)
                    news = tries.new(found)
                    if todo := news or tries.due(found):
                        self._evaluate_all(folder.path, todo, on_progress, tries)
                        met_any, last_news = True, time.monotonic() if news else last_news
                        on_wait(self._ledger.write(Look.of(folder, found)))
                        continue
                    over = idle_timeout_s is not None and time.monotonic() - last_news >= idle_timeout_s
                    steps = (*(checkpoint.step for checkpoint in found), *folder.unreadable)
                    met = until_step is not None and any(step >= until_step for step in steps)
                    if over or (met and tries.is_over(found, folder.unreadable)):
                        break
                    time.sleep(poll_s)
            if not met_any:
                folder.check()
            return self._ledger.write(Look.of(folder, folder.settled()))

    def report(self, directory: str | os.PathLike[str]) -> SweepReport:
        """The results that there are for the checkpoints that stand, or stood, in the directory; evaluates nothing."""
        folder = CheckpointFolder(directory)
        return self._ledger.report(Look.of(folder, folder.finished()))

    def _evaluate_all(
        self, directory: str, checkpoints: Sequence[Checkpoint], on_progress: OnProgress, tries: Tries
    ) -> None:
        for number, checkpoint in enumerate(checkpoints):
            trouble, succeeded = None, False
            try:
                succeeded = self._run.evaluate(directory, checkpoint, on_progress, len(checkpoints) - number)
            except CheckpointError as error:
                trouble = error
            self._ledger.met(checkpoint, trouble)
            tries.note(checkpoint.identity, succeeded)

    @contextlib.contextmanager
    def _written(self, look: Callable[[], Look]) -> Iterator[None]:
        """Where something ends the block too early, `results.jsonl` is written all the same."""
        try:
            yield
        except CallbackError as carried:
            self._write_after(carried.error, look)
            raise carried.error from carried.error.__cause__
        except BaseException as error:
            self._write_after(error, look)
            raise

    def _write_after(self, error: BaseException, look: Callable[[], Look]) -> None:
        try:
            self._ledger.write(look())
        except LoggerError as second:  # of a disk that is full the first error told
            error.add_note(f"{RESULTS} is not up to date: {second}")
