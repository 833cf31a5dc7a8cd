"""Every kind of output that a model function may give, and the targets that it is judged against."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import evalkit
from evalkit import preprocessors
from evalkit.metrics import ModelOutputType
from tests.evaluation.small_task import ANSWERS, QUESTIONS, answer_targets, exact, score_lengths


def test_model_functions_are_asked_once_for_each_kind_of_output(make_task, make_evaluator):
    asked = []

    def scored(targets, scores):
        assert isinstance(scores, np.ndarray)
        return {"mean": float(np.mean(scores)), "n": len(targets)}

    def with_aux(targets, predictions, aux_values):
        return {"sure": float(np.mean(aux_values["p"])), "aux_exact": exact(targets, predictions)["exact"]}

    def upper(targets, predictions):
        return {"upper": len(predictions)}

    def asking(name, function):
        def ask(dataset):
            asked.append(name)
            return function(dataset)

        return ask

    task = make_task(metric_fns=[exact, upper, scored, with_aux])
    metrics, outputs = make_evaluator(task).evaluate(
        predict_fn=asking("predict", answer_targets),
        score_fn=asking("score", score_lengths),
        predict_with_aux_fn=asking("aux", lambda ds: (answer_targets(ds), {"p": [9, 5, 4, 3, 2, 1]})),
    )
    assert metrics.result() == {
        "spanish": {"exact": 1.0, "upper": 5, "mean": -5.2, "n": 5, "sure": 3.0, "aux_exact": 1.0}
    }
    assert sorted(asked) == ["aux", "predict", "score"]
    assert outputs["spanish"][ModelOutputType.PREDICTION_WITH_AUX][1] == {"p": [1, 2, 3, 4, 5]}


def test_scores_with_intermediates(make_task, make_evaluator):
    def scored(targets, scores):
        values, intermediates = scores
        return {"sum": float(values.sum() + intermediates["layer"]["norm"].sum())}

    def score_fn(dataset):
        return [(4, 1.0), (3, 1.0), (2, 1.0), (1, 1.0), (0, 1.0)], {"layer": {"norm": [4, 3, 2, 1, 0]}}

    metrics, outputs = make_evaluator(make_task(metric_fns=[scored])).evaluate(score_fn=score_fn)
    assert metrics.result() == {"spanish": {"sum": 15.0}}
    assert outputs["spanish"][ModelOutputType.SCORE][1] == {"layer": {"norm": [0, 1, 2, 3, 4]}}


def test_model_fns_reach_the_fourth_kind(make_task, make_evaluator):
    class Norm(evalkit.Metric):
        model_output_type = ModelOutputType.SCORE_WITH_INTERMEDIATES

        @classmethod
        def from_model_output(
            cls, inputs, model_output, features, target_field_name="targets", mask=None, indices_2d=None
        ):
            made = cls()
            made.total = float(sum(model_output[1]["norm"]))
            return made

        def compute(self):
            return {"norm": self.total}

    evaluator = make_evaluator(make_task(metric_fns=[], metric_objs=[Norm]))
    score_fn = lambda dataset: ([(i, 0.0) for i in range(5)], {"norm": [1, 2, 3, 4, 5]})  # noqa: E731
    metrics, _ = evaluator.evaluate(model_fns={ModelOutputType.SCORE_WITH_INTERMEDIATES: score_fn})
    assert metrics.result() == {"spanish": {"norm": 15.0}}


def test_top_k_samples_are_each_decoded(make_task, make_evaluator):
    def any_exact(targets, predictions):
        return {"any": sum(target in samples for target, samples in zip(targets, predictions, strict=True)) / 5}

    encode = evalkit.ByteVocabulary().encode
    samples = [[encode("no"), encode(answer)] for answer in ANSWERS]
    samples[3] = []  # an example may have no sample
    evaluator = make_evaluator(make_task(metric_fns=[any_exact]))
    assert evaluator.evaluate(predict_fn=lambda _: enumerate(samples))[0].result() == {"spanish": {"any": 0.8}}
    padded = [np.array([encode("uno"), encode("dos")])] * 5
    assert evaluator.evaluate(predict_fn=lambda _: enumerate(padded))[0].result() == {"spanish": {"any": 0.4}}


def test_text_passes_undecoded(make_evaluator):
    metrics, _ = make_evaluator().evaluate(predict_fn=lambda _: enumerate(ANSWERS))
    assert metrics.result() == {"spanish": {"exact": 1.0}}


def test_ragged_and_empty_outputs_are_accepted(make_task, make_evaluator):
    def joined(targets, predictions):
        return {"joined": len("|".join(predictions).encode())}

    evaluator = make_evaluator(make_task(metric_fns=[joined]))

    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.text(max_size=6), min_size=5, max_size=5))
    def check(predictions):
        lists = [evalkit.ByteVocabulary().encode(text) for text in predictions]
        for rows in (predictions, lists, [np.array(row, int) for row in lists]):
            metrics, _ = evaluator.evaluate(predict_fn=lambda _, rows=rows: enumerate(rows))
            assert metrics.result()["spanish"]["joined"] == len("|".join(predictions).encode())

    check()


def test_predictions_and_targets_are_postprocessed_with_their_example(make_task, make_evaluator):
    calls = []

    def postprocess(text, example, is_target):
        calls.append((is_target, example["inputs_pretokenized"].decode()))
        return text.upper()

    seen = []

    def metric(targets, predictions):
        seen.append((targets, predictions))
        return {"n": len(targets)}

    def second(targets, predictions):
        return {"second": targets == predictions}

    evaluator = make_evaluator(make_task(postprocess_fn=postprocess, metric_fns=[metric, second]))
    for _ in range(2):
        evaluator.evaluate(predict_fn=answer_targets)[0].result()
    upper = [answer.upper() for answer in ANSWERS]
    assert seen == [(upper, upper)] * 2
    targets_once_predictions_twice = [(True, q) for q in QUESTIONS] + [(False, q) for q in QUESTIONS] * 2
    assert calls == targets_once_predictions_twice


def test_each_metric_sees_its_own_targets(make_task, make_evaluator):
    from evalkit.metrics import PassthroughLegacyMetric  # noqa: PLC0415  by the name that seqio's users know

    def shout(text, **_):
        return text.upper()

    def first_letters(name):
        return lambda targets, predictions: {name: targets[0][0] + predictions[0][0]}

    objs = [
        PassthroughLegacyMetric.from_metric_fn(exact, postprocess_fn=shout),
        PassthroughLegacyMetric.from_metric_fn(lambda targets, predictions: {"same": targets[0] == "uno"}),
    ]
    metrics, _ = make_evaluator(make_task(metric_fns=[], metric_objs=objs)).evaluate(predict_fn=answer_targets)
    assert metrics.result() == {"spanish": {"exact": 1.0, "same": True}}


def test_targets_without_pretokenized_text_are_decoded(make_task, make_evaluator):
    def no_copy(dataset, output_features):
        return preprocessors.tokenize(dataset, output_features, copy_pretokenized=False)

    evaluator = make_evaluator(make_task(preprocessors=[no_copy, preprocessors.append_eos]))
    assert evaluator.evaluate(predict_fn=answer_targets)[0].result() == {"spanish": {"exact": 1.0}}


def test_another_target_field(make_evaluator):
    evaluator = make_evaluator(target_field_name="inputs")
    assert evaluator.evaluate(predict_fn=lambda _: enumerate(QUESTIONS))[0].result() == {"spanish": {"exact": 1.0}}


def test_samples_that_are_text_already(make_task, make_evaluator):
    def any_exact(targets, predictions):
        return {"any": sum(t in samples for t, samples in zip(targets, predictions, strict=True))}

    samples = [["no", answer] for answer in ANSWERS]
    samples[2] = []
    evaluator = make_evaluator(make_task(metric_fns=[any_exact]))
    assert evaluator.evaluate(predict_fn=lambda _: enumerate(samples))[0].result() == {"spanish": {"any": 4}}


def test_auxiliary_values_may_be_tuples_and_nested(make_task, make_evaluator):
    aux = {"flat": (10, 20, 30, 40, 50), "tree": {"x": [1, 2, 3, 4, 5]}}

    def numbered(targets, predictions, aux_values):
        return {"last": float(aux_values["flat"][4]), "deep": float(aux_values["tree"]["x"][1])}

    evaluator = make_evaluator(make_task(metric_fns=[numbered]))
    metrics, _ = evaluator.evaluate(predict_with_aux_fn=lambda _: (list(enumerate(ANSWERS)), aux))
    assert metrics.result() == {"spanish": {"last": 50.0, "deep": 2.0}}
