"""What the test of trainings in several processes runs in each of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from evalkit.evaluations.result import EvaluationResult
from evalkit.inference.engine import Engine
from evalkit.training import ChildProcess, EvalSchedule, InlineEvaluation, Overlapped
from tests.evaluations.letters import Letters
from tests.inference.models import small_model
from tests.training import trained


class OneFails(trained.Scripted):
    """Raises in the process of a number."""

    def __init__(self, process: int) -> None:
        super().__init__(f"fails in {process}", "", trained.nothing)
        self._process = process

    def evaluate(self, inference: Any, encoding: Any, *args: Any, **kwargs: Any) -> EvaluationResult:
        if jax.process_index() == self._process:
            raise OSError("gone")
        return EvaluationResult(self.name, 1.0, {"total": 1}, {}, ())


def shared_params() -> Any:
    mesh = Mesh(jax.devices(), ("data",))
    return jax.device_put(small_model("learned").params, NamedSharding(mesh, PartitionSpec()))


def shared_engine() -> Engine:
    return Engine(small_model("learned").model, mesh=Mesh(jax.devices(), ("data",)), token_budget=256)


def train(folder: str, mode: Any, **keywords: Any) -> Any:
    params = shared_params()
    with InlineEvaluation(
        EvalSchedule(4, eval_every=2),
        encoding=Letters(),
        log_dir=Path(folder, str(jax.process_index())),  # as on hosts without a common disk
        mode=mode,
        **keywords,
    ) as evaluation:
        for step in range(5):
            evaluation.inline(step, params)
    return [[r.evaluator, r.step, r.status, r.metrics, r.error] for r in evaluation.records]


def overlapped(folder: str) -> Any:
    builders = [trained.stories, lambda: OneFails(0), lambda: OneFails(1)]
    return train(
        f"{folder}/overlapped", Overlapped("latest"), evaluator_builders=builders, engine_builder=shared_engine
    )


def in_child(folder: str) -> Any:
    return train(
        f"{folder}/in_child",
        ChildProcess(),
        evaluator_builders=[trained.stories, trained.build_sampling],
        engine_builder=trained.build_engine,
    )


def sampling(folder: str) -> Any:
    return train(
        f"{folder}/sampling", Overlapped(), evaluator_builders=[trained.build_sampling], engine_builder=shared_engine
    )


def one_cannot_write(folder: str) -> Any:
    """A file stands where the first process would write."""
    return train(f"{folder}/file", Overlapped(), evaluator_builders=[trained.stories], engine_builder=shared_engine)
