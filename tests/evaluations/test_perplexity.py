import dataclasses
import math

import pytest

from evalkit.errors import ArgumentTypeError, RowError
from evalkit.evaluations.inference_job import InferenceJob
from evalkit.evaluations.perplexity import PerplexityEvaluation
from evalkit.inference.engine import Engine
from tests.evaluations.letters import BOS, Letters, ids, learned_job, random_texts
from tests.inference.reference import span_log_probability


class Reading(PerplexityEvaluation):
    def __init__(self, texts):
        self.texts = texts

    @property
    def name(self):
        return "reading"

    def __len__(self):
        return len(self.texts)

    def get(self, indx):
        return self.texts[indx]


def without_bos():
    job = learned_job()
    return InferenceJob(Engine(dataclasses.replace(job.engine.model, bos_id=None)), job.params)


def test_it_is_the_inverse_of_the_perplexity_of_the_corpus():
    texts = random_texts(9, 40, seed=0)
    sums = [span_log_probability(learned_job().params, [BOS, *ids(text)], 1) for text in texts]
    expected = math.exp(-math.fsum(sums) / sum(map(len, texts)))
    result = Reading(texts).evaluate(learned_job(), Letters())
    assert result.values["perplexity"] == pytest.approx(expected, rel=1e-4)
    assert result.score == 1 / result.values["perplexity"] == Reading(texts)(learned_job(), Letters())
    assert [row["log_prob"] for row in result.rows] == pytest.approx(sums, rel=1e-5, abs=1e-4)
    bits = -math.fsum(sums) / math.log(2) / sum(map(len, texts))
    assert result.values["bits_per_byte"] == pytest.approx(bits, rel=1e-5)


def test_each_token_of_a_long_text_is_scored_once():
    texts = [*random_texts(2, 200, seed=1, shortest=150), "abc"]
    result = Reading(texts).evaluate(learned_job(), Letters(), stride=16)
    assert [row["tokens"] for row in result.rows] == list(map(len, texts))
    assert result.values["windowed_texts"] == 2


def test_texts_in_which_nothing_can_be_scored_are_counted_and_left_out():
    result = Reading(["", "abc"]).evaluate(learned_job(), Letters())
    assert (result.counts["total"], result.counts["empty"], result.rows[0]["index"]) == (2, 1, 1)
    with pytest.raises(RowError, match="None of 2 texts"):
        Reading(["", ""])(learned_job(), Letters())


def test_without_bos_the_first_token_has_no_score_and_the_result_says_so():
    result = Reading(["abc", "d"]).evaluate(without_bos(), Letters())
    assert (result.rows[0]["tokens"], result.values["unscored_first"], result.counts["empty"]) == (2, 1, 1)
    assert "bits_per_byte" not in result.values


def test_an_engine_is_an_engine():
    with pytest.raises(ArgumentTypeError, match="engine must be an Engine, found str"):
        InferenceJob("engine", {})
