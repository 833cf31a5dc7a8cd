"""Tables for the terminal."""

from __future__ import annotations

import pytest

from evalkit.cli import table


def test_numbers_stand_to_the_right_and_text_to_the_left():
    assert table.render(["name", "n"], [["a", 5], ["long", 12]]).splitlines() == [
        "name   n",
        "----  --",
        "a      5",
        "long  12",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.21683, "0.2168"),
        (0.5, "0.5"),
        (1.0, "1"),
        (3, "3"),
        (float("nan"), "nan"),
        (1.5e9, "1.5e+09"),
        ("text", "text"),
        (True, "True"),
    ],
)
def test_cells(value, text):
    assert table.cell(value) == text


def test_a_table_without_rows_has_its_heading():
    assert table.render(["name", "n"], []).splitlines() == ["name  n", "----  -"]
