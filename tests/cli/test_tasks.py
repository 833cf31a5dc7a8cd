"""`evalkit tasks list`, `evalkit tasks show` and `evalkit tasks where`."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.cli.show_task import shown

SCORED = 'add("successor_scored", [exact_match, mean_log_likelihood])'


def test_list_shows_ready_made_tasks_and_where_they_are_registered(evalkit_command):
    result = evalkit_command("tasks", "list")
    assert result.status == 0
    [line] = [line for line in result.out.splitlines() if line.startswith("gsm8k ")]
    assert "train, test" in line
    assert "graded_answers" in line
    assert "gsm8k.py:" in line


def test_list_shows_the_tasks_of_imported_modules(evalkit_command, task_module):
    result = evalkit_command("tasks", "list", f"--import={task_module}")
    assert "successor" in result.out
    assert "exact_match, mean_log_likelihood" in result.out


def test_list_keeps_the_names_with_a_part(evalkit_command, task_module):
    result = evalkit_command("tasks", "list", f"--import={task_module}", "successor_")
    assert "successor_scored" in result.out
    assert "gsm8k" not in result.out
    assert "3 tasks, 0 mixtures" in result.out


def test_show_goes_from_raw_to_converted(evalkit_command, task_module):
    result = evalkit_command("tasks", "show", "successor", f"--import={task_module}")
    assert result.status == 0, result.err
    sections = ["Task 'successor'", "Lengths in split 'validation'", ", raw:", ", tokenised:", ", converted by EncDec"]
    places = [result.out.index(section) for section in sections]
    assert places == sorted(places)
    assert "my_tasks.py:" in result.out
    assert "metric        exact_match of prediction" in result.out
    assert "'0 + 1 = '" in result.out  # raw
    assert "int32[2] 52 1" in result.out  # "1" as bytes, with EOS
    assert "decoder_target_tokens" in result.out


def test_show_measures_the_lengths(evalkit_command, task_module):
    result = evalkit_command("tasks", "show", "successor", f"--import={task_module}", "--num_examples=1")
    [line] = [line for line in result.out.splitlines() if line.startswith("inputs ")]
    assert line.split() == ["inputs", "3", "9", "9", "9", "9"]  # "0 + 1 = " and EOS, in three examples
    assert "Example 1" not in result.out


def test_show_takes_a_converter(evalkit_command, task_module):
    arguments = ("tasks", "show", "successor", f"--import={task_module}")
    result = evalkit_command(*arguments, "--converter=PrefixLMFeatureConverter")
    assert "decoder_causal_attention" in result.out
    result = evalkit_command(*arguments, "--converter=PrefixLM")
    assert result.status == 1
    assert (
        "No feature converter named 'PrefixLM' is registered. Nearest names: 'PrefixLMFeatureConverter'" in result.err
    )


def test_where_prints_the_lines_that_led_to_each_registration(evalkit_command, task_module, tmp_path):
    result = evalkit_command("tasks", "where", f"--import={task_module}", "successor_scored")
    assert result.status == 0, result.err
    header, line = result.out.splitlines()
    assert header == "name\ttype\tregistered at\tcalled from"  # the command line itself is no place
    module = (tmp_path / "my_tasks.py").read_text().splitlines()
    places = [f"{tmp_path}/my_tasks.py:{module.index(text) + 1}" for text in ("    TaskRegistry.add(", SCORED)]
    assert line.split("\t")[:4] == ["successor_scored", "Task", *places]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"caf\xc3\xa9", "'café'"),
        (np.array([1.5, 2.0], np.float32), "float32[2] 1.5 2.0"),
        (np.zeros((0,), np.int32), "int32[0] "),
        (np.int64(7), "np.int64(7)"),
    ],
)
def test_values_are_shown_in_a_line(value, text):
    assert shown(value) == text


def test_long_values_are_cut():
    assert len(shown(b"x" * 1000)) == 100
    assert shown(np.arange(1000)).endswith("…")
