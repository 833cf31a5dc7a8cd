"""Jobs for tests, and a process that runs one."""

from __future__ import annotations

import types
from typing import Any

from evalkit.evaluations.encoding import EncodingEvaluation
from evalkit.evaluations.job import EvaluationJob
from evalkit.evaluations.perplexity import PerplexityEvaluation
from tests.evaluations.letters import Letters, learned_job


class Stories(PerplexityEvaluation):
    def __init__(self, name, texts):
        self._name, self.texts = name, texts

    @property
    def name(self):
        return self._name

    def __len__(self):
        return len(self.texts)

    def get(self, indx):
        return self.texts[indx]


class Counting(EncodingEvaluation):
    """Notes each time that it is scored, and everything is right."""

    runs: list[str] = []

    def __init__(self, name, texts, score=1.0):
        self._name, self.texts, self._score = name, texts, score

    @property
    def fingerprint(self):
        return repr((self._name, self.texts, self._score))

    @property
    def name(self):
        return self._name

    def __len__(self):
        return len(self.texts)

    def get(self, indx):
        return self.texts[indx]

    def clean(self, y_hat):
        return y_hat

    def score(self, xs, y_hats):
        Counting.runs.append(self._name)
        return self._score


def names_run() -> list[str]:
    return list(Counting.runs)


class TrainerOf:
    """What a trainer is to a job."""

    def __init__(self, step: int, params: Any) -> None:
        self.state = types.SimpleNamespace(step=step, params=params)


def job_of(folder, *evaluations, trainer=None, **kwargs):
    trainer = TrainerOf(3, learned_job().params) if trainer is None else trainer
    given = {"encoding": Letters(), "engine": learned_job().engine, "results_dir": folder, **kwargs}
    return EvaluationJob.from_trainer(trainer, list(evaluations), **given)
