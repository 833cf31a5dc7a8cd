"""The peers in environments of their own, so that neither library sees the other's dependencies."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

BUILD = Path(__file__).parents[2] / "build"


@dataclasses.dataclass(frozen=True)
class Peer:
    """An environment.

    Attributes:
      requirements: what pip installs there.
      variable: of the environment, names a Python that has all that already.
      options: of pip.
    """

    requirements: tuple[str, ...]
    variable: str
    options: tuple[str, ...] = ()


PEERS = {
    # seqio's metadata names none of the others: its TensorBoard logger, TFDS, and caching need them. Beam needs an
    # older protobuf than sentencepiece 0.2.3 does.
    "seqio": Peer(
        (
            "seqio==0.0.20",
            "tensorboard",
            "importlib_resources",
            "apache-beam",
            "google-crc32c",
            "sentencepiece<0.2.3",
        ),
        "EVALKIT_SEQIO_PYTHON",
    ),
    "huggingface": Peer(
        ("torch", "transformers", "accelerate", "lm_eval==0.4.13"),
        "EVALKIT_HF_PYTHON",
        ("--extra-index-url", "https://download.pytorch.org/whl/cpu"),
    ),
}


def interpreter(name: str) -> Path:
    """The Python that has the peer: what its variable names, else one that is made in `build/`, once."""
    peer = PEERS[name]
    named = os.environ.get(peer.variable)
    if named:
        return Path(named)
    folder = BUILD / f"{name}-venv"
    python = folder / "bin" / "python"
    ready = folder / ".ready"
    if not ready.exists():
        print(f"Setting up {folder.name} with {' '.join(peer.requirements)} (some minutes, once) ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *peer.options, *peer.requirements], check=True)
        ready.touch()
    return python
