"""The page "Coming from seqio" says what each library does with its examples, and each does that.

evalkit's half runs everywhere; seqio's needs an interpreter that has it, and a process of its own, since some of what
is shown outlives the example.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evalkit.compat import seqio
from tests.compat.differential import page, small_differences
from tests.compat.libraries import Libraries, needs_seqio
from tests.compat.surface import LEFT_OUT

PAGE = (Path(__file__).parents[2] / "docs" / "coming_from_seqio.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^#{2,3} (?P<title>.*?)$(?P<body>.*?)(?=^#{2,3} |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SIDE_BY_SIDE = re.compile(r"^\| seqio 0\.0\.20 \| evalkit \|\n\|---\|---\|\n(?P<rows>(?:\|.*\|\n)+)", re.MULTILINE)
TABLE = re.compile(
    r"^\| what \| seqio 0\.0\.20 \| evalkit \|\n\|---\|---\|---\|\n(?P<rows>(?:\|.*\|\n)+)", re.MULTILINE
)

BODIES = {match["title"]: match["body"] for match in SECTION.finditer(PAGE)}
BLOCKS = {title: BLOCK.findall(body) for title, body in BODIES.items()}
SHOWN = {
    title: [row.strip("| ").split(" | ") for row in found["rows"].splitlines()]
    for title, body in BODIES.items()
    if (found := SIDE_BY_SIDE.search(body))
}
SMALL = {
    what: (theirs, ours)
    for what, theirs, ours in (row.strip("| ").split(" | ") for row in TABLE.search(PAGE)["rows"].splitlines())
}


def by_title(printed: list[list[str]]) -> dict[str, list[str]]:
    """What the blocks of each section print, as they are printed one after the other."""
    titles = [title for title, blocks in BLOCKS.items() for _ in blocks]
    found: dict[str, list[str]] = {title: [] for title in titles}
    for title, lines in zip(titles, printed, strict=True):
        found[title] += lines
    return found


ALL_BLOCKS = [block for blocks in BLOCKS.values() for block in blocks]


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return by_title(page.run(seqio, ALL_BLOCKS, tmp_path_factory.mktemp("page")))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    peer = Libraries(tmp_path_factory.mktemp("peer"), names=["seqio"])
    yield {
        "page": by_title(peer.run("page", [ALL_BLOCKS], names=["seqio"])["seqio"][0]),
        "small": dict(zip(SMALL, peer.run("small_differences", list(SMALL), names=["seqio"])["seqio"], strict=True)),
    }
    peer.stop()


def test_every_example_says_what_both_print():
    definitions = {"The one line", "Wrong results without a word"}
    assert {title for title, blocks in BLOCKS.items() if blocks} - definitions == set(SHOWN)
    assert len(SHOWN) >= 18


@pytest.mark.parametrize("title", SHOWN)
def test_evalkit_prints_what_the_page_says(title, ours):
    assert [f"`{line}`" for line in ours[title]] == [mine for _, mine in SHOWN[title]]


@needs_seqio
@pytest.mark.parametrize("title", SHOWN)
def test_seqio_prints_what_the_page_says(title, theirs):
    assert [f"`{line}`" for line in theirs["page"][title]] == [peers for peers, _ in SHOWN[title]]


def test_every_smaller_difference_is_tried():
    assert list(SMALL) == list(small_differences.TRIALS)


@pytest.mark.parametrize("what", SMALL)
def test_evalkit_does_what_the_table_says(what, tmp_path):
    assert f"`{small_differences.run(seqio, what, tmp_path)}`" == SMALL[what][1]


@needs_seqio
@pytest.mark.parametrize("what", SMALL)
def test_seqio_does_what_the_table_says(what, theirs):
    assert f"`{theirs['small'][what]}`" == SMALL[what][0]


def test_what_is_left_out_is_listed_with_its_reason():
    listed = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", BODIES["Left out"], re.MULTILINE))
    assert listed == LEFT_OUT
