"""A training whose second evaluator hangs while it is judged, until a signal ends the process.

python -m tests.training.stopped_training LOG_DIR
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from evalkit.training import EvalSchedule, InlineEvaluation
from tests.evaluations.letters import Letters
from tests.training import trained


def main(log_dir: str) -> None:
    async def slow(client):
        while not list(Path(log_dir).glob("inline_evaluations.jsonl")):
            time.sleep(0.01)
        Path(log_dir, "begun").touch()
        time.sleep(60)

    with InlineEvaluation(
        EvalSchedule(6, eval_every=2),
        evaluator_builders={"stories": trained.stories, "slow": lambda: slow},
        engine_builder=trained.build_engine,
        encoding=Letters(),
        log_dir=log_dir,
    ) as evaluation:
        trained.train(evaluation)


if __name__ == "__main__":
    main(sys.argv[1])
