"""`evalkit score`: saved outputs are matched with examples and judged, or the line that does not fit is named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest


@pytest.fixture
def score(evalkit_command, task_module):
    """`score(path, "--flag")` judges a file with the task of three examples (0 + 1, 1 + 1, 2 + 1)."""

    def run(path, *arguments, task="successor"):
        return evalkit_command(
            "score", f"--import={task_module}", f"--task={task}", f"--predictions={path}", *arguments
        )

    return run


def value_of(metric, out):
    [line] = [line for line in out.splitlines() if line.startswith(f"{metric} ")]
    return line.split()[1]


def test_rows_in_order(score, write_rows):
    result = score(write_rows([{"prediction": "1"}, {"prediction": "2"}, {"prediction": "5"}]))
    assert result.status == 0, result.err
    assert "3 examples" in result.out
    assert value_of("exact_match", result.out) == "0.6667"


def test_results_are_written_and_the_place_is_said(score, write_rows, tmp_path):
    result = score(
        write_rows([{"prediction": "1"}, {"prediction": "2"}, {"prediction": "5"}]), "--log_dir=here", "--step=7"
    )
    metrics = json.loads((tmp_path / "here/successor-metrics.jsonl").read_text(encoding="utf-8"))
    assert metrics == {"step": 7, "exact_match": 2 / 3}
    rows = [json.loads(line) for line in (tmp_path / "here/successor-000007.jsonl").read_text().splitlines()]
    assert [row["prediction"] for row in rows] == ["1", "2", "5"]
    assert [row["target"] for row in rows] == ["1", "2", "3"]
    assert list(Path(tmp_path / "here").rglob("events.out.tfevents.*"))
    assert "here/successor-metrics.jsonl" in result.out
    assert "here/successor-000007.jsonl" in result.out
    assert result.out.strip().endswith("tensorboard --logdir here")


def test_without_log_dir_results_go_to_runs(score, write_rows, tmp_path):
    score(write_rows([{"prediction": "1"}] * 3))
    assert (tmp_path / "runs/score/successor/successor-metrics.jsonl").exists()


def test_rows_by_index(score, write_rows):
    rows = [{"id": 2, "prediction": "3"}, {"id": 0, "prediction": "1"}, {"id": 1, "prediction": "2"}]
    assert value_of("exact_match", score(write_rows(rows), "--index_field=id").out) == "1"


def test_a_field_within_a_field(score, write_rows):
    rows = [{"6b_finetuning": {"solution": str(n + 1)}} for n in range(3)]
    assert value_of("exact_match", score(write_rows(rows), "--field=6b_finetuning.solution").out) == "1"


def test_a_name_with_a_dot_is_a_field_first(score, write_rows):
    rows = [{"a.b": str(n + 1), "a": {"b": "wrong"}} for n in range(3)]
    assert value_of("exact_match", score(write_rows(rows), "--field=a.b").out) == "1"


def test_token_ids_are_decoded(score, write_rows):
    rows = [{"prediction": [ord(str(n + 1)) + 3, 1, 0, 0]} for n in range(3)]
    assert value_of("exact_match", score(write_rows(rows)).out) == "1"


def test_only_the_first_examples(score, write_rows):
    assert value_of("exact_match", score(write_rows([{"prediction": "1"}]), "--num_examples=1").out) == "1"


def test_empty_lines_are_skipped(score, tmp_path):
    (tmp_path / "outputs.jsonl").write_text('{"prediction": "1"}\n\n{"prediction": "2"}\n{"prediction": "3"}\n\n')
    assert value_of("exact_match", score(tmp_path / "outputs.jsonl").out) == "1"


def test_scores_are_judged_where_there_are_some(score, write_rows):
    rows = [{"prediction": "1", "score": -float(n)} for n in range(3)]
    result = score(write_rows(rows), "--score_field=score", task="successor_scored")
    assert value_of("mean_log_likelihood", result.out) == "-1"
    assert "Left out" not in result.out


def test_metrics_of_scores_are_left_out_where_there_are_none_and_it_is_said(score, write_rows):
    result = score(write_rows([{"prediction": "1"}] * 3), task="successor_scored")
    assert value_of("exact_match", result.out) == "0.3333"
    assert "Left out: mean_log_likelihood" in result.out


def test_a_task_that_the_file_cannot_answer(score, write_rows):
    result = score(write_rows([{"prediction": "1"}] * 3), task="successor_only_scored")
    assert result.status == 1
    assert "no metric that this file can answer: mean_log_likelihood" in result.err


def test_the_split_is_found_or_asked_for(score, evalkit_command, write_rows, gsm8k_folder):
    path = write_rows([{"prediction": "A: 2"}, {"prediction": "A: 1000"}])
    result = evalkit_command("score", "--task=small_gsm8k", f"--predictions={path}")
    assert "split 'test'" in result.out
    assert value_of("accuracy", result.out) == "1"
    result = score(write_rows([{"prediction": "1"}] * 3), task="successor_to_train")
    assert result.status == 1
    assert "has neither of the splits validation and test, but ['dev', 'train']; say which with --split" in result.err


# --- what does not fit -----------------------------------------------------------------------------------------------

GOOD = [{"prediction": "1", "id": n} for n in range(3)]


@pytest.mark.parametrize(
    ("rows", "arguments", "message"),
    [
        (GOOD[:2], (), r"has 2 rows for 3 examples. Give a row for each example"),
        (GOOD * 2, (), r"has 6 rows for 3 examples"),
        (
            [{"prediction": "1"}, {"other": {"deep": "2"}}],
            (),
            r"outputs.jsonl:2: there is no field 'prediction'; the row has other.deep",
        ),
        ([{"prediction": None}], (), r"outputs.jsonl:1: field 'prediction' is NoneType 'None'; expected text"),
        ([{"prediction": 5}], (), r"outputs.jsonl:1: field 'prediction' is int '5'; expected text"),
        (GOOD, ("--index_field=nr",), r"outputs.jsonl:1: there is no field 'nr'; the row has prediction, id"),
        (
            [{"id": "0", "prediction": ""}],
            ("--index_field=id",),
            r"outputs.jsonl:1: field 'id' is str '0'; expected the index",
        ),
        ([{"id": True, "prediction": ""}], ("--index_field=id",), r"field 'id' is bool 'True'"),
        ([*GOOD, GOOD[1]], ("--index_field=id",), r"outputs.jsonl:4: index 1 is there twice, first in line 2"),
        ([{"id": 3, "prediction": ""}], ("--index_field=id",), r"outputs.jsonl:1: index 3 is foreign: .* 0 to 2"),
        ([{"id": -1, "prediction": ""}], ("--index_field=id",), r"outputs.jsonl:1: index -1 is foreign"),
        (GOOD[1:2], ("--index_field=id",), r"2 of 3 examples are missing: indices 0, 2"),
        (GOOD, ("--split=no",), r"has no split 'no', but \['validation'\]"),
    ],
)
def test_rows_that_do_not_fit_are_named(score, write_rows, rows, arguments, message):
    padding = [{"prediction": "1"}] * (3 - len(rows)) if not arguments and "rows for" not in message else []
    result = score(write_rows([*rows, *padding]), *arguments)
    assert result.status == 1
    assert re.search(message, result.err), result.err


def test_scores_must_be_numbers(score, write_rows):
    rows = [{"prediction": "1", "score": "low"}] * 3
    result = score(write_rows(rows), "--score_field=score", task="successor_scored")
    assert "outputs.jsonl:1: field 'score' is str 'low'; expected a number" in result.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"prediction": "1"}\n{"prediction": \n', "outputs.jsonl:2: not JSON"),
        (b'{"prediction": "\xff"}\n', "outputs.jsonl:1: not JSON"),
        (b'"text"\n', "outputs.jsonl:1: str instead of a JSON object"),
        (b"", "has no rows; expected a JSON object a line"),
    ],
)
def test_files_that_are_no_jsonl(score, tmp_path, content, message):
    (tmp_path / "outputs.jsonl").write_bytes(content)
    result = score(tmp_path / "outputs.jsonl")
    assert result.status == 1
    assert message in result.err


def test_a_file_that_is_not_there(score):
    result = score("nowhere.jsonl")
    assert result.status == 1
    assert "Cannot read the predictions in 'nowhere.jsonl': No such file or directory." in result.err
