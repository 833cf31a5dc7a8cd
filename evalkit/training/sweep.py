"""Evaluates every checkpoint of a run, also while training writes more: each once, whatever interrupts it.

    sweep = CheckpointSweep(my_model(), ["gsm8k", "squad"], "runs/a/sweep")
    report = sweep.run("runs/a/checkpoints")
    report.best("exact_match").entry.step

What was evaluated is told by the content of checkpoint, examples, metrics and model, not by names. A sweep that is
killed goes on where it was: outputs of the model are kept batch by batch. A metric that is changed judges the outputs
that are kept, and no model is run.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import final

import jax
from absl import logging

from evalkit.data.mixture import Mixture
from evalkit.data.task import Task
from evalkit.errors import ArgumentError, ArgumentTypeError, CheckpointError, CheckpointLostError
from evalkit.evaluations.checkpoint import Checkpoint
from evalkit.inference.arguments import whole_number
from evalkit.training.checkpoint_folder import CheckpointFolder
from evalkit.training.checkpoint_model import CheckpointModel
from evalkit.training.sweep_files import SweepFiles
from evalkit.training.sweep_report import SweepReport
from evalkit.training.sweep_run import OnProgress, Progress, SweepRun
from evalkit.training.sweep_tasks import SweepTask, sweep_tasks


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
        self._lost: dict[int, str] = {}
        self._damaged: dict[int, str] = {}

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
        """
        folder = CheckpointFolder(directory)
        folder.check()
        with self._files.locked():
            self._evaluate_all(folder.path, folder.finished(), on_progress)
            self._damaged |= {step: str(error) for step, error in folder.unreadable.items()}
            return self._write_report(folder.path, folder.finished())

    def evaluate(self, checkpoint: Checkpoint, on_progress: OnProgress = _ignore) -> SweepReport:
        """Evaluates one checkpoint, where it has no results yet.

        Raises:
          CheckpointError: it cannot be read.
          InUseError: another sweep works with this `results_dir`.
          LoggerError: results cannot be written.
        """
        folder = os.path.dirname(checkpoint.path)
        with self._files.locked():
            try:
                self._run.evaluate(folder, checkpoint, on_progress, 1)
            finally:
                self._write_report(folder, [])
            return SweepReport(tuple(entry for task in self._tasks if (entry := self._run.entry(checkpoint, task))))

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

        Args:
          directory: as for `run`; it may be empty, or not be there yet.
          until_step: ends when a checkpoint of this step, or of a later one, was met and all before it are evaluated.
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
        folder, seen, last_news = CheckpointFolder(directory), set[str](), time.monotonic()
        with self._files.locked():
            while True:
                found = folder.finished()
                news = [checkpoint for checkpoint in found if checkpoint.identity not in seen]
                if news:
                    self._evaluate_all(folder.path, news, on_progress)
                    seen |= {checkpoint.identity for checkpoint in news}
                    last_news = time.monotonic()
                    report = self._write_report(folder.path, found)
                    on_wait(report)
                    continue
                over = idle_timeout_s is not None and time.monotonic() - last_news >= idle_timeout_s
                if over or (until_step is not None and any(found.step >= until_step for found in found)):
                    break
                time.sleep(poll_s)
            if not seen:
                folder.check()
            self._damaged |= {step: str(error) for step, error in folder.unreadable.items()}
            return self._write_report(folder.path, folder.finished())

    def report(self, directory: str | os.PathLike[str]) -> SweepReport:
        """The results that there are for the checkpoints that stand, or stood, in the directory; evaluates nothing."""
        folder = CheckpointFolder(directory)
        return self._report(folder.path, folder.finished())

    def _evaluate_all(self, directory: str, checkpoints: Sequence[Checkpoint], on_progress: OnProgress) -> None:
        for number, checkpoint in enumerate(checkpoints):
            try:
                self._run.evaluate(directory, checkpoint, on_progress, len(checkpoints) - number)
            except CheckpointLostError as error:
                logging.warning("%s", error)
                self._lost[checkpoint.step] = str(error)
            except CheckpointError as error:
                logging.error("%s", error)
                self._damaged[checkpoint.step] = str(error)

    def _report(self, directory: str, checkpoints: Iterable[Checkpoint]) -> SweepReport:
        keys = {task.name: task.key for task in self._tasks}
        identities = frozenset(checkpoint.identity for checkpoint in checkpoints)
        entries = self._files.entries(keys, directory, identities)
        there = {entry.step for entry in entries}
        lost = {step: why for step, why in self._lost.items() if step not in there}
        return SweepReport(tuple(entries), lost, dict(self._damaged))

    def _write_report(self, directory: str, checkpoints: Iterable[Checkpoint]) -> SweepReport:
        report = self._report(directory, checkpoints)
        self._files.write_results(list(report.entries))
        return report
