from __future__ import annotations

import numpy as np
import pytest

from evalkit.columns import Ragged
from evalkit.errors import RowError
from evalkit.inference.model import Model
from evalkit.inference.spans import Rows, check_ids, check_rows, rectangle, slices
from tests.inference.models import small_model


def test_a_span_goes_to_the_end_of_its_row_unless_said_otherwise():
    rows = Rows.of([[1, 2, 3, 4], [5, 6]], starts=[2, 1])
    assert rows.ends.tolist() == [4, 2]
    assert rows.counts.tolist() == [2, 1]
    assert Rows.of([[1, 2, 3, 4]], starts=[1], ends=[2]).fed_lengths.tolist() == [1]


def test_there_may_be_no_rows():
    assert len(Rows.of([], starts=[])) == 0


@pytest.mark.parametrize(
    ("tokens", "starts", "ends", "message"),
    [
        ([[1, 2], [3]], [1, 1], None, r"Row 1 of 2: its span \[1, 1\) of 1 tokens is empty"),
        ([[1, 2]], [0], None, "begins at its first token, which nothing predicts; begin the row with BOS"),
        ([[1, 2]], [1], [3], "ends behind the end of the row"),
        ([[1, 2], [1, 2], [1, 2]], [1, 0, 0], None, "Row 1 of 3.*1 more rows are like it"),
        ([[1, 2]], [1, 1], None, "as many starts as rows, 1; found 2"),
        ([[1, 2]], [1], [2, 2], "as many ends as rows, 1; found 2"),
    ],
)
def test_spans_that_cannot_be_scored(tokens, starts, ends, message):
    with pytest.raises(RowError, match=message):
        Rows.of(tokens, starts, ends)


def test_as_many_inputs_as_rows():
    with pytest.raises(RowError, match="as many inputs as rows, 1; found 2"):
        Rows.of([[1, 2]], [1], inputs=[[1], [2]])


def model(**changes) -> Model:
    return Model(lambda params, tokens: tokens, vocab_size=10, max_length=8, **changes)


@pytest.mark.parametrize("wrong", [-1, 10])
def test_ids_outside_the_vocabulary(wrong):
    rows = Rows.of([[1, 2], [3, 4, wrong], [wrong, 1]], starts=[1, 1, 1])
    with pytest.raises(
        RowError, match=rf"Row 1 of 3: tokens\[2\] is {wrong}, and the ids of the model are 0 to 9. 1 more"
    ):
        check_rows(rows, model())


def test_ids_in_rows_behind_empty_ones():
    with pytest.raises(RowError, match=r"Row 2 of 3: inputs\[0\] is 10"):
        check_ids("inputs", Ragged.from_rows([[1], [], [10]]), 10)


def test_inputs_and_an_encoder_belong_together():
    rows = Rows.of([[1, 2]], [1], inputs=[[1]])
    with pytest.raises(RowError, match="The rows have inputs, and the model has no encoder"):
        check_rows(rows, model())
    with_encoder = small_model("encoder_decoder").model
    with pytest.raises(RowError, match="The rows have no inputs, and the model has an encoder"):
        check_rows(Rows.of([[1, 2]], [1]), with_encoder)
    with pytest.raises(RowError, match=r"Row 1 of 2: inputs\[0\] is 99"):
        check_rows(Rows.of([[1, 2]] * 2, [1, 1], inputs=[[1], [99]]), with_encoder)
    with pytest.raises(RowError, match="Row 1 of 2 has no inputs to encode"):
        check_rows(Rows.of([[1, 2]] * 2, [1, 1], inputs=[[1], []]), with_encoder)


def test_slices_of_nothing():
    nothing = np.zeros(0, np.int64)
    found = slices(Ragged.from_rows([[1, 2]]), nothing, nothing, nothing)
    assert found.num_rows == 0
    assert rectangle(found, 3, 0).shape == (0, 3)
