"""Evaluation while a model is trained."""

from evalkit.training.inline import InlineEvaluation as InlineEvaluation
from evalkit.training.inline_record import InlineRecord as InlineRecord
from evalkit.training.modes import ChildProcess as ChildProcess
from evalkit.training.modes import InLoop as InLoop
from evalkit.training.modes import Overlapped as Overlapped
from evalkit.training.schedule import EvalSchedule as EvalSchedule
