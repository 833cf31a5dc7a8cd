"""Stop strings are found in the text."""

from __future__ import annotations

import pytest

from evalkit.errors import ArgumentError
from evalkit.inference.stop_strings import StopStrings


def as_bytes(ids):
    return bytes(ids).decode(errors="replace")


def test_a_string_over_several_tokens_and_in_the_midst_of_one():
    pieces = ["Answ", "er: 4", "\n", "\nQ", ": 5"]
    stop = StopStrings(("\n\n", "zz"), lambda ids: "".join(pieces[token] for token in ids))
    assert stop.first_end([0, 1, 2, 3, 4]) == 4
    assert stop.first_end([0, 1, 2, 3, 4], known=3) == 4
    assert stop.first_end([0, 1, 2]) is None
    assert stop.cut("Answer: 4\n\nQ: 5zz") == "Answer: 4"
    assert stop.cut("Answer: 4") == "Answer: 4"


def test_unfinished_characters_are_no_stop():
    stop = StopStrings(("é",), as_bytes)
    assert stop.first_end(list("abé".encode()[:3])) is None
    assert stop.first_end(list("abéd".encode())) == 4


def test_without_strings_there_is_nothing_to_find():
    assert StopStrings(()).first_end([1, 2]) is None
    assert StopStrings((), as_bytes).text([104, 105]) == "hi"


def test_strings_need_something_that_decodes():
    with pytest.raises(ArgumentError, match=r"stop_strings \('a',\) are looked for in text: give decode_fn"):
        StopStrings(("a",))
