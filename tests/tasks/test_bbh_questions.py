"""The files of BIG-Bench Hard: what is made of them, and what is wrong with them."""

from __future__ import annotations

import json
import os

import pytest

from evalkit.errors import ArgumentError, SourceError
from evalkit.tasks.bbh_questions import SHOTS, TEST, BbhDataSource, answers_of

ROWS = [{"input": f"not not {value} is", "target": str(value)} for value in (True, False, True, False)]


@pytest.fixture
def write(tmp_path):
    """Writes a file of the subject "logic", and gives its folder."""

    def write(content):
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "logic.json").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def read(source, split=TEST):
    return list(source.get_dataset(split, shuffle=False).as_numpy_iterator())


def test_a_question_offers_the_labels_of_its_options():
    assert answers_of("Which?\nOptions:\n(A) one (B)\n(B) two\n(C) three") == ["(A)", "(B)", "(C)"]
    assert answers_of("Options:\n(A) stand at the beginning of no text") == ["True", "False"]


def test_what_a_row_holds(write):
    rows = read(BbhDataSource("logic", write({"examples": ROWS})))
    assert [row["question"] for row in rows] == [0, 1, 2, 3]
    assert rows[1]["inputs"] == b"not not False is"
    assert rows[1]["targets"] == b"False"
    assert rows[1]["choices"].tolist() == [b"True", b"False"]


def test_shots_are_taken_from_the_beginning(write):
    source = BbhDataSource("logic", write({"examples": ROWS}), num_shots=1)
    assert source.splits == (SHOTS, TEST)
    assert [row["question"] for row in read(source, SHOTS)] == [0]
    assert [row["question"] for row in read(source)] == [1, 2, 3]


def test_the_fingerprint_is_of_the_file_and_the_split(write):
    folder = write({"examples": ROWS})
    source = BbhDataSource("logic", folder)
    before = source.fingerprint(TEST)
    assert BbhDataSource("logic", folder).fingerprint(TEST) == before
    shots = BbhDataSource("logic", folder, num_shots=1)
    assert len({before, shots.fingerprint(TEST), shots.fingerprint(SHOTS)}) == 3
    os.utime(folder / "logic.json", ns=(0, 0))
    assert source.fingerprint(TEST) != before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"logic\.json is not JSON: .*downloaded whole"),
        ([], r"logic\.json has no list 'examples'"),
        ({"examples": {}}, r"logic\.json has no list 'examples'"),
        ({"examples": [ROWS[0], "text"]}, r"logic\.json, example 1 must be an object with .*found 'text'"),
        ({"examples": [{"input": "not True is"}]}, r"example 0 must be an object with the texts 'input' and 'target'"),
        ({"examples": [{"input": 1, "target": "True"}]}, r"example 0 must be an object"),
        ({"examples": [{"input": "True is", "target": "(A)"}]}, r"example 0: the target '\(A\)' .*offers True, False"),
        ({"examples": [{"input": "?\nOptions:\n(A) x", "target": "(A)"}]}, r"at least two .*offers \(A\)"),
        ({"examples": [{"input": "?\nOptions:\n- x", "target": "x"}]}, "offers none"),
        ({"examples": [{"input": "?\nOptions:\n(A) x\n(A) y", "target": "(A)"}]}, r"different .*offers \(A\), \(A\)"),
        ({"examples": []}, "has 0 examples, which leaves none to ask after 0 shots"),
    ],
)
def test_a_file_that_is_none_is_named(write, content, message):
    with pytest.raises(SourceError, match=message):
        read(BbhDataSource("logic", write(content)))


def test_more_shots_than_questions(write):
    with pytest.raises(SourceError, match="has 4 examples, which leaves none to ask after 4 shots"):
        read(BbhDataSource("logic", write({"examples": ROWS}), num_shots=4))
    with pytest.raises(ArgumentError, match="num_shots must be at least 0, found -1"):
        BbhDataSource("logic", None, num_shots=-1)


def test_a_file_or_a_split_that_is_missing(tmp_path):
    with pytest.raises(SourceError, match=r"logic\.json cannot be read: .*BBH_DIR"):
        read(BbhDataSource("logic", tmp_path))
    with pytest.raises(SourceError, match=r"Nobody said where logic\.json of BIG-Bench Hard is"):
        read(BbhDataSource("logic", None))
    with pytest.raises(ArgumentError, match="no split 'train'; it has 'test'"):
        BbhDataSource("logic", tmp_path).list_shards("train")
