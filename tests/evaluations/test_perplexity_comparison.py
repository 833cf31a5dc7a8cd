import numpy as np
import pytest

from evalkit.errors import ArgumentError, RowError, SourceError
from evalkit.evaluations.perplexity_comparison import PerplexityComparisonEvaluation
from tests.evaluations.letters import BOS, Letters, ids, learned_job, random_texts
from tests.inference.models import MAX_LENGTH
from tests.inference.reference import span_log_probability


class Choosing(PerplexityComparisonEvaluation):
    def __init__(self, questions):
        self.questions = questions

    @property
    def name(self):
        return "choosing"

    def __len__(self):
        return len(self.questions)

    def get(self, indx):
        return self.questions[indx]


def run(questions, **kwargs):
    return Choosing(questions).evaluate(learned_job(), Letters(), **kwargs)


def by_hand(prefix, continuation):
    """The log-probability in float64, of what the model can read of the row."""
    row = (ids(prefix) or [BOS]) + ids(continuation)
    row = row[-(MAX_LENGTH + 1) :]
    return span_log_probability(learned_job().params, row, len(row) - len(continuation))


def with_right_answers(prefixes, choice_length, seed):
    """Questions of four choices, of which the one is right that is likeliest in float64."""
    questions = []
    for number, prefix in enumerate(prefixes):
        choices = list(dict.fromkeys(random_texts(12, choice_length, seed + number, shortest=choice_length)))[:4]
        means = [by_hand(prefix, choice) / choice_length for choice in choices]
        questions.append((prefix, choices, int(np.argmax(means))))
    return questions


@pytest.mark.parametrize("choice_length", [1, 3])
def test_what_the_model_finds_likeliest_is_always_chosen(choice_length):
    """theseus reaches 0.22 with choices of one token, and 0.55 with three."""
    questions = with_right_answers(random_texts(25, 12, seed=choice_length), choice_length, seed=100)
    result = run(questions)
    assert result.score == 1.0
    assert len({gold for _, _, gold in questions}) > 1
    for row, (prefix, choices, _) in zip(result.rows, questions, strict=True):
        assert row["log_probs"] == pytest.approx([by_hand(prefix, choice) for choice in choices], rel=1e-5, abs=1e-4)
        assert row["tokens"] == [choice_length] * len(choices)
    wrong = [(prefix, choices, (gold + 1) % len(choices)) for prefix, choices, gold in questions]
    assert Choosing(wrong)(learned_job(), Letters(), 200) == 0.0


def test_an_empty_prefix_is_bos():
    assert run(with_right_answers([""] * 4, 2, seed=7)).score == 1.0


def test_of_long_questions_the_tail_is_read():
    questions = with_right_answers(random_texts(6, 150, seed=3, shortest=100), 2, seed=50)
    result = run(questions)
    assert (result.score, result.values["truncated_questions"]) == (1.0, 6)
    wrong = run([(prefix, choices, (gold + 1) % len(choices)) for prefix, choices, gold in questions])
    assert (wrong.counts["truncated"], wrong.counts["total"]) == (6, 6)


@pytest.mark.parametrize("gold", [0, 1])
def test_the_place_of_the_right_choice_gives_no_advantage_in_a_tie(gold):
    result = run([("ab", ["c", "c"], gold)])
    assert result.score == 0.5
    assert (result.counts["tied"], result.counts["correct"], result.counts["wrong"]) == (1, 0, 0)
    assert result.values["tie_rate"] == 1.0


def test_the_same_part_is_taken_each_time():
    questions = with_right_answers(random_texts(20, 6, seed=5), 1, seed=80)
    first, second = run(questions, limit=7), run(questions, limit=7)
    assert [row["index"] for row in first.rows] == [row["index"] for row in second.rows]
    assert first.counts["total"] == 7


def test_what_is_wrong_is_named():
    with pytest.raises(RowError, match="example 1 has 2 continuations, and says that number 2 is right"):
        run([("a", ["b", "c"], 0), ("a", ["b", "c"], 2)])
    with pytest.raises(RowError, match="empty continuation"):
        run([("a", ["b", ""], 0)])
    with pytest.raises(RowError, match="span has 70 tokens"):
        run([("a", ["b" * 70], 0)])
    with pytest.raises(ArgumentError, match="'choosing' has no examples"):
        run([])
    with pytest.raises(ArgumentError, match="limit"):
        run([("a", ["b"], 0)], limit=0)


def test_a_failing_get_is_named():
    class Failing(Choosing):
        def get(self, indx):
            raise KeyError("gone")

    with pytest.raises(SourceError, match=r"get\(0\) raised KeyError"):
        Failing([None])(learned_job(), Letters())
