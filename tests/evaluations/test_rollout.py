import pytest

from evalkit.errors import ArgumentError, PostprocessError
from evalkit.evaluations.rollout import RolloutEvaluation
from tests.evaluations.letters import Letters, ids, learned_job, random_texts
from tests.inference.models import MAX_LENGTH
from tests.inference.reference import log_probabilities

EOS = 2


class Answering(RolloutEvaluation):
    def __init__(self, examples, new=6):
        self.examples, self.new = examples, new

    @property
    def name(self):
        return "answering"

    def __len__(self):
        return len(self.examples)

    def get(self, indx):
        return self.examples[indx]

    def clean(self, y_hat):
        return y_hat.strip()

    def max_new_tokens(self, inference):
        return self.new


def by_hand(prompt, new):
    """The greedy answer, in float64, to what the model has room for of the prompt."""
    row = ids(prompt)[-(MAX_LENGTH - new) :]
    answer: list[int] = []
    while len(answer) < new:
        token = int(log_probabilities(learned_job().params, row + answer)[-1].argmax())
        if token == EOS:
            break
        answer.append(token)
    return Letters().decode_batch([answer])[0].strip()


def run(examples, **kwargs):
    return Answering(examples).evaluate(learned_job(), Letters(), **kwargs)


def test_greedy_answers_are_those_of_the_reference():
    prompts = [*random_texts(6, 20, seed=0), *random_texts(2, 120, seed=1, shortest=90)]
    examples = [(prompt, by_hand(prompt, 6)) for prompt in prompts]
    result = run(examples)
    assert [row["y_hat"] for row in result.rows] == [y for _, y in examples]
    assert result.score == 1.0
    assert (result.counts["correct"], result.counts["truncated"]) == (8, 2)
    assert Answering([(prompt, "no answer") for prompt in prompts])(learned_job(), Letters(), 0.0, 1.0, 200) == 0.0


def test_draws_depend_on_the_seed_and_the_example_alone():
    examples = [("abc", "?")] * 8
    first, part = run(examples, temperature=1.5, seed=3), run(examples, temperature=1.5, seed=3, limit=3)
    raw = {row["index"]: row["raw"] for row in first.rows}
    assert all(raw[row["index"]] == row["raw"] for row in part.rows)
    assert len(set(raw.values())) > 1
    assert raw != {row["index"]: row["raw"] for row in run(examples, temperature=1.5, seed=4).rows}


def test_an_answer_without_content_is_unparsed():
    class Silent(Answering):
        def clean(self, y_hat):
            return ""

    counts = Silent([("abc", "d"), ("b", "c")]).evaluate(learned_job(), Letters()).counts
    assert (counts["total"], counts["correct"], counts["wrong"], counts["unparsed"]) == (2, 0, 0, 2)


def test_what_is_wrong_is_named():
    class Failing(Answering):
        def clean(self, y_hat):
            raise ValueError("odd")

    with pytest.raises(PostprocessError, match="'answering', example 0: clean"):
        Failing([("abc", "d")])(learned_job(), Letters())
    with pytest.raises(ArgumentError, match="leaves no room for a prompt"):
        Answering([("abc", "d")], new=MAX_LENGTH)(learned_job(), Letters())
    with pytest.raises(ArgumentError, match="top_p"):
        run([("abc", "d")], top_p=0.0)
    with pytest.raises(ArgumentError, match="has no examples"):
        run([])


def test_by_default_half_of_a_row_is_for_the_answer():
    assert RolloutEvaluation.max_new_tokens(Answering([]), learned_job()) == MAX_LENGTH // 2
