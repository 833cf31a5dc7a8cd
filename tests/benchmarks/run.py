"""Runs every measurement in both interpreters, turn and turn about, and prints the table.

python -m tests.benchmarks.run                        N = 10,000 in three rounds, 1,000 and 50,000 in one
python -m tests.benchmarks.run --only evaluate        one worker
python -m tests.benchmarks.run --subjects seqio       the peer alone
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks import corpus, peer, table
from tests.benchmarks.measure import MARK

ROOT = Path(__file__).parents[2]
WORKERS = (
    "import_cost",
    "registry",
    "packing",
    "merging",
    "caching",
    "evaluate",
    "construct",
    "calls",
    "memory",
    "beside",
)
EVALUATE_VARIANTS = ("plain", "four metrics", "postprocess", "json", "json+tensorboard")
VARIANTS = {"seqio": EVALUATE_VARIANTS, "evalkit": (*EVALUATE_VARIANTS, "ragged")}
"""seqio raises on ragged outputs under NumPy >= 1.24."""

RAW_COPIES = 36  # about 20 KB an example
UNCACHED_SOURCE = 9_000
"""seqio keeps the raw examples of any source below 10,000, so the raw field is measured just below that."""

CACHED_ROWS = 100_000
"""The issue's number; whatever N is."""

SIZE_DEPENDENT = ("evaluate", "construct", "memory")
"""Workers that also run for the Ns that no bar is for."""

Samples = dict[str, dict[str, list[float]]]


@dataclasses.dataclass(frozen=True)
class Plan:
    """How one N is measured: `rounds` fresh processes of each worker and subject, `times` repetitions in each."""

    examples: int
    rounds: int
    times: int
    workers: list[str]


def main() -> int:
    options = arguments()
    folder = options.data / corpus.folder_name()
    facts = machine_facts(corpus.prepare(folder))
    print("\n".join(f"{name}: {value}" for name, value in facts.items()), flush=True)
    pythons = {"evalkit": Path(sys.executable)}
    if "seqio" in options.subjects:
        pythons["seqio"] = peer.interpreter()
    results: dict[str, Any] = {"machine": facts, "figures": {}}
    missed = 0
    for plan in plans(options):
        figures = measured(plan, options.subjects, pythons, folder)
        print(f"\nN = {plan.examples:,}, median of {plan.rounds} round(s)\n{table.render(figures)}", flush=True)
        results["figures"][plan.examples] = table.outcomes(figures)
        if plan.examples == options.examples:
            missed = sum(outcome["met"] is False for outcome in results["figures"][plan.examples].values())
    results["machine"]["load at the end"] = f"{os.getloadavg()[0]:.1f}"
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"\n{missed} bar(s) not met at N = {options.examples:,}. Figures in {options.json}")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=10_000, help="the N that the bars are for")
    parser.add_argument("--also", default="1000,50000", help="other Ns, one round each; empty for none")
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes of each subject per measurement")
    parser.add_argument("--times", type=int, default=3, help="repetitions inside a process")
    parser.add_argument("--only", default=",".join(WORKERS), help="workers to run, by name")
    parser.add_argument("--subjects", default="seqio,evalkit")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "evalkit-bench")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "benchmarks.json", help="where the figures go")
    options = parser.parse_args()
    options.only, options.subjects = options.only.split(","), options.subjects.split(",")
    return options


def plans(options: argparse.Namespace) -> Iterator[Plan]:
    """Each N with how it is measured, the one of the bars first and most carefully."""
    yield Plan(options.examples, options.rounds, options.times, options.only)
    workers = [worker for worker in options.only if worker in SIZE_DEPENDENT]
    for examples in filter(None, options.also.split(",")):
        yield Plan(int(examples), rounds=1, times=1, workers=workers)


def machine_facts(data: str) -> dict[str, str]:
    cpu_lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in cpu_lines if line.startswith("model name")]
    return {
        "data": data,
        "machine": f"{models[0] if models else platform.processor()}, {os.cpu_count()} CPUs, {platform.system()}",
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
        "load at the start": f"{os.getloadavg()[0]:.1f}",
    }


def measured(plan: Plan, subjects: list[str], pythons: dict[str, Path], folder: Path) -> dict[str, dict[str, float]]:
    """Medians over the rounds, `{measurement: {subject: figure}}`."""
    samples: Samples = collections.defaultdict(lambda: collections.defaultdict(list))
    for number in range(plan.rounds):
        for worker in plan.workers:
            for subject in subjects:
                print(f"  N={plan.examples} round {number + 1}: {worker}, {subject}", file=sys.stderr, flush=True)
                call = Call(pythons[subject], subject, folder, plan.examples, plan.times)
                for name, figure in WORKER_FIGURES[worker](call):
                    samples[name][subject].append(figure)
    return {
        name: {subject: statistics.median(values) for subject, values in by_subject.items()}
        for name, by_subject in samples.items()
    }


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
}

if __name__ == "__main__":
    sys.exit(main())
