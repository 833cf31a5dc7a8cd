"""Several processes find out whether they do the same."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.errors import RowError
from evalkit.inference.agreement import all_alike
from tests.inference.processes import Raised, run_processes

MODULE = "tests.inference.sharded"


def test_one_process_agrees_with_itself():
    with all_alike("rows") as same:
        same(np.arange(3))
    with pytest.raises(RowError, match="Row 3"), all_alike("rows"):
        raise RowError("Row 3")


def test_processes_that_have_the_same():
    assert run_processes(f"{MODULE}:agree", processes=2) == ["agreed", "agreed"]


def test_processes_that_disagree_raise_everywhere():
    results = run_processes(f"{MODULE}:disagree", processes=3)
    assert len({raised.message for raised in results}) == 1
    assert results[0].error == "ProcessError"
    assert results[0].message.startswith("The processes do not have the same rows to be scored: processes [0, 1] have ")
    assert "; processes [2] have " in results[0].message


@pytest.mark.parametrize("failing", [0, 1])
def test_what_one_raises_reaches_all(failing):
    results = run_processes(f"{MODULE}:one_fails", failing, processes=2)
    own, other = results[failing], results[1 - failing]
    assert own == Raised("RowError", f"Row 3 has 70 tokens{'!' * 2000}")
    assert other.error == "ProcessError"
    beginning = f"Another process failed, and this one stops with it (reading rows). Of 2, process {failing}: RowError"
    assert other.message.startswith(f"{beginning}: Row 3 has 70 tokens!!!")
    assert len(other.message) < 1200
