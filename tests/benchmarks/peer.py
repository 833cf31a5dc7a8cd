"""seqio 0.0.20 in an environment of its own, so that neither library sees the other's dependencies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = (
    "seqio==0.0.20",
    "tensorboard",
    "importlib_resources",
    "apache-beam",
    "google-crc32c",
    "sentencepiece<0.2.3",
)
"""seqio's metadata names none of the others: its TensorBoard logger, TFDS, and caching need them. Beam needs an older
protobuf than sentencepiece 0.2.3 does."""

VARIABLE = "EVALKIT_SEQIO_PYTHON"
FOLDER = Path(__file__).parents[2] / "build" / "seqio-venv"


def interpreter() -> Path:
    """The Python that has seqio: what the variable names, else one that is made in `build/`, once."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    python = FOLDER / "bin" / "python"
    ready = FOLDER / ".ready"
    if not ready.exists():
        print(f"Setting up {FOLDER.name} with {' '.join(REQUIREMENTS)} (some minutes, once) ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
        ready.touch()
    return python
