"""What became of each example: told by the metrics that can tell, and whole whatever happens."""

from __future__ import annotations

import pytest

import evalkit
from evalkit.errors import EvaluationError
from evalkit.metrics import EvalCounts, accuracy, exact_match, exact_match_any, graded_answers, sequence_accuracy
from tests.evaluation.small_task import answer_targets


def none_without_o(text, example=None, is_target=False):
    return text if is_target or "o" in text else None


def counts_of(evaluator, predict_fn=answer_targets, **functions):
    future, _ = evaluator.evaluate(predict_fn=predict_fn, **functions)
    future.result()
    return future.counts["spanish"]


def all_equal(word):
    ids = evalkit.ByteVocabulary().encode(word)
    return lambda dataset: [(int(index), ids) for index, _ in dataset]


@pytest.mark.parametrize("metric", [exact_match, exact_match_any, sequence_accuracy, accuracy, graded_answers])
def test_metrics_that_compare_tell_right_from_wrong(make_task, make_evaluator, metric):
    evaluator = make_evaluator(make_task(metric_fns=[metric]))
    assert counts_of(evaluator) == EvalCounts(5, correct=5)
    assert counts_of(evaluator, all_equal("no such word")) == EvalCounts(5, wrong=5)


def test_an_output_without_an_answer_is_unparsed(make_task, make_evaluator):
    evaluator = make_evaluator(make_task(metric_fns=[exact_match], postprocess_fn=none_without_o))
    assert counts_of(evaluator, all_equal("xx")) == EvalCounts(5, unparsed=5)


def test_what_the_model_did_not_see_whole_is_truncated_unless_it_is_right(make_task, make_evaluator):
    task = make_task(metric_fns=[exact_match])
    evaluator = make_evaluator(task, sequence_length={"inputs": 4, "targets": 32})
    assert evaluator.truncation["spanish"]["inputs"].num_truncated == 3
    assert counts_of(evaluator, all_equal("xx")) == EvalCounts(5, truncated=3, wrong=2)
    assert counts_of(evaluator) == EvalCounts(5, correct=5)


def test_a_metric_may_count_itself(make_task, make_evaluator):
    def grade(targets, predictions, aux_values):
        long = int((aux_values["finish_reasons"] == "length").sum())
        return {"correct": 0, "wrong": len(targets) - long, "truncated": long}

    def predict(dataset):
        pairs = [(int(index), []) for index, _ in dataset]
        return pairs, {"finish_reasons": ["length", "stop", "length", "stop", "stop"]}

    evaluator = make_evaluator(make_task(metric_fns=[grade]))
    assert counts_of(evaluator, None, predict_with_aux_fn=predict) == EvalCounts(5, truncated=2, wrong=3)


def ending(*reasons, truncated=(False,) * 5):
    """Answers with no answer in them, that ended like this."""
    ids = evalkit.ByteVocabulary().encode("xx")

    def predict(dataset):
        return [(int(index), ids) for index, _ in dataset], {"finish_reasons": reasons, "truncated": truncated}

    return predict


def ends(targets, predictions, aux_values):
    return {"ends": len(aux_values["finish_reasons"])}


def test_how_an_answer_ended_is_told_by_either_function(make_task, make_evaluator):
    told = ending("length", "stop", "length", "error", "stop", truncated=(False, False, False, False, True))
    expected = EvalCounts(5, truncated=3, unparsed=1, failed=1)
    alone = make_task(metric_fns=[exact_match], postprocess_fn=none_without_o)
    assert counts_of(make_evaluator(alone), told) == expected
    with_metric = make_task(metric_fns=[exact_match, ends], postprocess_fn=none_without_o)
    assert counts_of(make_evaluator(with_metric), all_equal("xx"), predict_with_aux_fn=told) == expected


def test_an_answer_that_ran_out_of_tokens_is_wrong_if_it_says_something(make_task, make_evaluator):
    evaluator = make_evaluator(make_task(metric_fns=[exact_match]))
    assert counts_of(evaluator, ending(*["length"] * 5)) == EvalCounts(5, wrong=5)


def test_where_no_metric_tells_nothing_is_judged(make_task, make_evaluator):
    def shares(targets, predictions):
        return {"correct": 0.5, "wrong": 0.5}

    assert counts_of(make_evaluator(make_task(metric_fns=[shares]))) == EvalCounts(5, unjudged=5)


def test_numbers_that_do_not_fit_are_not_taken_for_counts(make_task, make_evaluator):
    def tokens(targets, predictions):
        return {"correct": 70, "wrong": 3}

    assert counts_of(make_evaluator(make_task(metric_fns=[tokens]))) == EvalCounts(5, unjudged=5)


def test_where_every_metric_fails_so_did_every_example(make_task, make_evaluator):
    def broken(targets, predictions):
        raise ZeroDivisionError

    evaluator = make_evaluator(make_task(metric_fns=[broken]))
    future, _ = evaluator.evaluate(predict_fn=answer_targets)
    with pytest.raises(EvaluationError, match="broken"):
        future.result()
    assert future.counts == {"spanish": EvalCounts(5, failed=5)}


def test_the_first_metric_that_tells_is_taken(make_task, make_evaluator):
    def nothing(targets, predictions):
        return {"length": 3}

    evaluator = make_evaluator(make_task(metric_fns=[nothing, exact_match]))
    assert counts_of(evaluator) == EvalCounts(5, correct=5)
