"""What the bare import costs."""

from __future__ import annotations

import importlib
import sys

from tests.benchmarks import measure


def main() -> None:
    asked = measure.request()
    before = measure.resident_bytes()
    with measure.Stopwatch() as watch:
        importlib.import_module(asked["subject"])
    heavy = sorted({"tensorflow", "jax", "flax"} & set(sys.modules))
    measure.reply(
        {"cpu": watch.cpu, "wall": watch.wall, "bytes": measure.peak_bytes(), "before": before, "loaded": heavy}
    )


if __name__ == "__main__":
    main()
