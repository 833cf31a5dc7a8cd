import json

import pytest

from evalkit.errors import ArgumentError, ArgumentTypeError, EvaluationError
from evalkit.evaluation.evaluator import Evaluator
from evalkit.evaluations.evaluation import Evaluation
from evalkit.evaluations.evaluation_task import as_task
from evalkit.feature_converters import PassThroughFeatureConverter
from evalkit.inference.sampling import SamplingParams
from evalkit.loggers.jsonl import JSONLogger
from tests.evaluations.jobs import Counting, Stories
from tests.evaluations.letters import Letters, learned_job, random_texts
from tests.evaluations.test_perplexity_comparison import Choosing
from tests.evaluations.test_rollout import Answering
from tests.inference.models import MAX_LENGTH, small_model

NEW = 6
PROMPTS = [*random_texts(6, 20, seed=0), *random_texts(2, 120, seed=1, shortest=90), ""]
LONG = (*random_texts(5, 12, seed=0), *random_texts(3, 150, seed=2, shortest=70))
QUESTIONS = [
    (prefix, random_texts(3, 4, seed=number), number % 3)
    for number, prefix in enumerate([*random_texts(8, 20, seed=4), "", *random_texts(2, 150, seed=5, shortest=120)])
]


def metrics_of(evaluation, log_dir=None, model_fns=None, num_examples=None, **kwargs):
    job = learned_job()
    task = as_task(evaluation, Letters(), job.engine.model, **kwargs)
    given = {
        "predict_fn": job.engine.predict_fn(job.params, SamplingParams(NEW)),
        "score_fn": job.engine.score_fn(job.params, intermediates=True),
    } | (model_fns or {})
    loggers = {"logger_cls": [JSONLogger], "log_dir": str(log_dir)} if log_dir else {}
    with Evaluator(task, PassThroughFeatureConverter(), num_examples=num_examples, **loggers) as evaluator:
        future, _ = evaluator.evaluate(step=3, **given)
        return future.result()[task.name]


@pytest.mark.parametrize(
    "evaluation",
    [Stories("stories", LONG), Counting("counting", LONG, score=0.25), Choosing(QUESTIONS)],
    ids=lambda evaluation: evaluation.name,
)
@pytest.mark.parametrize("limit", [None, 4])
def test_scored_evaluations_give_what_evaluate_gives(evaluation, limit):
    expected = evaluation.evaluate(learned_job(), Letters(), limit=limit)
    found = metrics_of(evaluation, limit=limit)
    assert found == pytest.approx({"score": expected.score, **expected.values, **expected.counts}, rel=1e-5)


def test_rollouts_give_what_evaluate_gives():
    examples = [(prompt, "answer") for prompt in PROMPTS]
    raw = [row["raw"] for row in Answering(examples, NEW).evaluate(learned_job(), Letters()).rows]
    examples = [
        (prompt, text.strip() if number % 2 else "other")
        for number, (prompt, text) in enumerate(zip(PROMPTS, raw, strict=True))
    ]
    expected = Answering(examples, NEW).evaluate(learned_job(), Letters())
    found = metrics_of(Answering(examples, NEW), max_new_tokens=NEW)
    values = {"truncated_prompts": expected.values["truncated_prompts"]}
    assert found == {"score": expected.score, **expected.counts, **values}
    assert 0 < found["score"] < 1
    assert found["truncated_prompts"] == 2


def test_it_is_logged_like_any_other_task(tmp_path):
    examples = [("abc", "d"), ("b", "e")]
    metrics_of(Answering(examples, NEW), tmp_path, max_new_tokens=NEW)
    [line] = (tmp_path / "answering-metrics.jsonl").read_text().splitlines()
    assert (json.loads(line)["step"], json.loads(line)["total"]) == (3, 2)
    rows = [json.loads(row) for row in (tmp_path / "answering-000003.jsonl").read_text().splitlines()]
    raw = [row["raw"] for row in Answering(examples, NEW).evaluate(learned_job(), Letters()).rows]
    assert [row["target"] for row in rows] == ["d", "e"]
    assert [row["prediction"] for row in rows] == raw


def test_a_name_and_a_split_of_its_own():
    task = as_task(Choosing(QUESTIONS), Letters(), learned_job().engine.model, name="glue:choice", split="test")
    assert (task.name, list(task.splits)) == ("glue:choice", ["test"])


def test_what_is_wrong_is_named():
    job = learned_job()
    with pytest.raises(EvaluationError, match="engine.score_fn\\(params, intermediates=True\\)"):
        metrics_of(Choosing(QUESTIONS), model_fns={"score_fn": job.engine.score_fn(job.params)})
    with pytest.raises(EvaluationError, match="has 33 rows, of which 5 were scored. .*`limit`"):
        metrics_of(Choosing(QUESTIONS), num_examples=5)
    with pytest.raises(EvaluationError, match="has 9 prompts, of which 5 were answered"):
        metrics_of(Answering([(prompt, "") for prompt in PROMPTS], NEW), num_examples=5)
    with pytest.raises(ArgumentError, match="leaves no room for a prompt"):
        metrics_of(Answering([("a", "b")]), max_new_tokens=MAX_LENGTH + 1)
    with pytest.raises(ArgumentError, match="this one has an encoder"):
        as_task(Choosing(QUESTIONS), Letters(), small_model("encoder_decoder").model)

    class Other(Evaluation):
        name = "other"

        def __len__(self):
            return 1

        def evaluate(self, inference, encoding, *args, **kwargs):
            raise NotImplementedError

    with pytest.raises(ArgumentTypeError, match="A Other cannot be a task"):
        as_task(Other(), Letters(), job.engine.model)
