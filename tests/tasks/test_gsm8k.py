"""GSM8K: what counts as a final answer, and the verdicts that its authors published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import evalkit
from evalkit.errors import DuplicateNameError, SourceError
from evalkit.tasks import gsm8k
from evalkit.testing import check_task, run_task

SHARED = Path(__file__).parents[3] / "shared/data/gsm8k"

# Real problems of the test set, with the last lines of their solutions.
PROBLEMS = [
    {"question": "How much in dollars does she make every day?", "answer": "She makes 9 * 2 = $<<9*2=18>>18.\n#### 18"},
    {"question": "How many bolts in total does it take?", "answer": "2+1=<<2+1=3>>3 bolts of fabric\n#### 3"},
    {"question": "How much profit did he make?", "answer": "He made 200000-130000=$70000\n#### 70,000"},
    {"question": "How many degrees is it below zero?", "answer": "It fell to -7.\n#### -7"},
]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("#### 18", "18"),
        ("Some steps.\nA: 18", "18"),
        ("  A: 18", "18"),
        ("####18", "18"),
        ("A: 65,960", "65960"),  # published: equal to 65960
        ("A: 3.0", "3"),
        ("A: 0.50", "0.5"),
        ("A: .5", "0.5"),
        ("A: 007", "7"),
        ("A: $18", "18"),
        ("A: -$18", "-18"),
        ("A: $-18", "-18"),
        ("A: -0", "0"),
        ("A: 18.", "18"),
        ("A: 18 dollars", "18"),
        ("A: 18%", "18"),
        ("A: 1\nA: 2", "2"),  # the last marker counts
        ("#### 1\nA: 2", "2"),
        (f"A: {'1' * 60}", "1" * 60),
    ],
)
def test_the_number_after_the_last_marker_is_the_final_answer(text, answer):
    assert gsm8k.final_answer(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The answer is 18.",  # no marker
        "Plan A: 18",  # not at the beginning of a line
        "A:",
        "A: none",
        "A: 7/14",  # published: wrong
        "A: 10+John's age",  # published: wrong
        "A: -1.8 billion",  # published: wrong
        "A: 1\nA: unknown",  # a marker without a number does not bring back an earlier one
        "A: 1.2.3",
        "A: ,",
        "A: .",
    ],
)
def test_anything_else_is_unparsed(text):
    assert gsm8k.final_answer(text) is None


def test_a_target_must_have_a_final_answer():
    with pytest.raises(SourceError, match="no final answer; expected '#### '"):
        gsm8k.extract_answer("It is 18.", is_target=True)
    assert gsm8k.extract_answer("It is 18.", is_target=False) is None


@pytest.fixture
def data_dir(tmp_path):
    for split in ("train", "test"):
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PROBLEMS), encoding="utf-8")
    return tmp_path


def test_a_folder_is_read(data_dir):
    task = gsm8k.register("my_gsm8k", data_dir)
    assert set(task.splits) == {"train", "test"}
    vocabulary = task.output_features["targets"].vocabulary
    examples = list(task.get_dataset(split="test", shuffle=False).as_numpy_iterator())
    assert [vocabulary.decode(example["targets"].tolist()) for example in examples] == [
        row["answer"] for row in PROBLEMS
    ]
    assert vocabulary.decode(examples[0]["inputs"].tolist()) == PROBLEMS[0]["question"]


def test_a_name_is_taken_once(data_dir):
    gsm8k.register("my_gsm8k", data_dir)
    with pytest.raises(DuplicateNameError, match="my_gsm8k"):
        gsm8k.register("my_gsm8k", data_dir)


def evaluate(data_dir, outputs):
    """The metrics and the verdicts for `outputs`, one text for each problem of the test set."""
    task = gsm8k.register("judged", data_dir)
    with evalkit.Evaluator(task, evalkit.EncDecFeatureConverter(pack=False), eval_split="test") as evaluator:
        future, _ = evaluator.evaluate(predict_fn=lambda dataset: list(enumerate(outputs)))
        return future.result()["judged"]


def test_it_keeps_what_every_task_must():
    run = check_task("gsm8k", PROBLEMS, target_metrics={"accuracy": 1.0, "unparsed": 0, "n": len(PROBLEMS)})
    assert run.metrics["correct"] == len(PROBLEMS)


def test_a_folder_keeps_it_too(data_dir):
    task = gsm8k.register("my_gsm8k", data_dir)
    for split in task.splits:
        check_task(task, split=split, target_metrics={"accuracy": 1.0})


def test_a_row_becomes_ids_and_outputs_are_judged():
    expected = [{"inputs": row["question"], "targets": row["answer"]} for row in PROBLEMS]
    run = run_task("gsm8k", PROBLEMS, expected=expected, predictions=["A: 18", "A: 4", "#### $70000", "I do not know"])
    assert run.metrics["accuracy"] == 0.5
    assert (run.metrics["correct"], run.metrics["wrong"], run.metrics["unparsed"], run.metrics["n"]) == (2, 1, 1, 4)


@pytest.fixture(scope="module")
def published():
    if not SHARED.exists():
        pytest.skip(f"the published outputs are not at {SHARED}")
    lines = (SHARED / "example_model_solutions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def answers():
    if not SHARED.exists():
        pytest.skip(f"the test set is not at {SHARED}")
    lines = (SHARED / "test.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["answer"] for line in lines]


# 458 / 1319 is 0.34723…
@pytest.mark.parametrize(
    ("model", "correct", "accuracy"),
    [
        ("6b_finetuning", 286, 0.2168),
        ("6b_verification", 515, 0.3904),
        ("175b_finetuning", 458, 0.3472),
        ("175b_verification", 742, 0.5625),
    ],
)
def test_every_published_verdict_comes_out(published, answers, model, correct, accuracy):
    outputs = [row[model]["solution"] for row in published]
    expected = [row[model]["is_correct"] for row in published]
    verdicts = [
        gsm8k.final_answer(output) == gsm8k.final_answer(answer)
        for output, answer in zip(outputs, answers, strict=True)
    ]
    assert verdicts == expected
    metrics = evaluate(SHARED, outputs)
    assert metrics["correct"] == correct
    assert metrics["n"] == 1319
    assert round(metrics["accuracy"], 4) == accuracy
