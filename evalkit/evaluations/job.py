"""Runs evaluations on the parameters of a trainer or a checkpoint, and keeps what they found.

    job = EvaluationJob.from_trainer(trainer, [Arithmetic(), Stories()], tokenizer, engine=engine, results_dir="runs/a")
    ...
    job.run()  # with the parameters that the trainer has then

What was found once is not computed again: each result is kept under a fingerprint of the evaluation (its code and its
data), the parameters, the step, the tokenizer, the model and the settings.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, final

import jax
from absl import logging

from evalkit.data.content_hash import fingerprint
from evalkit.data.signature import parameters_of
from evalkit.errors import (
    ArgumentError,
    ArgumentTypeError,
    DuplicateNameError,
    EvalkitError,
    EvaluationError,
    nearest_names,
)
from evalkit.evaluation.process_gather import gather_from_processes
from evalkit.evaluations.checkpoint import Checkpoint
from evalkit.evaluations.evaluation import Evaluation
from evalkit.evaluations.inference_job import InferenceJob
from evalkit.evaluations.model_state import CheckpointSource, ModelSource, Trainer, TrainerSource
from evalkit.evaluations.result import EvaluationResult
from evalkit.evaluations.result_files import ResultFiles, StateKey
from evalkit.inference.agreement import all_alike
from evalkit.inference.engine import Engine
from evalkit.inference.model import Tree
from evalkit.loggers.json_encoding import NOT_SERIALIZABLE, encode

_GIVEN = {"inference", "encoding"}


@final
class EvaluationJob:
    """A list of evaluations, and the parameters to run them on; made by `from_trainer` or `from_checkpoint`.

    What theseus does otherwise: `done` there asks only whether a file exists, so other evaluations, another checkpoint
    or a file that was cut off count as done; a trainer's state is copied, and stale after its next step; two
    evaluations of one name overwrite each other.
    """

    def __init__(
        self,
        source: ModelSource,
        evaluations: Sequence[Evaluation],
        encoding: Any,
        *,
        engine: Engine,
        results_dir: str | os.PathLike[str],
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Checks everything that can be told before a model is run; reads and writes nothing.

        Args:
          source: gives the parameters.
          evaluations: what to run; each has a name of its own.
          encoding: the tokenizer of all of them.
          engine: computes.
          results_dir: below it the results are kept; the same one may serve many checkpoints and jobs.
          settings: keyword arguments of `evaluate`, such as `temperature` or `limit`. Each evaluation gets those that
            it names.

        Raises:
          ArgumentError: there is no evaluation, or a setting that none has or that JSON does not know.
          ArgumentTypeError: something is no Evaluation, or no Engine.
          DuplicateNameError: two evaluations have the same name.
          FingerprintError: what an evaluation, the tokenizer or the model depends on cannot be told. A property
            `fingerprint` of theirs tells it.
        """
        if not isinstance(engine, Engine):
            raise ArgumentTypeError(f"engine must be an Engine, found {type(engine).__name__}.")
        self._source, self._encoding, self._engine, self._results_dir = source, encoding, engine, results_dir
        self._evaluations = _by_name(evaluations)
        self._settings = _settings_of(self._evaluations, dict(settings or {}))
        common = fingerprint((encoding, engine.model))
        # Now, and not when they are run: an evaluation may keep what it has read, and would no longer be the same.
        self._fingerprints = {
            name: fingerprint((evaluation, common, sorted(self._settings[name].items())))
            for name, evaluation in self._evaluations.items()
        }

    @classmethod
    def from_trainer(
        cls,
        trainer: Trainer,
        evaluations: Sequence[Evaluation],
        encoding: Any,
        *,
        engine: Engine,
        results_dir: str | os.PathLike[str],
        settings: Mapping[str, Any] | None = None,
    ) -> Self:
        """A job on the parameters that a trainer has when `run` is called.

        Args:
          trainer: has a `state` with `step` and `params`, such as Flax's `TrainState`, which is looked up each time.
          evaluations: as for the constructor, and so the rest.
          encoding: the tokenizer.
          engine: computes.
          results_dir: for the results.
          settings: keyword arguments of `evaluate`.

        Raises:
          ArgumentTypeError: the trainer has no such state; and what the constructor raises.
        """
        source = TrainerSource(trainer)
        return cls(source, evaluations, encoding, engine=engine, results_dir=results_dir, settings=settings)

    @classmethod
    def from_checkpoint(
        cls,
        path: str | os.PathLike[str],
        evaluations: Sequence[Evaluation],
        encoding: Any,
        *,
        engine: Engine,
        template: Tree,
        results_dir: str | os.PathLike[str],
        params_at: str = "params",
        step: int | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Self:
        """A job on the parameters in a checkpoint that Orbax wrote. They are read when `run` needs them.

        Args:
          path: of a CheckpointManager, one of its steps, an item in a step, or a tree that was saved by itself.
          evaluations: as for the constructor.
          encoding: the tokenizer.
          engine: computes. Arrays lie on all of its mesh, or where the shardings of `template` say.
          template: the parameters of the model, as arrays or `jax.ShapeDtypeStruct` (`jax.eval_shape` gives them).
          results_dir: for the results.
          params_at: where in the checkpoint the parameters are, "" for all of it.
          step: which step of a CheckpointManager, None for the last; or the step, if no folder's name tells it.
          settings: keyword arguments of `evaluate`.

        Raises:
          CheckpointError: the checkpoint is missing or not finished.
          ArgumentError: its step is not known; and what the constructor raises.
        """
        source = CheckpointSource(
            Checkpoint.find(path, step), lambda checkpoint: checkpoint.restore(template, params_at, engine.mesh)
        )
        return cls(source, evaluations, encoding, engine=engine, results_dir=results_dir, settings=settings)

    @property
    def done(self) -> bool:
        """Whether all evaluations have results for the parameters of now, with this tokenizer and these settings."""
        files, found = self._ready(self._source.current().key)
        return len(found) == len(self._evaluations) and gather_from_processes(files.finished(self._fingerprints))[0]

    def run(self) -> dict[str, EvaluationResult]:
        """Runs the evaluations that have no result yet, each of which is written as soon as it is there.

        All processes call it; the first one reads and writes. An evaluation that fails keeps no other from being run,
        but where there are several processes it ends the run, in all of them.

        Returns:
          All results, by name, in the order of the evaluations.

        Raises:
          EvaluationError: evaluations failed, each an exception in it.
          CheckpointError: the checkpoint is damaged, or of another structure.
          LoggerError: the results cannot be written.
          ProcessError: another process failed, or has something else to do.
        """
        state = self._source.current()
        files, found = self._ready(state.key)
        missing = [name for name in self._evaluations if name not in found]
        self._write(files.prepare)
        failures: list[EvalkitError] = []
        if missing:
            inference = InferenceJob(self._engine, state.params())
            for name in missing:
                begin = time.perf_counter()
                try:
                    result = self._evaluations[name].evaluate(inference, self._encoding, **self._settings[name])
                except EvalkitError as error:
                    if jax.process_count() > 1:
                        raise  # what others were told is that this one failed: they stop, too
                    logging.warning("Evaluation %r failed: %s", name, error)
                    failures.append(error)
                else:
                    found[name] = result
                    self._add(files, name, result, time.perf_counter() - begin)
        if failures:
            failed = EvaluationError(f"{len(failures)} of {len(self._evaluations)} evaluations failed", failures)
            failed.metrics = {name: {"score": result.score} for name, result in found.items()}
            raise failed
        self._write(files.finish)
        return {name: found[name] for name in self._evaluations}

    def __call__(self) -> dict[str, EvaluationResult]:
        """The same as `run`."""
        return self.run()

    def _add(self, files: ResultFiles, name: str, result: EvaluationResult, seconds: float) -> None:
        logging.info("Evaluation %r: %.6g, after %.1f s.", name, result.score, seconds)
        self._write(lambda: files.add(name, result, self._fingerprints[name], self._settings[name], seconds))

    def _ready(self, key: StateKey) -> tuple[ResultFiles, dict[str, EvaluationResult]]:
        """The files, and what is known already: in every process, what the first one finds."""
        with all_alike("evaluations and parameters") as same:
            same(key, self._fingerprints)
            files = ResultFiles(self._results_dir, key)
            found = {}
            if jax.process_index() == 0:
                results = {name: files.result(name, told) for name, told in self._fingerprints.items()}
                found = {name: result for name, result in results.items() if result is not None}
        return files, gather_from_processes(found)[0]

    def _write(self, action: Callable[[], None]) -> None:
        with all_alike("results"):
            if jax.process_index() == 0:
                action()


def _by_name(evaluations: Sequence[Evaluation]) -> dict[str, Evaluation]:
    found: dict[str, Evaluation] = {}
    for evaluation in evaluations:
        if not isinstance(evaluation, Evaluation):
            raise ArgumentTypeError(f"evaluations must be Evaluations, found {evaluation!r}.")
        if evaluation.name in found:
            raise DuplicateNameError(
                f"Two evaluations are called {evaluation.name!r}, a {type(found[evaluation.name]).__name__} and a "
                f"{type(evaluation).__name__}. Their results stand under their names: give each its own."
            )
        found[evaluation.name] = evaluation
    if not found:
        raise ArgumentError("There are no evaluations to be run. Pass at least one.")
    return found


def _settings_of(evaluations: Mapping[str, Evaluation], settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """For each evaluation, the settings that it names."""
    known = {name: set(parameters_of(each.evaluate).names) - _GIVEN for name, each in evaluations.items()}
    everything = set().union(*known.values())
    for setting, value in settings.items():
        if setting not in everything:
            near = ", ".join(map(repr, nearest_names(setting, everything) or sorted(everything)))
            raise ArgumentError(f"No evaluation has a setting {setting!r}. Nearest: {near}.")
        try:
            encode(value)
        except NOT_SERIALIZABLE as error:
            raise ArgumentError(f"Setting {setting!r} is {value!r}, which JSON has no form for: {error}.") from error
    return {name: {key: value for key, value in settings.items() if key in known[name]} for name in evaluations}
