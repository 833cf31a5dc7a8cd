"""The figures of each worker by their names, and how a worker is run for them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks import language
from tests.benchmarks.measure import MARK

ROOT = Path(__file__).parents[2]
EVALUATE_VARIANTS = ("plain", "four metrics", "postprocess", "json", "json+tensorboard")
VARIANTS = {"seqio": EVALUATE_VARIANTS, "evalkit": (*EVALUATE_VARIANTS, "ragged")}
"""seqio raises on ragged outputs under NumPy >= 1.24."""

RAW_COPIES = 36  # about 20 KB an example
UNCACHED_SOURCE = 9_000
"""seqio keeps the raw examples of any source below 10,000, so the raw field is measured just below that."""

INLINE_EXAMPLES = 1_000
"""The issue's number; whatever N is."""

INLINE_TURNS = 41
"""Evaluations, one in fifty steps."""

CACHED_ROWS = 100_000
"""The issue's number; whatever N is."""


class Call:
    """Runs workers for one subject at one N."""

    def __init__(self, python: Path, subject: str, folder: Path, examples: int, times: int) -> None:
        self.python, self.subject, self.folder, self.examples, self.times = python, subject, folder, examples, times

    def __call__(self, worker: str, **more: Any) -> dict[str, Any]:
        """What the worker measured.

        Raises:
          RuntimeError: it failed; the message has the end of what it wrote.
        """
        request = {
            "subject": self.subject,
            "folder": str(self.folder),
            "examples": self.examples,
            "times": self.times,
            **more,
        }
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "-1"}
        quiet["OMP_WAIT_POLICY"] = "PASSIVE"  # else torch's threads spin while they wait, which would count as its work
        done = subprocess.run(
            [str(self.python), "-m", f"tests.benchmarks.workers.{worker}", json.dumps(request)],
            cwd=ROOT,
            env={**os.environ, **quiet},
            capture_output=True,
            text=True,
            check=False,
        )
        marked = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
        if done.returncode or not marked:
            raise RuntimeError(f"{worker} of {self.subject} failed ({done.returncode}):\n{done.stderr[-3000:]}")
        figures: dict[str, Any] = json.loads(marked[-1].removeprefix(MARK))
        return figures


Named = Iterator[tuple[str, float]]


def import_figures(call: Call) -> Named:
    cost = call("import_cost")
    yield "import, CPU", cost["cpu"]
    yield "import, resident", cost["bytes"] / 2**20
    yield "import, of tensorflow, jax, flax loaded", len(cost["loaded"])


def registry_figures(call: Call) -> Named:
    registry = call("registry")
    yield "register 10,000 tasks, CPU", registry["register"]
    yield "rates of 2,000 tasks in nested mixtures, CPU", registry["resolve"]


def packing_figures(call: Call) -> Named:
    yield "pack short examples (encoder-decoder), CPU", call("packing")["us"]


def merging_figures(call: Call) -> Named:
    yield "merge the metrics of 800 batches, CPU", call("merging")["cpu"]


def caching_figures(call: Call) -> Named:
    cost = call("caching", examples=CACHED_ROWS)
    yield "cache 100,000 rows offline, CPU", cost["cpu"]
    yield "cache 100,000 rows offline, wall", cost["wall"]


def evaluate_figures(call: Call) -> Named:
    variants = call("evaluate", variants=VARIANTS[call.subject])
    plain = variants["plain"]["steady"]
    yield "evaluate, one text metric, no logger", plain
    yield "  first evaluate (targets are postprocessed)", variants["plain"]["first"]
    yield "  with a postprocess function", variants["postprocess"]["steady"]
    if "ragged" in variants:
        yield "  ragged outputs", variants["ragged"]["steady"]
    yield "  each further metric", (variants["four metrics"]["steady"] - plain) / 3
    yield "evaluate with JSONL and TensorBoard", variants["json+tensorboard"]["steady"]
    yield "  JSONL alone, over no logger", variants["json"]["steady"] - plain


def construct_figures(call: Call) -> Named:
    built = call("construct", passes=call.times)
    yield "construct, CPU", built["cpu"]
    yield "construct, wall", built["wall"]
    yield "one pass over the model dataset, CPU", statistics.median(built["passes"])
    if call.subject == "evalkit":
        with tempfile.TemporaryDirectory(prefix="evalkit-bench-") as store:
            yield "construct with a store on disk, CPU", call("construct", cache_dir=store)["cpu"]
            yield "construct again from that store, CPU", call("construct", cache_dir=store)["cpu"]


def call_figures(call: Call) -> Named:
    for cached, words in ((True, "memory cache"), (False, "no memory cache")):
        counts = call("calls", use_memory_cache=cached, examples=min(call.examples, 1000))
        yield f"preprocessor calls, {words}", counts["preprocessor"]
        yield f"converter calls, {words}", counts["converter"]


def memory_figures(call: Call) -> Named:
    memory = call("memory", raw_copies=0)
    yield "memory held / payload", memory["held"] / memory["payload"]
    memory = call("memory", raw_copies=RAW_COPIES, examples=min(call.examples, UNCACHED_SOURCE))
    yield "memory held / payload, 20 KB raw field dropped", memory["held"] / memory["payload"]


def beside_figures(call: Call) -> Named:
    loop = call("beside")
    yield "main-thread loop: time lost to metrics beside it", loop["lost"]
    yield "  time evaluate() held the caller", loop["held"]


def choices_figures(call: Call) -> Named:
    yield from side_by_side(
        call,
        call("choices", questions=language.QUESTIONS),
        "score four choices of 500 questions, 5-shot",
        "largest difference of a score",
    )


def answers_figures(call: Call) -> Named:
    yield from side_by_side(
        call,
        call("answers", prompts=language.PROMPTS),
        "answer 200 prompts greedily, 64 tokens each",
        "answers that differ",
    )


def side_by_side(call: Call, cost: dict[str, Any], what: str, difference: str) -> Named:
    """The figures of either side; only evalkit compiles, and is compared with the side before it."""
    yield f"{what}, CPU", cost["cpu"]
    yield f"{what}, wall", cost["wall"]
    if call.subject == "evalkit":
        if cost["different"] is not None:
            yield f"  {difference}", cost["different"]
        yield f"  {what}: compiling, CPU", cost["first"] - cost["cpu"]
        yield f"  {what}: compiled the second time", cost["compiled later"]


def bare_figures(call: Call) -> Named:
    cost = call("bare", documents=language.DOCUMENTS)
    yield "score whole documents, over the bare forward, CPU", cost["cpu"]["logits"]
    yield "  over one that keeps the largest logit, CPU", cost["cpu"]["largest logit"]
    yield "  over one that keeps the largest logit, wall", cost["wall"]["largest logit"]
    yield "  over the machine's matrix products, CPU", cost["rate"]


def inline_figures(call: Call) -> Named:
    cost = call("inline", examples=INLINE_EXAMPLES, turns=INLINE_TURNS)
    yield "inline evaluation, overlapped: training time lost", 100 * cost["lost"]
    yield "  99th percentile of step times, over that without", cost["p99"]
    yield "  a step without", 1000 * cost["step"]
    yield "  a step is held up for", 1000 * cost["held"]


def sampling_figures(call: Call) -> Named:
    cost = call("sampling")
    yield "64 requests at a time on a live model, batch fill", cost["fill"]
    yield "  over one at a time, wall", cost["speed"]
    yield "  over one at a time that waits for no company, wall", cost["unlingering"]
    yield "  computations for 8 equal requests", cost["computed"]
    yield "response cache, hits", cost["hits"]
    yield "response cache, batched writes", cost["writes"]


WORKER_FIGURES = {
    "import_cost": import_figures,
    "registry": registry_figures,
    "packing": packing_figures,
    "merging": merging_figures,
    "caching": caching_figures,
    "evaluate": evaluate_figures,
    "construct": construct_figures,
    "calls": call_figures,
    "memory": memory_figures,
    "beside": beside_figures,
    "choices": choices_figures,
    "answers": answers_figures,
    "bare": bare_figures,
    "sampling": sampling_figures,
    "inline": inline_figures,
}
