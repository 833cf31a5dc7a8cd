"""Runs jobs until it is killed, or who started it is gone; run by `test_job_interruption`.

In a first run the folder is copied before every change to it: just what a kill at that moment would leave.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from tests.evaluations.jobs import Counting, Stories, TrainerOf, job_of
from tests.evaluations.letters import learned_job, random_texts

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir")
TEXTS = tuple(random_texts(20, 12, seed=0))


def job(results: Path, step: int):
    evaluations = [Stories("stories", TEXTS), Counting("counting", TEXTS), Stories("more", TEXTS[:7])]
    return job_of(results, *evaluations, trainer=TrainerOf(step, learned_job().params))


def main(folder: Path) -> None:
    parent = os.getppid()
    numbers, copying = itertools.count(), [False]

    def copy_before(event: str, arguments: tuple[Any, ...]) -> None:
        if not copying[0] and event in EVENTS and str(folder / "first") in str(arguments[0]):
            copying[0] = True  # what copying itself opens is no event
            if (folder / "first").exists():
                shutil.copytree(folder / "first", folder / "copies" / str(next(numbers)))
            copying[0] = False

    sys.addaudithook(copy_before)
    job(folder / "first", 0).run()
    copying[0] = True
    sys.stdout.write("running\n")
    sys.stdout.flush()
    for step in itertools.count():
        if os.getppid() != parent:
            return
        job(folder / "many", step).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
