"""A training for the tests: a small model, an update that donates, evaluators that go wrong, and their builders.

Everything is at the top level, as a process beside a training needs it.
"""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

import evalkit
from evalkit import preprocessors
from evalkit.evaluations.result import EvaluationResult
from evalkit.inference.engine import Engine
from evalkit.inference.sampling import SamplingParams
from tests.evaluation.small_task import answer_targets, exact, rows_source
from tests.evaluations.jobs import Stories
from tests.evaluations.letters import random_texts
from tests.inference.models import small_model

NUM_STEPS = 6


def build_engine() -> Engine:
    return Engine(small_model("learned").model, token_budget=512)


def first_params() -> Any:
    return jax.tree.map(jnp.copy, small_model("learned").params)


@functools.partial(jax.jit, donate_argnums=0)
def update(params: Any, step: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf * (1 - 0.01 * jnp.cos(step).astype(leaf.dtype)), params)


def train(evaluation: Any = None, steps: range = range(NUM_STEPS), params: Any = None) -> Any:
    """The parameters after the steps, as bytes."""
    params = first_params() if params is None else params
    for step in steps:
        if evaluation is not None:
            evaluation.inline(step, params)
        params = update(params, jnp.float32(step))
    if evaluation is not None:
        evaluation.inline(steps.stop, params)
    return params


def bits(params: Any) -> list[bytes]:
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(params)]


# --- evaluators ------------------------------------------------------------------------------------------------------


def stories(name: str = "stories", count: int = 3) -> Stories:
    return Stories(name, random_texts(count, 8, seed=1))


def spanish(metric: Any = exact, name: str = "spanish", **keywords: Any) -> evalkit.Evaluator:
    features = {key: evalkit.Feature(evalkit.ByteVocabulary(), add_eos=True) for key in ("inputs", "targets")}
    task = evalkit.Task(
        name,
        source=rows_source(),
        preprocessors=[preprocessors.tokenize, preprocessors.append_eos],
        output_features=features,
        metric_fns=[metric],
    )
    return evalkit.Evaluator(task, evalkit.EncDecFeatureConverter(pack=False), **keywords)


def answering(params: Any) -> dict[str, Any]:
    del params
    return {"predict_fn": answer_targets}


class Scripted(evalkit.Evaluation):
    """Does at each call what it is told, and has the number of its calls as score; a file remembers them."""

    def __init__(self, name: str, calls: str, *acts: Any) -> None:
        self._name, self._calls, self._acts = name, calls, acts

    @property
    def name(self) -> str:
        return self._name

    def __len__(self) -> int:
        return 1

    def evaluate(self, inference: Any, encoding: Any, *args: Any, **kwargs: Any) -> EvaluationResult:
        with open(self._calls, "a") as file:
            file.write(".")
        call = os.path.getsize(self._calls)
        found = self._acts[min(call, len(self._acts)) - 1]()
        score = float(call) if found is None else found
        return EvaluationResult(self._name, score, {"total": 1}, {}, ())


def scripted(name: str, calls: str, *acts: Any) -> Any:
    return functools.partial(Scripted, name, calls, *acts)


def build_once(path: str, act: Any) -> Scripted:
    if os.path.exists(path):
        raise OSError("built before")
    with open(path, "w"):
        return Scripted("once", f"{path}.calls", act)


def nothing() -> None:
    """An evaluation that goes well."""


def raising() -> None:
    raise OSError("the judge is away")


def not_a_number() -> float:
    return float("nan")


def hanging() -> None:
    time.sleep(3600)


def exiting() -> None:
    sys.stderr.write("going\n")
    sys.stderr.flush()
    os._exit(3)


def leaving() -> None:
    sys.exit(4)


def killed() -> None:
    """As Linux does where memory runs out; a process that was forked before goes on, and holds the pipe open."""
    forked = os.fork()
    if not forked:
        time.sleep(60)
        os._exit(0)
    sys.stderr.write(f"forked {forked}\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def hungry() -> None:
    size = int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1]) * 1024
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size + 2**28, before[1]))
    try:
        np.ones(2**40)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _only_there(there: int) -> float:
    if os.getpid() != there:
        raise OSError("of another process")
    return 0.5


class OnlyThere(evalkit.Scalar):
    """A number that cannot be read in another process."""

    def __reduce__(self) -> Any:
        return _only_there, (os.getpid(),)


def unreadable() -> Any:
    return OnlyThere(0.5)


class Speechless(Exception):
    """Has no message that could be told."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def speechless() -> None:
    raise Speechless


class NeverCloses(evalkit.Logger):
    """A logger that hangs when it is closed."""

    def __call__(self, *args: Any, **keywords: Any) -> None:
        """Writes nothing."""

    def close(self) -> None:
        time.sleep(60)


def never_closing(log_dir: str) -> evalkit.Evaluator:
    return spanish(name="closes", logger_cls=[NeverCloses], log_dir=log_dir)


def build_with_a_thread() -> Any:
    """Leaves a thread for which Python waits, where it runs in a child."""
    if multiprocessing.parent_process() is not None:
        threading.Thread(target=time.sleep, args=(60,)).start()
    return sampling


def crashing() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


async def sampling(client: Any, prompts: int = 4, rounds: int = 2, seen: Any = None) -> dict[str, float]:
    """Asks several prompts at a time, some rounds of it, and returns numbers of its own."""
    params = SamplingParams(3)
    texts = random_texts(prompts, 6, seed=2)
    tokens = 0
    for _ in range(rounds):
        responses = await asyncio.gather(*(client.sample(text, params) for text in texts))
        if seen is not None:
            seen.append([response.text for response in responses])
        tokens += sum(len(response.sequences[0].tokens) for response in responses)
    return {"tokens": tokens, "two/half": 0.5}


def build_sampling() -> Any:
    return sampling


def tensorboard(log_dir: Any) -> dict[str, list[tuple[int, float]]]:
    """Of each tag, the steps and numbers in the order in which TensorBoard has them, duplicates too."""
    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(Path(log_dir).glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, float(value.tensor.float_val[0])))
    return found
