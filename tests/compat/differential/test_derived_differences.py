"""Where few-shot, truncated and derived tasks differ from seqio's, on purpose."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compat.differential.derived_cases import Case
from tests.compat.libraries import needs_seqio

pytestmark = needs_seqio

READ_IN_ORDER = {"split": "train", "shuffle": False, "seed": 1}


@pytest.fixture(scope="module")
def both(libraries):
    """What evalkit and seqio give for a case."""

    def run(kind: str, **case: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        whole: Case = {"kind": kind, "rows": {"train": 8, "test": 8}, "reading": READ_IN_ORDER, "shard": [0, 1], **case}
        found = libraries.run("derived_tasks", [whole])
        return found["evalkit"][0], found["seqio"][0]

    return run


def inputs(result: dict[str, Any]) -> list[list[int]]:
    return [example["inputs"][2] for example in result["examples"]]


WHOLE = {"class": "Timed", "metric_objs": 1, "metric_fns": 1, "shuffle_buffer_size": 7, "source_info": True}


@pytest.mark.parametrize(
    ("derivation", "lost"),
    [
        (
            ("helpers", "mixture_or_task_with_new_vocab", {"new_mixture_or_task_name": "new", "vocabulary": True}),
            {"class": "Task", "metric_objs": 0},
        ),
        (
            (
                "helpers",
                "mixture_or_task_with_truncated_data",
                {"new_mixture_or_task_name": "new", "split_sizes": {"train": 2}},
            ),
            {"class": "Task", "source_info": False},
        ),
        (
            ("experimental", "add_fully_cached_task", {"sequence_length": {"inputs": 3}}),
            {"class": "Task", "metric_objs": 0, "shuffle_buffer_size": 1000, "source_info": False},
        ),
        (
            ("experimental", "add_task_with_sentinels", {}),
            {"class": "Task", "metric_objs": 0, "shuffle_buffer_size": 1000, "source_info": False},
        ),
    ],
)
def test_no_part_of_a_task_is_lost(both, derivation, lost):
    ours, theirs = both("parts", derivation=derivation)
    assert (ours, theirs) == (WHOLE, {**WHOLE, **lost})


def test_all_shards_together_have_as_many_examples_as_were_asked_for(both):
    shards = [both("truncated_files", sizes={"train": 3}, shard=[index, 2]) for index in range(2)]
    assert [sum(len(shard[library]["examples"]) for shard in shards) for library in (0, 1)] == [3, 6]


def test_truncated_examples_are_shuffled_with_the_seed(both):
    shuffled = {**READ_IN_ORDER, "shuffle": True}
    first, second = (
        both("truncated", sizes={"train": 100}, rows={"train": 60, "test": 1}, reading=shuffled) for _ in "ab"
    )
    assert inputs(first[0]) == inputs(second[0])
    assert inputs(first[1]) != inputs(second[1])


def test_no_target_is_cut_in_the_middle_for_sentinels(both):
    """Targets may have two sentinels, two tokens and EOS; row 104 has the six tokens from 104 on."""
    ours, theirs = (
        result["examples"][4]["targets"][2]
        for result in both(
            "sentinels", name="task", number=2, ending="append_eos_after_trim", lengths={"inputs": 12, "targets": 5}
        )
    )
    assert (ours, theirs) == ([499, 498, 104, 105, 1], [499, 498, 108, 109, 1])


def test_nested_mixtures_are_cached_too(both):
    assert both("nested_fully_cached") == ({"rates": [3.0]}, {"error": "KeyError"})


def test_an_empty_training_split_is_no_empty_evaluation(both):
    source = {"num_shots": 2, "shuffle_buffer_size": 10, "eval_on_fixed_exemplars": False}
    reading = {**READ_IN_ORDER, "split": "test"}
    ours, theirs = both("fewshot", rows={"train": 0, "test": 5}, source=source, prompt={}, reading=reading)
    assert (ours["error"], ours["while"], theirs["examples"]) == ("ValueError", "building", [])
