"""Runs the command line in this process, as its entry point does."""

from __future__ import annotations

import dataclasses
import json
import sys

import pytest

from evalkit import cli
from evalkit.tasks import gsm8k  # registered here, since what a test registers is forgotten after it


@dataclasses.dataclass(frozen=True)
class Finished:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


@pytest.fixture
def evalkit_command(capsys, tmp_path, monkeypatch):
    """`evalkit_command("tasks", "list")` in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*arguments: str) -> Finished:
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_info:
            cli.main(["evalkit", *arguments])
        printed = capsys.readouterr()
        return Finished(int(exit_info.value.code or 0), printed.out, printed.err)

    return run


TASK_MODULE = """
from evalkit import ByteVocabulary, Feature, InMemoryDataSource, TaskRegistry, preprocessors
from evalkit.metrics import exact_match, mean_log_likelihood

ROWS = [{"inputs": f"{n} + 1 = ", "targets": str(n + 1)} for n in range(3)]
FEATURES = {"inputs": Feature(ByteVocabulary()), "targets": Feature(ByteVocabulary())}


def add(name, metric_fns, splits=("validation",)):
    TaskRegistry.add(
        name,
        source=InMemoryDataSource({split: ROWS for split in splits}),
        preprocessors=[preprocessors.tokenize, preprocessors.append_eos],
        output_features=FEATURES,
        metric_fns=metric_fns,
        override=True,
    )


add("successor", [exact_match])
add("successor_scored", [exact_match, mean_log_likelihood])
add("successor_only_scored", [mean_log_likelihood])
add("successor_to_train", [exact_match], splits=("train", "dev"))
"""


@pytest.fixture
def task_module(tmp_path, monkeypatch):
    """A module with tasks of three examples, 0 + 1 to 2 + 1, in the working directory; gives its name."""
    monkeypatch.delitem(sys.modules, "my_tasks", raising=False)
    (tmp_path / "my_tasks.py").write_text(TASK_MODULE, encoding="utf-8")
    yield "my_tasks"
    sys.modules.pop("my_tasks", None)


@pytest.fixture
def write_rows(tmp_path):
    """`write_rows([{"prediction": "1"}])` writes a JSONL file and gives its path."""

    def write(rows, name="outputs.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def gsm8k_folder(tmp_path):
    """A folder with a small GSM8K, registered as `small_gsm8k`."""
    rows = [{"question": "1 + 1?", "answer": "1+1=2\n#### 2"}, {"question": "2000 / 2?", "answer": "Half.\n#### 1,000"}]
    for split in ("train", "test"):
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    gsm8k.register("small_gsm8k", tmp_path)
    return tmp_path
