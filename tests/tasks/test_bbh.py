"""BIG-Bench Hard: what counts as an answer, the verdicts, and the choices."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evalkit
from evalkit.errors import DuplicateNameError, SourceError
from evalkit.tasks import bbh
from evalkit.testing import check_task, run_task

SHARED = Path(__file__).parents[3] / "shared/data/bbh"

QUESTIONS = [
    {"input": "The cup is left of the jug. Which is left?\nOptions:\n(A) The cup\n(B) The jug", "target": "(A)"},
    {"input": "It is Monday. What is tomorrow?\nOptions:\n(A) Sunday\n(B) Friday\n(C) Tuesday", "target": "(C)"},
    {"input": "The ant is above the bee. Which is below?\nOptions:\n(A) The ant\n(B) The bee", "target": "(B)"},
]
EXPRESSIONS = [{"input": "not ( False ) is", "target": "True"}, {"input": "True and False is", "target": "False"}]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Let's think. So the answer is (B).", "(B)"),
        ("The answer is B.", "(B)"),
        ("The answer is B) The jug", "(B)"),
        ("The answer is (B) The jug, since it is right.", "(B)"),
        ("the correct Answer is:\n\n(C)", "(C)"),
        ("**Answer: (B)**", "(B)"),
        ("The answer is **B**", "(B)"),
        ("The answer is (A). No, the answer is (B).", "(B)"),  # the last one counts
        ("The answer is True.", "True"),
        ('the answer is "false"', "False"),
        ("The answer is True. Not is applied first.", "True"),
        ("(B)", "(B)"),
        (" (B)\n\nQ: What else?\nA: (C)", "(B)"),
        ("B", "(B)"),
        ("True", "True"),
        (" FALSE.\nBecause not True is False.", "False"),
        ("The answer is (B).\nQ: Another?\nA: the answer is (C).", "(B)"),
    ],
)
def test_what_is_an_answer(text, answer):
    assert bbh.final_answer(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "(B) The jug",  # without "the answer is" nothing else may stand in the line
        "(A) is wrong, (B) is right",
        "A cup",
        "not ( True ) is False",
        "The answer is (A) or (B).",
        "The answer is A) or B)",
        "The answer is not (A).",
        "The answer is A cup.",
        "The answer is b.",
        "The answer is True or False.",
        "The answer is Trueish",
        "The answer is",
        "The answer is (A). But no, the answer is unknown.",  # an earlier one is not brought back
        "My answers are (A).",
        "I think.\n(B)",
        "Q: What else?\nA: (B)",
    ],
)
def test_anything_else_is_unparsed(text):
    assert bbh.final_answer(text) is None


@given(st.text(alphabet="ABtrueTRUEfals answi()Q:.*\n", max_size=60))
@settings(max_examples=200, deadline=None)
def test_what_is_found_is_written_as_in_the_data(text):
    answer = bbh.final_answer(text)
    assert answer in (None, "True", "False") or (len(answer) == 3 and answer == f"({answer[1].upper()})")
    if answer is not None:
        assert bbh.final_answer(answer) == answer
        assert bbh.final_answer(f"So the answer is {answer}.") == answer


@pytest.fixture
def data_dir(tmp_path):
    for subject, rows in (("objects", QUESTIONS), ("expressions", EXPRESSIONS)):
        (tmp_path / f"{subject}.json").write_text(json.dumps({"canary": "…", "examples": rows}), encoding="utf-8")
    return tmp_path


def evaluate(task, **model_fns):
    """The metrics of a model, by the real Evaluator."""
    with evalkit.Evaluator(task, evalkit.EncDecFeatureConverter(pack=False), eval_split="test") as evaluator:
        future, _ = evaluator.evaluate(**model_fns)
        return future.result()[task.name]


def answers(texts):
    """A model that gives the ids of these texts."""
    ids = [evalkit.ByteVocabulary().encode(text) for text in texts]
    return lambda dataset: list(enumerate(ids))


def test_every_example_gets_its_verdict(data_dir):
    task = bbh.register("objects", "objects", data_dir)
    counts = ("correct", "wrong", "unparsed", "n")
    for outputs, expected in (
        ([f"So the answer is {row['target']}." for row in QUESTIONS], (3, 0, 0, 3)),
        ([" (B)", " (B)", " (A)"], (0, 3, 0, 3)),
        (["I do not know.", "", "The answer is (A) or (C)."], (0, 0, 3, 3)),
        (["(A)", "(A)", "No idea"], (1, 1, 1, 3)),
        (["(A)", "True", "(Z)"], (1, 2, 0, 3)),
    ):
        metrics = evaluate(task, predict_fn=answers(outputs))
        assert tuple(metrics[count] for count in counts) == expected
        assert metrics["accuracy"] == expected[0] / 3


def test_choices_are_examples_that_name_their_question(data_dir):
    run = check_task(bbh.register_choices("objects_choices", "objects", data_dir))
    assert [(int(row["question"]), bool(row["is_correct"]), row["targets_pretokenized"]) for row in run.examples] == [
        (0, True, b" (A)"),
        (0, False, b" (B)"),
        (1, False, b" (A)"),
        (1, False, b" (B)"),
        (1, True, b" (C)"),
        (2, False, b" (A)"),
        (2, True, b" (B)"),
    ]
    assert {row["inputs_pretokenized"].decode() for row in run.examples} == {
        f"Q: {row['input']}\nA:" for row in QUESTIONS
    }
    assert run.metrics["multiple_choice_accuracy"] == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 3)  # equal scores: chance


def test_the_best_score_is_the_choice(data_dir):
    task = bbh.register_choices("objects_choices", "objects", data_dir)
    right = [0, -5, -5, -5, 0, -5, 0]
    for scores, accuracy in (
        (right, 1.0),
        ([-5 - score for score in right], 0.0),
        ([-1, -5, -1, -5, -5, -5, -1], 2 / 3),
    ):
        metrics = evaluate(task, score_fn=lambda dataset, scores=scores: list(enumerate(map(float, scores))))
        assert metrics["multiple_choice_accuracy"] == pytest.approx(accuracy)
        assert metrics["multiple_choice_accuracy_by_length"] == pytest.approx(accuracy)


def test_true_and_false_are_choices_of_different_lengths(data_dir):
    task = bbh.register_choices("expressions_choices", "expressions", data_dir)
    scores = [-4.0, -4.5, -4.0, -4.5]  # True, False for each; for a byte of False -0.9, for one of True -1
    metrics = evaluate(task, score_fn=lambda dataset: list(enumerate(scores)))
    assert metrics == {"multiple_choice_accuracy": 0.5, "multiple_choice_accuracy_by_length": 0.5}
    assert bbh.choice_of(" False", {"question": 1, "is_correct": True}) == (1, True, 5)


def test_a_score_that_is_none_is_refused(data_dir):
    task = bbh.register_choices("expressions_choices", "expressions", data_dir)
    with pytest.raises(evalkit.errors.EvaluationError, match="expressions_choices"):
        evaluate(task, score_fn=lambda dataset: list(enumerate([-1.0, math.nan, -1.0, -1.0])))


def test_shots_are_not_asked(data_dir):
    task = bbh.register("objects_1_shot", "objects", data_dir, num_shots=1)
    examples = list(task.get_dataset(split="test", shuffle=False).as_numpy_iterator())
    shot = f"Q: {QUESTIONS[0]['input']}\nA: (A)\n\n"
    assert [example["inputs_pretokenized"].decode() for example in examples] == [
        f"{shot}Q: {row['input']}\nA:" for row in QUESTIONS[1:]
    ]
    choices = bbh.register_choices("objects_1_shot_choices", "objects", data_dir, num_shots=1)
    run = check_task(choices, split="test")
    assert len(run.examples) == 5
    assert all(example["inputs_pretokenized"].decode().startswith(shot) for example in run.examples)
    assert {int(example["question"]) for example in run.examples} == {1, 2}


@pytest.mark.parametrize("subject", bbh.SUBJECTS)
def test_what_is_registered_keeps_what_every_task_must(subject):
    rows = [{"inputs": row["input"], "targets": row["target"]} for row in QUESTIONS]
    run = run_task(f"bbh_{subject}", rows, expected=[{"inputs": f"Q: {row['inputs']}\nA:"} for row in rows])
    assert len(run.examples) == len(rows)
    check_task(f"bbh_{subject}", rows, target_metrics={"accuracy": 1.0, "unparsed": 0, "n": 3})
    assert f"bbh_{subject}_choices" in evalkit.TaskRegistry.names()


def test_a_name_is_taken_once(data_dir):
    for register in (bbh.register, bbh.register_choices):
        register(register.__name__, "objects", data_dir)
        with pytest.raises(DuplicateNameError, match=register.__name__):
            register(register.__name__, "objects", data_dir)


def test_without_a_folder_reading_says_where_to_get_it(monkeypatch):
    task = bbh.register("nowhere", "date_understanding")
    with pytest.raises(SourceError, match=r"date_understanding.json.*BBH_DIR.*github.com/suzgunmirac"):
        task.get_dataset(split="test", shuffle=False)


def test_the_environment_variable_names_the_folder(data_dir):
    code = "from evalkit.tasks import bbh; print(bbh.BBH['date_understanding'].source)"
    result = subprocess.run(
        [sys.executable, "-c", code], env={"BBH_DIR": str(data_dir)}, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == f"BbhDataSource('date_understanding', '{data_dir}', num_shots=0)"


@pytest.mark.parametrize(
    ("subject", "shares"),
    [
        ("boolean_expressions", {"(A)": 0, "True": 135}),
        ("date_understanding", {"(A)": 48, "True": 0}),
        ("logical_deduction_three_objects", {"(A)": 80, "True": 0}),
    ],
)
def test_the_published_questions(subject, shares):
    if not SHARED.exists():
        pytest.skip(f"BIG-Bench Hard is not at {SHARED}")
    task = bbh.register("real", subject, SHARED)
    run = check_task(task, num_shards=(2,), target_metrics={"accuracy": 1.0, "unparsed": 0, "n": 250})
    assert len(run.examples) == 250
    for answer, right in shares.items():
        metrics = evaluate(task, predict_fn=answers([f"So the answer is {answer}."] * 250))
        assert (metrics["correct"], metrics["wrong"], metrics["unparsed"]) == (right, 250 - right, 0)


def test_the_published_questions_as_choices():
    if not SHARED.exists():
        pytest.skip(f"BIG-Bench Hard is not at {SHARED}")
    for subject, count in zip(bbh.SUBJECTS, (500, 250 * 6 - 38, 750), strict=True):
        task = bbh.register_choices(f"real_{subject}", subject, SHARED)
        examples = list(task.get_dataset(split="test", shuffle=False).as_numpy_iterator())
        assert len(examples) == count
        for sign, accuracy in ((1, 1.0), (-1, 0.0)):
            scores = [-5.0 + sign * (2.0 if example["is_correct"] else -2.0) for example in examples]
            metrics = evaluate(task, score_fn=lambda dataset, scores=scores: list(enumerate(scores)))
            assert metrics["multiple_choice_accuracy"] == accuracy
