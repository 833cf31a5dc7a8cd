"""What a sweep knows of the checkpoints of a folder: the entries in its files, and what could not be evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self, final

from absl import logging

from evalkit.errors import CheckpointError, CheckpointLostError
from evalkit.evaluations.checkpoint import Checkpoint
from evalkit.training.checkpoint_folder import CheckpointFolder
from evalkit.training.sweep_files import SweepFiles
from evalkit.training.sweep_records import Record
from evalkit.training.sweep_report import SweepReport


class Look(NamedTuple):
    """What stood in a folder when it was looked into.

    Attributes:
      directory: the folder.
      standing: the identities of the finished checkpoints, by step.
      unreadable: by step, what is wrong with others.
    """

    directory: str
    standing: Mapping[int, str]
    unreadable: Mapping[int, str]

    @classmethod
    def of(cls, folder: CheckpointFolder, finished: Sequence[Checkpoint]) -> Self:
        """What the folder's last look gave."""
        standing = {checkpoint.step: checkpoint.identity for checkpoint in finished}
        return cls(folder.path, standing, {step: str(error) for step, error in folder.unreadable.items()})


@final
class SweepLedger:
    """Entries are in the files; which checkpoints were lost or damaged, only the process knows that met them."""

    def __init__(self, files: SweepFiles, keys: Mapping[str, str]) -> None:
        """Takes the files, and the keys of the tasks by their names."""
        self._files = files
        self._keys = keys
        self._lost: dict[str, tuple[int, str]] = {}
        self._damaged: dict[str, str] = {}

    def begin(self) -> None:
        """Forgets what was lost or damaged before: it is looked at again."""
        self._lost.clear()
        self._damaged.clear()

    def met(self, checkpoint: Checkpoint, error: CheckpointError | None) -> None:
        """Notes how it went with a checkpoint; None: it could be read, or did not need to be."""
        self._lost.pop(checkpoint.identity, None)
        self._damaged.pop(checkpoint.identity, None)
        if isinstance(error, CheckpointLostError):
            logging.warning("%s", error)
            self._lost[checkpoint.identity] = (checkpoint.step, str(error))
        elif error is not None:
            logging.error("%s", error)
            self._damaged[checkpoint.identity] = str(error)

    def report(self, look: Look) -> SweepReport:
        """What is known of the tasks at the checkpoints that stand, or stood, in the folder.

        Of a step at which one stands, what is known of another is left out.
        """
        return self._report(look, self._files.records(look.directory, look.standing))

    def write(self, look: Look) -> SweepReport:
        """Writes all results that there are, of whatever task and folder, and returns the `report`.

        Raises:
          LoggerError: the file cannot be written.
        """
        records = self._files.records(look.directory, look.standing)
        self._files.write_results(records)
        return self._report(look, records)

    def _report(self, look: Look, records: Sequence[Record]) -> SweepReport:
        here = [each for each in records if _is_of(look, each)]
        entries = tuple(each.entry for each in here if self._keys.get(each.entry.task) == each.key)
        gone = {each.entry.step: "" for each in here}  # where the trainer has deleted them, nothing can be added
        gone |= {step: f" {why}" for step, why in self._lost.values()}
        lost = {}
        for step in sorted(gone.keys() - look.standing.keys() - look.unreadable.keys()):
            there = {entry.task for entry in entries if entry.step == step}
            if missing := [repr(task) for task in self._keys if task not in there]:
                lost[step] = f"It was deleted before it was evaluated on {', '.join(missing)}.{gone[step]}"
        standing = look.standing.items()
        damaged = {step: self._damaged[identity] for step, identity in standing if identity in self._damaged}
        return SweepReport(entries, lost, {**damaged, **look.unreadable})


def _is_of(look: Look, record: Record) -> bool:
    """Whether it was made in this folder, or elsewhere of the very checkpoint that stands here at its step."""
    return record.directory == look.directory or look.standing.get(record.entry.step) == record.entry.checkpoint
