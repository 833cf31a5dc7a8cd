"""What the documentation shows is run, and what it lists exists."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

import pytest

from evalkit import errors
from evalkit.cli.main import COMMANDS, usage

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of `page` in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)
    for name, test in names.items():
        if name.startswith("test_") and callable(test):
            test()


def test_the_example_in_the_readme_gives_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    block, *_ = blocks(ROOT / "README.md", "python")
    exec(compile(block, "README.md", "exec"), {})
    printed = capsys.readouterr().out.strip()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"This prints `{printed}`" in readme
    for file in ("capitals-metrics.jsonl", "capitals-000100.jsonl"):
        assert file in readme
        assert (tmp_path / "runs/capitals" / file).stat().st_size > 0


def test_the_example_in_the_readme_is_short():
    block, *_ = blocks(ROOT / "README.md", "python")
    assert len([line for line in block.splitlines() if line.strip()]) <= 36


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_make_targets_of_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in PAGES:
        for block in blocks(page, r"\w*"):
            for target in re.findall(r"^make (\w+)", block, re.MULTILINE):
                assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_error_is_explained():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.EvalkitError)]
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    assert not [kind.__name__ for kind in kinds if f"`{kind.__name__}`" not in page and kind is not errors.EvalkitError]


def test_every_error_is_the_builtin_that_the_page_says():
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", (ROOT / "docs/errors.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows
    for kind, builtin in rows:
        assert issubclass(getattr(errors, kind), getattr(builtins, builtin))


def test_every_command_is_explained():
    page = (ROOT / "docs/command_line.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"## evalkit {command}" in page
        assert command in usage()
