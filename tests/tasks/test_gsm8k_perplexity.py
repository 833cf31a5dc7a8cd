"""Perplexity of GSM8K's solutions: of the whole corpus, and of just what is scored."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import evalkit
from evalkit.errors import DuplicateNameError, EvaluationError
from evalkit.tasks import gsm8k_perplexity
from evalkit.testing import check_task, inject, run_task

SHARED = Path(__file__).parents[3] / "shared/data/gsm8k"

PROBLEMS = [
    {"question": "How many legs have two cats?", "answer": "2 * 4 = <<2*4=8>>8\n#### 8"},
    {"question": "What does a café au lait cost?", "answer": "One is 2 €, so 2 €.\n#### 2"},
]
NUM_BYTES = [len(row["answer"].encode()) for row in PROBLEMS]


def evaluate(scores, **arguments):
    """The metrics of a model that gives `scores`."""
    with (
        inject("gsm8k_perplexity", {"test": PROBLEMS}) as task,
        evalkit.Evaluator(
            task, evalkit.EncDecFeatureConverter(pack=False), eval_split="test", **arguments
        ) as evaluator,
    ):
        future, _ = evaluator.evaluate(score_fn=lambda dataset: list(enumerate(scores)))
        return future.result()[task.name]


def test_it_keeps_what_every_task_must():
    check_task("gsm8k_perplexity", PROBLEMS, target_metrics={"token_perplexity": 1.0, "bits_per_byte": 0.0})


def test_the_question_and_a_line_break_stand_before_the_solution():
    run_task(
        "gsm8k_perplexity",
        PROBLEMS,
        expected=[{"inputs": row["question"] + "\n", "targets": row["answer"]} for row in PROBLEMS],
    )


def test_a_model_that_is_sure():
    assert evaluate([0.0, 0.0]) == {"token_perplexity": 1.0, "bits_per_byte": 0.0}


def test_a_model_that_knows_nothing():
    metrics = evaluate([-count * math.log(256) for count in NUM_BYTES])
    assert metrics == {"token_perplexity": pytest.approx(256), "bits_per_byte": pytest.approx(8)}


def test_both_are_of_the_corpus_and_no_mean_of_means():
    metrics = evaluate([-10.0, -90.0])
    assert metrics["token_perplexity"] == pytest.approx(math.exp(100 / sum(NUM_BYTES)))
    assert metrics["bits_per_byte"] == pytest.approx(100 / sum(NUM_BYTES) / math.log(2))


def test_a_score_that_is_none_is_refused():
    with pytest.raises(EvaluationError, match="gsm8k_perplexity") as failure:
        evaluate([-1.0, math.nan])
    assert "nan" in str(failure.value.exceptions[0])


def test_cut_solutions_count_what_is_left_of_them():
    metrics = evaluate([-12 * math.log(2)] * 2, sequence_length={"inputs": 32, "targets": 12})
    assert metrics == {"token_perplexity": pytest.approx(2), "bits_per_byte": pytest.approx(1)}


def test_ids_and_text_are_those_that_were_scored():
    vocabulary = evalkit.ByteVocabulary()
    example = {"targets": np.array(vocabulary.encode("2 €"), np.int32)}
    assert gsm8k_perplexity.scored_ids("2 €", example) == vocabulary.encode("2 €")
    assert gsm8k_perplexity.scored_text("2 €", example, vocabulary) == "2 €"
    assert gsm8k_perplexity.scored_text("2 € each", example, vocabulary) == "2 €"


def test_a_name_is_taken_once(tmp_path):
    with pytest.raises(DuplicateNameError, match="gsm8k_perplexity"):
        gsm8k_perplexity.register("gsm8k_perplexity", tmp_path)


def test_the_published_solutions_are_read_whole():
    if not SHARED.exists():
        pytest.skip(f"GSM8K is not at {SHARED}")
    task = gsm8k_perplexity.register("real_solutions", SHARED)
    run = check_task(task, split="test", num_shards=(), target_metrics={"token_perplexity": 1.0})
    assert len(run.examples) == 1319
