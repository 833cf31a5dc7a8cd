"""One evaluation by all processes of a JAX program: the model runs on all of them, the first one judges and logs.

The processes must not part: where the first one cannot judge, a step later the others would wait for it for ever. So
all of them learn what it found, and all of them raise where one fails.
"""

from __future__ import annotations

from typing import Any

import jax

from evalkit.errors import MetricError
from evalkit.evaluation.evaluator import Evaluator
from evalkit.evaluation.metric_worker import AllMetrics
from evalkit.evaluation.process_gather import gather_from_processes
from evalkit.evaluation.user_code import guarding
from evalkit.inference.agreement import all_alike
from evalkit.metrics.counts import EvalCounts


def evaluate_on_all_processes(
    evaluator: Evaluator, *, step: int | None = None, **model_fns: Any
) -> tuple[AllMetrics, dict[str, EvalCounts]]:
    """Evaluates, and waits for the metrics. Every process calls it, with the same tasks; the first one logs.

    Args:
      evaluator: of this process; only that of the first process needs loggers.
      step: of training.
      **model_fns: as for `Evaluator.evaluate`; what they return must be the outputs of all examples, in every process,
        as `Engine` gives them.

    Returns:
      `{task: {metric: value}}` and the counts by task, the same in every process.

    Raises:
      ProcessError: another process failed, or was interrupted, or what the first one found does not pickle; the message
        says which, and with what.
      EvaluationError: on the first process, metrics or loggers failed.
      MetricError: on the first process, values of metrics do not pickle.
      ModelOutputError: on this process, a model function returned anything but each index once.
    """
    with all_alike("evaluation"):
        future, _ = evaluator.evaluate(compute_metrics=jax.process_index() == 0, step=step, **model_fns)
        metrics = future.result()
    with guarding(MetricError, lambda: "Sharing the metrics' values with the other processes"):
        found: tuple[AllMetrics, dict[str, EvalCounts]] = gather_from_processes((metrics, dict(future.counts)))[0]
    return found
