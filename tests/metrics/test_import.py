"""The room is light: numpy, and nothing that a metric may need only later."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys, time
import numpy
started = time.process_time()
import evalkit.metrics
print(time.process_time() - started)
heavy = {"tensorflow", "jax", "flax", "clu", "sacrebleu", "rouge_score", "nltk", "scipy"}
print(sorted(heavy & set(sys.modules)))
"""


def test_importing_is_cheap_and_loads_no_framework():
    output = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
    seconds, heavy = output.splitlines()
    assert heavy == "[]"
    assert float(seconds) < 0.2
