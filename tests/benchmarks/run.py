"""Runs every measurement in both interpreters, turn and turn about, and prints the table.

python -m tests.benchmarks.run                        N = 10,000 in three rounds, 1,000 and 50,000 in one
python -m tests.benchmarks.run --only evaluate        one worker
python -m tests.benchmarks.run --subjects seqio       a peer alone
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
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks import corpus, peer, table
from tests.benchmarks.figures import ROOT, WORKER_FIGURES, Call

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
    "choices",
    "answers",
    "bare",
    "sampling",
    "inline",
)
HUGGINGFACE = ("choices", "answers")
"""Workers whose peer is not seqio."""

ALONE = ("bare", "sampling", "inline")
"""Workers that measure evalkit against itself."""

ONCE = (*HUGGINGFACE, *ALONE)
"""Workers that take minutes and repeat inside: one round is enough."""
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
    wanted = {subject for worker in options.only for subject in subjects_of(worker, options.subjects)}
    pythons |= {name: peer.interpreter(name) for name in peer.PEERS if name in wanted}
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
    parser.add_argument("--subjects", default="seqio,huggingface,evalkit")
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
            for subject in subjects_of(worker, subjects) if number == 0 or worker not in ONCE else ():
                print(f"  N={plan.examples} round {number + 1}: {worker}, {subject}", file=sys.stderr, flush=True)
                call = Call(pythons[subject], subject, folder, plan.examples, plan.times)
                for name, figure in WORKER_FIGURES[worker](call):
                    samples[name][subject].append(figure)
    return {
        name: {subject: statistics.median(values) for subject, values in by_subject.items()}
        for name, by_subject in samples.items()
    }


def subjects_of(worker: str, subjects: list[str]) -> list[str]:
    """Those of `subjects` that a worker measures, the peer first."""
    peers = () if worker in ALONE else ("huggingface",) if worker in HUGGINGFACE else ("seqio",)
    return [subject for subject in (*peers, "evalkit") if subject in subjects]


if __name__ == "__main__":
    sys.exit(main())
