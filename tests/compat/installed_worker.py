"""What a process sees after `install()`, given a folder: prints `RESULT` and JSON.

All of it is seen in one process, since each takes its time to import TensorFlow.
"""

from __future__ import annotations

import importlib
import json
import pickle
import sys
from pathlib import Path

import evalkit.compat.seqio
from tests.compat.surface import MODULES, USED_BY_T5X

OURS = "evalkit.compat.seqio"


def main(folder: Path) -> None:
    evalkit.compat.seqio.install()
    evalkit.compat.seqio.install()  # twice is fine
    loaded_early = [name for name in ("beam_utils", "test_utils") if f"{OURS}.{name}" in sys.modules]
    parts = {
        "unresolved": unresolved(),
        "imports": {code: imported(code) for code in IMPORTS},
        "copies": copies(),
        "pickles": pickles(folder),
        "evaluation": evaluation(folder),
    }
    sys.stdout.write(f"RESULT {json.dumps({'loaded_early': loaded_early, **parts})}\n")


IMPORTS = [
    "import seqio; found = seqio.Task",
    "import seqio.dataset_providers; found = seqio.dataset_providers.Task",
    "import seqio.dataset_providers as providers; found = providers.Task",
    "from seqio import Task; found = Task",
    "from seqio.dataset_providers import Task; found = Task",
    "from seqio import evaluation; found = evaluation.Task",
    "from seqio.no_such_module import Task",
    "from seqio import deterministic",
]


def imported(code: str) -> str:
    names: dict[str, object] = {}
    try:
        exec(code, names)
    except ImportError as error:
        return str(error)
    found = names["found"]
    return f"{found.__module__}.{found.__qualname__}"


def unresolved() -> list[str]:
    """Which of the names that T5X uses do not resolve, by `import seqio` alone."""
    lost = []
    for dotted in USED_BY_T5X.split():
        found = importlib.import_module("seqio")
        for part in dotted.split("."):
            found = getattr(found, part, None)
        if found is None:
            lost.append(dotted)
    return lost


def copies() -> list[str]:
    """Modules that are not the same object under both names."""
    theirs = [name for name in sys.modules if name.startswith("seqio.")]
    return [name for name in theirs if sys.modules[name] is not sys.modules[f"evalkit.compat.{name}"]]


def seqio():
    return importlib.import_module("seqio")


def pickles(folder: Path) -> dict[str, bool]:
    """Writes pickles for another process, and loads one that names seqio's modules."""
    lib = seqio()
    feature = lib.Feature(lib.PassThroughVocabulary(10))
    task = lib.Task("pickled", lib.TextLineDataSource({"test": "t.txt"}), {"targets": feature})
    objects = [feature, lib.ByteVocabulary(extra_ids=3), task]
    (folder / "objects.pickle").write_bytes(pickle.dumps(objects))
    names = [f"{module}.{name}" for module, all_names in MODULES.items() for name in all_names.split()]
    loadable = [name for name in names if name.rpartition(".")[2] in ("Feature", "ByteVocabulary", "Task", "Evaluator")]
    return {name: by_name(f"seqio.{name}") is by_name(f"{OURS}.{name}") for name in loadable}


def by_name(dotted: str) -> object:
    """The object as a pickle finds it that names it so."""
    module, _, name = dotted.rpartition(".")
    return pickle.loads(f"c{module}\n{name}\n.".encode())


def evaluation(folder: Path) -> dict[str, object]:
    """Two evaluations through a library that says `import seqio`."""
    found: dict[str, object] = importlib.import_module("tests.compat.inference_library").evaluated(folder / "logs")
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
