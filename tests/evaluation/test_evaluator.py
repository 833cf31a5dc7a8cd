"""The Evaluator's contract, from a task to metrics: what it prepares, what it asks, what it returns."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import evalkit
from evalkit import preprocessors
from evalkit.metrics import ModelOutputType
from tests.evaluation.conftest import ANSWERS, QUESTIONS, answer_targets, exact, rows_source, score_lengths


def targets_of(evaluator):
    return [row["targets_pretokenized"] for row in evaluator.cached_task_datasets["spanish"].as_numpy_iterator()]


def test_a_perfect_model_scores_one(make_evaluator):
    metrics, outputs = make_evaluator().evaluate(step=3, predict_fn=answer_targets)
    assert metrics.result() == {"spanish": {"exact": 1.0}}
    tokens = outputs["spanish"][ModelOutputType.PREDICTION]
    assert [evalkit.ByteVocabulary().decode(row) for row in tokens] == ANSWERS


def test_both_forms_are_enumerated_real_datasets_of_known_length(make_evaluator):
    evaluator = make_evaluator()
    task_dataset = evaluator.cached_task_datasets["spanish"]
    model_dataset = evaluator.cached_model_datasets["spanish"]
    assert isinstance(task_dataset, tf.data.Dataset) and isinstance(model_dataset, tf.data.Dataset)
    assert len(task_dataset) == len(model_dataset) == 5
    assert [row["targets_pretokenized"].decode() for row in task_dataset.as_numpy_iterator()] == ANSWERS
    assert [int(index) for index, _ in model_dataset] == [0, 1, 2, 3, 4]
    assert model_dataset.element_spec[0] == tf.TensorSpec([], tf.int64)
    assert evaluator.model_feature_shapes == {
        "encoder_input_tokens": (6,),
        "decoder_target_tokens": (7,),
        "decoder_input_tokens": (7,),
        "decoder_loss_weights": (7,),
    }


def test_it_takes_a_name_a_task_and_a_mixture(make_task, make_evaluator):
    english = make_task("english", source=rows_source(ANSWERS, QUESTIONS))
    mixture = evalkit.Mixture("languages", [make_task(), english], default_rate=1.0)
    metrics, _ = make_evaluator(mixture).evaluate(predict_fn=answer_targets)
    assert metrics.result() == {"spanish": {"exact": 1.0}, "english": {"exact": 1.0}}


def test_lengths_are_the_longest_of_all_tasks(make_task, make_evaluator):
    longer = make_task("longer", source=rows_source(["a" * 40], ["b" * 50]))
    evaluator = make_evaluator(evalkit.Mixture("m", [make_task(), longer], default_rate=1.0))
    assert evaluator.sequence_length == {"inputs": 41, "targets": 51}
    assert evaluator.cached_model_datasets["spanish"].element_spec[1]["encoder_input_tokens"].shape == [41]


def test_what_a_given_length_cuts_is_reported(make_evaluator, caplog):
    evaluator = make_evaluator(sequence_length={"inputs": 4, "targets": 32})
    cut = evaluator.truncation["spanish"]
    assert (cut["inputs"].num_truncated, cut["inputs"].longest, cut["inputs"].elements_lost) == (3, 6, 2 + 1 + 1)
    assert cut["targets"].num_truncated == 0
    assert str(cut["inputs"]) == "3 of 5 examples cut at 4 (longest 6; 4 elements lost)"
    assert max(row["inputs"].size for row in evaluator.cached_task_datasets["spanish"].as_numpy_iterator()) == 4


def test_num_examples_takes_the_first(make_evaluator):
    evaluator = make_evaluator(num_examples=2)
    assert len(evaluator.cached_model_datasets["spanish"]) == 2


@pytest.mark.parametrize("use_memory_cache", [True, False])
def test_shuffled_examples_stay_as_they_were_drawn(make_evaluator, make_task, use_memory_cache):
    task = make_task(shuffle_buffer_size=5)
    evaluator = make_evaluator(task, shuffle=True, seed=7, use_memory_cache=use_memory_cache)
    for _ in range(3):  # seqio draws them anew in each pass without a memory cache, and scores a perfect model 0.05
        metrics, _ = evaluator.evaluate(predict_fn=answer_targets)
        assert metrics.result() == {"spanish": {"exact": 1.0}}
    again = make_evaluator(task, shuffle=True, seed=7, num_examples=3)
    first = [row["targets_pretokenized"] for row in evaluator.cached_task_datasets["spanish"].as_numpy_iterator()]
    assert [row["targets_pretokenized"] for row in again.cached_task_datasets["spanish"].as_numpy_iterator()] == first[
        :3
    ]


@pytest.mark.parametrize("use_memory_cache", [True, False])
def test_every_example_is_prepared_once(make_task, make_evaluator, counted, use_memory_cache):
    converted = []

    class Counting(evalkit.FeatureConverter):
        TASK_FEATURES = evalkit.EncDecFeatureConverter.TASK_FEATURES
        MODEL_FEATURES = evalkit.EncDecFeatureConverter.MODEL_FEATURES
        PACKING_FEATURE_DTYPES = {}

        def _convert_features(self, ds, task_feature_lengths):
            def count(tokens):
                converted.append(1)
                return tokens

            def convert(features):
                tokens = tf.py_function(count, [features["targets"]], tf.int32)
                names = self.MODEL_FEATURES
                return {name: tf.cast(tf.ensure_shape(tokens, [7]), names[name].dtype) for name in names}

            return self._pack_or_pad(ds, task_feature_lengths).map(convert)

        def get_model_feature_lengths(self, task_feature_lengths):
            return {name: task_feature_lengths["targets"] for name in self.MODEL_FEATURES}

    task = make_task(preprocessors=[counted.count, preprocessors.tokenize, preprocessors.append_eos])
    evaluator = make_evaluator(task, feature_converter=Counting(pack=False), use_memory_cache=use_memory_cache)
    for step in range(3):
        evaluator.evaluate(step=step, predict_fn=answer_targets)[0].result()
    assert (counted.examples(), len(converted)) == (5, 5)


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


def test_pass_through_features_evaluate_too(make_evaluator):
    evaluator = make_evaluator(feature_converter=evalkit.PassThroughFeatureConverter())
    index, features = next(evaluator.cached_model_datasets["spanish"].as_numpy_iterator())
    assert (index, features["targets_pretokenized"]) == (0, b"uno")
    assert evaluator.evaluate(predict_fn=lambda _: enumerate(ANSWERS))[0].result() == {"spanish": {"exact": 1.0}}


def test_without_computing_metrics_the_future_is_done_and_empty(make_evaluator):
    metrics, outputs = make_evaluator().evaluate(compute_metrics=False, predict_fn=answer_targets)
    assert metrics.result(timeout=0) is None
    assert len(outputs["spanish"][ModelOutputType.PREDICTION]) == 5


@pytest.mark.parametrize("changes", [{"metric_fns": []}, {"source": rows_source(split="train")}])
def test_nothing_to_evaluate_is_skipped_with_every_attribute_there(make_task, make_evaluator, changes):
    evaluator = make_evaluator(make_task(**changes))
    metrics, outputs = evaluator.evaluate(predict_fn=answer_targets)
    assert (metrics.result(), outputs) == ({}, {})
    assert list(evaluator.eval_tasks) == [] and evaluator.loggers == ()
    assert evaluator.cached_task_datasets == evaluator.cached_model_datasets == evaluator.model_feature_shapes == {}


def test_prepared_examples_are_found_again_on_disk(make_task, make_evaluator, counted, tmp_path):
    task = make_task(preprocessors=[counted.count, preprocessors.tokenize, preprocessors.append_eos])
    for _ in range(3):
        evaluator = make_evaluator(task, use_memory_cache=False, cache_dir=str(tmp_path))
        assert evaluator.evaluate(predict_fn=answer_targets)[0].result() == {"spanish": {"exact": 1.0}}
    assert counted.examples() == 5


@pytest.mark.parametrize(
    "change",
    [
        {"sequence_length": {"targets": 3}},
        {"num_examples": 3},
        {"seed": 1},
        {"feature_converter": evalkit.DecoderFeatureConverter(pack=False)},
    ],
)
def test_a_store_of_other_examples_is_not_taken(make_task, make_evaluator, tmp_path, change):
    make_evaluator(use_memory_cache=False, cache_dir=str(tmp_path))
    before = len(list(tmp_path.rglob("manifest.json")))
    make_evaluator(use_memory_cache=False, cache_dir=str(tmp_path), **change)
    assert len(list(tmp_path.rglob("manifest.json"))) > before


def test_a_changed_preprocessor_is_not_served_the_old_examples(make_task, make_evaluator, tmp_path):
    def task_with(suffix):
        def add(dataset):
            return dataset.map(lambda row: {**row, "targets": row["targets"] + suffix})

        return make_task(preprocessors=[add, preprocessors.tokenize])

    first = make_evaluator(task_with("?"), use_memory_cache=False, cache_dir=str(tmp_path))
    second = make_evaluator(task_with("!"), use_memory_cache=False, cache_dir=str(tmp_path))
    assert targets_of(first)[0] == b"uno?" and targets_of(second)[0] == b"uno!"


def test_a_temporary_store_goes_with_its_evaluator(make_task, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    evaluator = evalkit.Evaluator(make_task(), evalkit.EncDecFeatureConverter(pack=False), use_memory_cache=False)
    assert list(tmp_path.rglob("*.bin"))
    evaluator.close()
    del evaluator
    assert not list(tmp_path.rglob("*.bin"))
