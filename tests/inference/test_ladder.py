"""The shapes that there are."""

from __future__ import annotations

import pytest

from evalkit.errors import ArgumentError, ArgumentTypeError
from evalkit.inference.ladder import Ladder


@pytest.mark.parametrize(
    ("max_length", "lengths"),
    [
        (1, (1,)),
        (8, (8,)),
        (20, (8, 16, 20)),
        (64, (8, 16, 24, 32, 40, 48, 56, 64)),
        (100, (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 100)),
    ],
)
def test_the_usual_lengths(max_length, lengths):
    assert Ladder.up_to(max_length).lengths == lengths


def test_a_longer_ladder_has_the_same_shapes():
    short, long = Ladder.up_to(512), Ladder.up_to(4096)
    assert set(short.lengths) <= set(long.lengths)
    assert len(long.lengths) < 40


def test_inputs_have_lengths_of_their_own():
    assert Ladder.up_to(64).input_lengths == ()
    assert Ladder.up_to(64, max_input_length=20).input_lengths == (8, 16, 20)


def test_row_counts_are_halved_and_rounded():
    assert Ladder((64,), token_budget=4096).row_counts(64) == (64, 32, 16, 8)
    assert Ladder((64,), token_budget=4096, row_multiple=24).row_counts(64) == (48, 24)
    assert Ladder((64,), token_budget=10, row_multiple=8).row_counts(64) == (8,)
    assert Ladder((64,), token_budget=10).row_counts(64) == (1,)


@pytest.mark.parametrize(("rows", "room"), [(1, 1), (2, 2), (3, 4), (9, 16), (64, 64), (65, 85), (200, 85)])
def test_few_rows_get_the_least_power_of_two(rows, room):
    assert Ladder((48,), token_budget=4096).fewest_rows(48, rows) == room


def test_a_limit_on_rows_holds_beside_the_budget():
    ladder = Ladder((8, 64), token_budget=256, max_rows=10)
    assert [ladder.most_rows(8), ladder.most_rows(64)] == [10, 4]
    assert Ladder((8,), token_budget=256, row_multiple=4, max_rows=2).most_rows(8) == 4  # a row for each device


def test_the_last_rows_on_several_devices():
    assert Ladder((64,), token_budget=4096, row_multiple=4).fewest_rows(64, 3) == 4


def test_length_for():
    ladder = Ladder((8, 64))
    assert [ladder.length_for(length) for length in (0, 8, 9, 64)] == [8, 8, 64, 64]
    with pytest.raises(ArgumentError, match="The longest length of the ladder is 64; asked for 65"):
        ladder.length_for(65)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"lengths": ()}, ArgumentError, "lengths must hold at least one length, found none"),
        ({"lengths": (8, 8)}, ArgumentError, r"lengths must ascend, found \(8, 8\)"),
        ({"lengths": (0, 8)}, ArgumentError, r"lengths\[0\] must be at least 1, found 0"),
        ({"lengths": (8,), "input_lengths": (9, 3)}, ArgumentError, r"input_lengths must ascend, found \(9, 3\)"),
        ({"lengths": (8.0,)}, ArgumentTypeError, r"lengths\[0\] must be a whole number, found 8.0"),
        ({"lengths": (8,), "token_budget": 0}, ArgumentError, "token_budget must be at least 1, found 0"),
        ({"lengths": (8,), "row_multiple": 0}, ArgumentError, "row_multiple must be at least 1, found 0"),
        ({"lengths": (8,), "max_shapes": 0}, ArgumentError, "max_shapes must be at least 1, found 0"),
    ],
)
def test_a_ladder_checks_itself(arguments, error, message):
    with pytest.raises(error, match=message):
        Ladder(**arguments)


@pytest.mark.parametrize(("name", "value"), [("max_length", 0), ("max_input_length", -1)])
def test_limits_are_checked(name, value):
    with pytest.raises(ArgumentError, match=f"{name} must be at least"):
        Ladder.up_to(**{"max_length": 8, name: value})
