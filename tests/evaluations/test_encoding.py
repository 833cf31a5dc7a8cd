import numpy as np
import pytest

from evalkit.errors import PostprocessError
from evalkit.evaluations.encoding import EncodingEvaluation
from evalkit.evaluations.evaluation import Evaluation
from tests.evaluations.letters import BOS, Letters, ids, learned_job, random_texts
from tests.inference.reference import log_probabilities


class Predicting(EncodingEvaluation):
    def __init__(self, texts, right=()):
        self.texts, self.right = texts, right

    @property
    def name(self):
        return "predicting"

    def __len__(self):
        return len(self.texts)

    def get(self, indx):
        return self.texts[indx]

    def clean(self, y_hat):
        return y_hat[-1:]

    def check(self, x, y_hat):
        return dict(zip(self.texts, self.right, strict=True))[x] == y_hat


def by_hand(text):
    best = log_probabilities(learned_job().params, [BOS, *ids(text)][:-1]).argmax(axis=-1)
    return Letters().decode_batch([best.tolist()])[0]


def test_each_place_has_the_likeliest_token_and_padding_has_none():
    texts = random_texts(8, 30, seed=0)
    predictions = [by_hand(text) for text in texts]
    evaluation = Predicting(texts, [text[-1] for text in predictions])
    result = evaluation.evaluate(learned_job(), Letters())
    assert [row["raw"] for row in result.rows] == predictions
    assert evaluation.prefix() == "predicting_"
    assert (result.score, result.counts["correct"], result.counts["wrong"]) == (1.0, 8, 0)
    same = np.mean(
        [a == b for text, best in zip(texts, predictions, strict=True) for a, b in zip(text, best, strict=True)]
    )
    assert result.values["token_accuracy"] == pytest.approx(same)


def test_all_of_a_long_text_is_predicted():
    text = random_texts(1, 150, seed=1, shortest=150)[0]
    assert len(Predicting([text], ["!"]).evaluate(learned_job(), Letters()).rows[0]["raw"]) == 150


def test_a_text_without_tokens_is_unparsed():
    result = Predicting(["", "ab"], ["!", "!"]).evaluate(learned_job(), Letters())
    assert dict(result.counts) == {"total": 2, "correct": 0, "wrong": 1, "unparsed": 1, "truncated": 0, "failed": 0}
    assert result.values["empty_texts"] == 1


def test_a_failing_check_is_named():
    with pytest.raises(PostprocessError, match="'predicting': all 1 answers .* example 0: clean or check raised"):
        Predicting(["ab"])(learned_job(), Letters())


def test_steps_divide_the_dataset():
    assert Evaluation.find_accumulation_steps(24, 5, 2) == (4, 3)
    assert Evaluation.find_accumulation_steps(7, 4, 2) == (None, None)
