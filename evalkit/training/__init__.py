"""Evaluation while a model is trained, and of the checkpoints that training left."""

from evalkit.training.checkpoint_model import CheckpointModel as CheckpointModel
from evalkit.training.inline import InlineEvaluation as InlineEvaluation
from evalkit.training.inline_record import InlineRecord as InlineRecord
from evalkit.training.modes import ChildProcess as ChildProcess
from evalkit.training.modes import InLoop as InLoop
from evalkit.training.modes import Overlapped as Overlapped
from evalkit.training.schedule import EvalSchedule as EvalSchedule
from evalkit.training.sweep import CheckpointSweep as CheckpointSweep
from evalkit.training.sweep_report import SweepEntry as SweepEntry
from evalkit.training.sweep_report import SweepReport as SweepReport
