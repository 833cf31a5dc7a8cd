"""Only writing needs Apache Beam, and says what brings it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

CODE = """
import sys
sys.modules["apache_beam"] = None  # importing it raises ImportError

import evalkit.caching
from evalkit.compat import seqio
from evalkit.errors import MissingExtraError

task = seqio.TaskRegistry.add(
    "numbers",
    source=evalkit.InMemoryDataSource({"train": [{"x": 1}]}),
    preprocessors=[seqio.CacheDatasetPlaceholder()],
    output_features={},
)

def write():
    evalkit.caching.cache_tasks([task], sys.argv[1])

def import_beam_utils():
    from evalkit.compat.seqio import beam_utils

def use_beam_utils():
    seqio.beam_utils.PreprocessTask

for act in (write, import_beam_utils, use_beam_utils):
    try:
        act()
    except MissingExtraError as error:
        print(act.__name__, error)
"""


def test_what_needs_beam_names_the_extra(tmp_path):
    command = [sys.executable, "-c", CODE, str(tmp_path / "caches")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["write", "import_beam_utils", "use_beam_utils"]
    for line in lines:
        assert "Offline caching needs the package 'apache-beam'" in line
        assert "pip install 'evalkit[cache]'" in line
    assert not (tmp_path / "caches").exists()
