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
    row = ids(prompt)[-(MAX_LENGTH - new + 1) :]
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
    assert (result.counts["correct"], result.values["truncated_prompts"]) == (8, 2)
    nothing = [(prompt, "no answer") for prompt in prompts]
    assert Answering(nothing)(learned_job(), Letters(), 0.0, 1.0, 200) == 0.0
    counts = run(nothing).counts
    assert (counts["total"], counts["wrong"] + counts["unparsed"], counts["truncated"]) == (8, 6, 2)


def test_draws_depend_on_the_seed_and_the_example_alone():
    examples = [("abc", "?")] * 8
    first, part = run(examples, temperature=1.5, seed=3), run(examples, temperature=1.5, seed=3, limit=3)
    raw = {row["index"]: row["raw"] for row in first.rows}
    assert all(raw[row["index"]] == row["raw"] for row in part.rows)
    assert len(set(raw.values())) > 1
    assert raw != {row["index"]: row["raw"] for row in run(examples, temperature=1.5, seed=4).rows}


def test_an_answer_without_content_is_unparsed_or_was_cut_off():
    class Silent(Answering):
        def clean(self, y_hat):
            return ""

    result = Silent([(prompt, "d") for prompt in random_texts(12, 20, seed=0)]).evaluate(learned_job(), Letters())
    assert {(row["finish_reason"], row["verdict"]) for row in result.rows} == {
        ("stop", "unparsed"),
        ("length", "truncated"),
    }
    assert result.counts["unparsed"] + result.counts["truncated"] == result.counts["total"] == 12


@pytest.mark.parametrize("method", ["clean", "check"])
def test_an_answer_that_cannot_be_judged_is_counted_and_adds_nothing(method):
    prompts = random_texts(5, 20, seed=0)
    examples = [(prompt, by_hand(prompt, 6)) for prompt in prompts]
    odd = examples[2][1]

    class Failing(Answering):
        def clean(self, y_hat):
            if method == "clean" and y_hat.strip() == odd:
                raise ValueError("odd")
            return super().clean(y_hat)

        def check(self, y, y_hat):
            if method == "check" and y == odd:
                raise ValueError("odd")
            return super().check(y, y_hat)

    result = Failing(examples).evaluate(learned_job(), Letters())
    failed = [row for row in result.rows if row["verdict"] == "failed"]
    assert [row["index"] for row in failed] == [index for index, (_, y) in enumerate(examples) if y == odd]
    assert failed[0]["error"] == "ValueError: odd"
    assert result.counts["total"] == sum(result.counts.values()) - result.counts["total"] == 5
    assert result.score == (5 - len(failed)) / 5


def test_what_is_wrong_is_named():
    class Failing(Answering):
        def clean(self, y_hat):
            raise ValueError("odd")

    with pytest.raises(
        PostprocessError, match="'answering': all 2 answers .* example 0: clean or check raised ValueError: odd"
    ):
        Failing([("abc", "d"), ("b", "c")])(learned_job(), Letters())

    class FailingScore(Answering):
        def score(self, ys, y_hats):
            raise KeyError("gone")

    with pytest.raises(PostprocessError, match="'answering': score of 1 answers raised KeyError"):
        FailingScore([("abc", "d")])(learned_job(), Letters())
    with pytest.raises(ArgumentError, match="leaves no room for a prompt"):
        Answering([("abc", "d")], new=MAX_LENGTH + 1)(learned_job(), Letters())
    with pytest.raises(ArgumentError, match="top_p"):
        run([("abc", "d")], top_p=0.0)
    with pytest.raises(ArgumentError, match="has no examples"):
        run([])


def test_by_default_half_of_a_row_is_for_the_answer():
    assert RolloutEvaluation.max_new_tokens(Answering([]), learned_job()) == MAX_LENGTH // 2
