"""How far the workers are, as their notes tell; they may be in other processes, or on other machines."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import final

import tensorflow as tf

from evalkit.caching.piece_notes import PROGRESS, WRITTEN, read_note
from evalkit.caching.plan import SplitPlan


@final
class Progress:
    """Follows the writing of some splits."""

    def __init__(self, plans: Sequence[SplitPlan]) -> None:
        self._plans = plans
        self._written: dict[str, int] = {}  # examples by note; a note on a piece that is complete is read once

    @property
    def num_pieces(self) -> int:
        """How many pieces there are to write, all in all."""
        return sum(plan.num_pieces for plan in self._plans)

    def read(self) -> tuple[int, int]:
        """How many pieces are complete, and how many examples are written, those of other pieces included."""
        unfinished = 0
        for plan in self._plans:
            for name in _names_in(plan.work_dir):
                path = os.path.join(plan.work_dir, name)
                if name.startswith(WRITTEN) and path not in self._written:
                    self._written[path] = (read_note(path) or {}).get("statistics", {}).get("examples", 0)
                elif name.startswith(PROGRESS):
                    unfinished += (read_note(path) or {}).get("examples", 0)
        return len(self._written), sum(self._written.values()) + unfinished


def _names_in(folder: str) -> Sequence[str]:
    with contextlib.suppress(tf.errors.OpError):
        names: Sequence[str] = tf.io.gfile.listdir(folder)
        return names
    return ()
