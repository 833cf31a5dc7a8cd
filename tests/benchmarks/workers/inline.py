"""What a training loop loses to inline evaluation beside it, the model's part left out: its answers are there already.

Both loops run the same jitted update, in turns, so that what else the machine does falls on both. One of them evaluates
1,000 examples every 50 steps, in overlapped mode: a text metric, rows and metrics as JSON lines, TensorBoard, and the
ledger. A step's time is that of the update and of the call of `inline` before it.
"""

from __future__ import annotations

import functools
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from evalkit.loggers import JSONLogger, TensorBoardLogger
from evalkit.training import EvalSchedule, InlineEvaluation
from tests.benchmarks import measure, subject

EVERY = 50
WIDTH = 512
ROWS = 768


@functools.partial(jax.jit, donate_argnums=0)
def update(params: Any, batch: Any) -> Any:
    """Some ten milliseconds of what trainings do."""

    def loss(weights: Any) -> Any:
        hidden = batch
        for weight in weights:
            hidden = jnp.tanh(hidden @ weight)
        return jnp.mean(hidden**2)

    return [weight - 1e-3 * change for weight, change in zip(params, jax.grad(loss)(params), strict=True)]


def new_params() -> Any:
    keys = jax.random.split(jax.random.key(0), 4)
    return [jax.random.normal(key, (WIDTH, WIDTH)) / WIDTH**0.5 for key in keys]


def trained(steps: range, params: Any, batch: Any, before: Callable[[int, Any], None]) -> tuple[Any, list[float]]:
    """The parameters, and the seconds of each step."""
    seconds = []
    for step in steps:
        begin = time.perf_counter()
        before(step, params)
        params = jax.block_until_ready(update(params, batch))
        seconds.append(time.perf_counter() - begin)
    return params, seconds


def percentile(seconds: list[float], share: float) -> float:
    return sorted(seconds)[min(int(len(seconds) * share), len(seconds) - 1)]


def main() -> None:
    asked = measure.request()
    lib = subject.load(asked["subject"])
    subject.register(lib, asked["folder"], asked["examples"])
    pairs = subject.outputs(asked["folder"], asked["examples"])
    turns = asked["turns"]
    batch, others = jnp.ones((ROWS, WIDTH)), new_params()
    with tempfile.TemporaryDirectory() as log_dir:
        evaluation = InlineEvaluation(
            EvalSchedule(turns * EVERY, EVERY, at_end=False),
            evaluator_builders=[
                lambda: subject.evaluator(lib, logger_cls=[JSONLogger, TensorBoardLogger], log_dir=log_dir)
            ],
            model_fns=lambda params: {"predict_fn": lambda dataset: pairs},
            log_dir=log_dir,
        )
        params = new_params()
        alone: list[float] = []
        beside: list[float] = []
        for turn in range(turns):
            steps = range(turn * EVERY, (turn + 1) * EVERY)
            others, without = trained(steps, others, batch, lambda step, params: None)
            params, with_evaluation = trained(steps, params, batch, evaluation.inline)
            if turn:  # in the first one everything is compiled
                alone += without
                beside += with_evaluation
        evaluation.close()
        records = evaluation.records
    if [record.status for record in records] != ["done"] * turns:
        raise RuntimeError(f"Evaluations were not done: {records}")
    lost = [sum(beside[at : at + EVERY]) / sum(alone[at : at + EVERY]) - 1 for at in range(0, len(alone), EVERY)]
    measure.reply(
        {
            "lost": statistics.median(lost),
            "p99": percentile(beside, 0.99) / percentile(alone, 0.99),
            "step": statistics.median(alone),
            "held": statistics.median(record.held_seconds for record in records),
        }
    )


if __name__ == "__main__":
    main()
