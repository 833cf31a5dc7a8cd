"""Trainings that hang while an evaluator judges, for the tests of what ends them.

python -m tests.training.stopped_training LOG_DIR [fails]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import evalkit
from evalkit.training import EvalSchedule, InlineEvaluation
from tests.evaluation.small_task import exact
from tests.evaluations.letters import Letters
from tests.training import trained


def two_tasks(second: Any = exact) -> evalkit.Evaluator:
    """An Evaluator with the tasks `quick` and `slow`."""
    tasks = [trained.spanish(metric, name).eval_tasks[0] for name, metric in (("quick", exact), ("slow", second))]
    mixture = evalkit.Mixture("both", tasks, default_rate=1.0)
    return evalkit.Evaluator(mixture, evalkit.EncDecFeatureConverter(pack=False))


def evaluation(log_dir: Any, second: Any = exact) -> InlineEvaluation:
    return InlineEvaluation(
        EvalSchedule(6, eval_every=2),
        evaluator_builders={"stories": trained.stories, "both": lambda: two_tasks(second)},
        engine_builder=trained.build_engine,
        model_fns=trained.answering,
        encoding=Letters(),
        log_dir=log_dir,
        patience_s=0.5,
    )


def main(log_dir: str, *fails: str) -> None:
    def hangs(targets: Any, predictions: Any) -> Any:
        ledger = Path(log_dir, "inline_evaluations.jsonl")
        while not ledger.exists() or "quick" not in ledger.read_text():
            time.sleep(0.01)
        Path(log_dir, "begun").touch()
        time.sleep(600)

    if fails:
        left_open = evaluation(Path(log_dir, "open"), hangs)
        left_open.inline(0, trained.first_params())
    with evaluation(log_dir, hangs) as closed:
        closed.inline(0, trained.first_params())
        if fails:
            raise OSError("the training has failed")


if __name__ == "__main__":
    main(*sys.argv[1:])
