"""One checkpoint of a sweep: each task is asked, judged and written, unless that was done before."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple, final

from evalkit.errors import CheckpointError, LoggerError
from evalkit.evaluations.checkpoint import Checkpoint
from evalkit.inference.model import Tree
from evalkit.metrics.metric import ModelOutputType
from evalkit.metrics.values import Scalar
from evalkit.training.checkpoint_folder import restore_whole
from evalkit.training.checkpoint_model import CheckpointModel, ModelFn
from evalkit.training.kept_outputs import KeptOutputs, keeping
from evalkit.training.sweep_files import SweepFiles
from evalkit.training.sweep_report import SweepEntry
from evalkit.training.sweep_tasks import Judged, SweepTask


class Progress(NamedTuple):
    """How far a sweep is.

    Attributes:
      step: of the checkpoint that is evaluated.
      task: name of the task.
      kind: of the outputs: "prediction", "score" or the like.
      num_done: of how many examples there are outputs.
      num_examples: how many the task has.
      num_left: how many checkpoints are left, this one included.
    """

    step: int
    task: str
    kind: str
    num_done: int
    num_examples: int
    num_left: int


OnProgress = Callable[[Progress], None]


@final
class CallbackError(BaseException):
    """Carries what `on_progress` raised past all that takes an exception for the model's or the checkpoint's.

    Attributes:
      error: what it raised.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


@final
@dataclasses.dataclass(frozen=True)
class SweepRun:
    """What a sweep does with each checkpoint."""

    model: CheckpointModel
    tasks: Sequence[SweepTask]
    files: SweepFiles
    batch_size: int

    def evaluate(self, directory: str, checkpoint: Checkpoint, on_progress: OnProgress, num_left: int) -> bool:
        """Evaluates those tasks that have no result for the checkpoint; one that failed is tried again.

        Where the checkpoint cannot be read, tasks whose outputs are all kept are judged nevertheless.

        Returns:
          Whether nothing failed.

        Raises:
          CheckpointLostError: it was deleted or replaced meanwhile, and a task needs it.
          CheckpointError: it cannot be read, and a task needs it.
          LoggerError: results cannot be written.
          CallbackError: `on_progress` raised.
        """
        trouble: list[CheckpointError] = []

        @functools.cache
        def params() -> Tree:  # read once, and only if an output is missing
            if trouble:
                raise trouble[0]
            return restore_whole(checkpoint, self.model.restore)

        failed = False
        for task in self.tasks:
            if self.files.is_done(checkpoint, task.name, task.key):
                continue
            try:
                judged = self._judged(checkpoint, task, params, on_progress, num_left)
            except CheckpointError as error:
                trouble.append(error)
                continue
            entry = SweepEntry(
                checkpoint.step,
                checkpoint.identity,
                task.name,
                task.split,
                {name: float(value.value) for name, value in judged.values.items() if isinstance(value, Scalar)},
                judged.counts,
                judged.failures,
            )
            self.files.add(checkpoint, task.key, directory, entry, judged.write_rows, judged.values)
            failed = failed or bool(judged.failures)
        if trouble:
            raise trouble[0]
        return not failed

    def _judged(
        self,
        checkpoint: Checkpoint,
        task: SweepTask,
        params: Callable[[], Tree],
        on_progress: OnProgress,
        num_left: int,
    ) -> Judged:
        def asking(kind: ModelOutputType) -> ModelFn:
            name = ModelOutputType.to_str(kind)
            path = self.files.outputs_path(checkpoint, task.name, task.outputs_key, name)
            key = f"{checkpoint.identity}-{task.outputs_key}-{name}"
            kept = KeptOutputs(path, key, task.num_examples, self.batch_size)

            def tell() -> None:
                count = kept.num_examples
                try:
                    on_progress(Progress(checkpoint.step, task.name, name, kept.num_kept, count, num_left))
                except Exception as error:
                    raise CallbackError(error) from error

            return keeping(kept, lambda dataset: self.model.model_fn(kind, params(), dataset), tell)

        fns = {asked: asking(asked) for asked in dict.fromkeys(task.kinds.values())}
        wanted = {kind: fns[asked] if kind is asked else _alone(fns[asked]) for kind, asked in task.kinds.items()}
        try:
            return task.judge(checkpoint.step, wanted)
        except (CheckpointError, LoggerError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a model raises on one checkpoint, the next is evaluated
            return task.failed(checkpoint.step, error)


def _alone(fn: ModelFn) -> ModelFn:
    """The outputs alone of what `fn` gives with auxiliary values."""
    return lambda dataset: fn(dataset)[0]
