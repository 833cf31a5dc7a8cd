"""What the test of jobs in several processes runs in each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from evalkit.evaluations.evaluation import Evaluation
from evalkit.evaluations.job import EvaluationJob
from evalkit.inference.engine import Engine
from tests.evaluations.jobs import Counting, Stories, TrainerOf, names_run
from tests.evaluations.letters import Letters, random_texts
from tests.inference.models import small_model

TEXTS = tuple(random_texts(9, 12, seed=0))


def job_of_all(folder: str, *names: str, more: Sequence[Evaluation] = ()) -> EvaluationJob:
    model, params = small_model("learned")
    mesh = Mesh(jax.devices(), ("data",))
    everywhere = jax.device_put(params, NamedSharding(mesh, PartitionSpec()))
    evaluations = [Stories("stories", TEXTS), *(Counting(name, TEXTS) for name in names), *more]
    engine = Engine(model, mesh=mesh, token_budget=256)
    return EvaluationJob.from_trainer(
        TrainerOf(3, everywhere), evaluations, Letters(), engine=engine, results_dir=folder
    )


def run_and_extend(folder: str) -> dict[str, Any]:
    """Runs a job, and then one of one evaluation more."""
    first = job_of_all(f"{folder}/run_and_extend", "a")
    told = [first.done, first.run()["stories"].score, first.done]
    job_of_all(f"{folder}/run_and_extend", "a", "b").run()
    return {"told": told, "run": names_run()}


def with_other_evaluations(folder: str) -> None:
    """Processes with different lists."""
    job_of_all(f"{folder}/with_other_evaluations", *["a", "b"][: 1 + jax.process_index()]).run()


def one_cannot_write(folder: str) -> None:
    """The first process, which writes, finds a file in the place of the folder."""
    job_of_all(f"{folder}/file").run()


class Unreadable(Stories):
    def get(self, indx):
        if jax.process_index() == 1:
            raise OSError("gone")
        return super().get(indx)


class Undecided(Counting):
    def score(self, xs, y_hats):
        if jax.process_index() == 1:
            raise OSError("gone")
        return 1.0


def one_cannot_read(folder: str) -> None:
    """The second process cannot read the last evaluation's examples."""
    job_of_all(f"{folder}/one_cannot_read", more=[Unreadable("unreadable", TEXTS)]).run()


def one_cannot_judge(folder: str) -> None:
    """The second process cannot score."""
    job_of_all(f"{folder}/one_cannot_judge", more=[Undecided("undecided", TEXTS)]).run()
