"""A task on rows of a test: what becomes of them, and how outputs are judged."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from evalkit import EncDecFeatureConverter, map_over_dataset
from evalkit.errors import ArgumentError, EvaluationError, MetricError, PreprocessorError
from evalkit.metrics import ModelOutputType
from evalkit.testing import TableVocabulary, run_task
from evalkit.testing.given_outputs import ARGUMENTS

ROWS = [{"country": "Chad", "capital": "N'Djamena"}, {"country": "Togo", "capital": "Lomé"}]


def encoded(task, text):
    return task.output_features["targets"].vocabulary.encode(text)


def test_rows_become_examples(capitals):
    run = run_task("capitals", ROWS)
    assert [example["inputs_pretokenized"] for example in run.examples] == [b"Chad", b"Togo"]
    assert run.examples[1]["inputs"].tolist() == [*encoded(capitals, "Togo"), 1]
    assert run.metrics == {}


def test_expected_features_are_text_or_values(capitals):
    expected = [
        {"inputs": "Chad", "targets": [*encoded(capitals, "N'Djamena"), 1]},
        {"inputs_pretokenized": "Togo", "targets": np.array([*encoded(capitals, "Lomé"), 1], np.int32)},
    ]
    run_task(capitals, ROWS, expected=expected)


def test_what_is_not_expected_is_shown(capitals):
    with pytest.raises(AssertionError) as caught:
        run_task(
            capitals, ROWS, expected=[{"inputs": "Chat", "label": 1}, {"targets": [1]}, {"inputs": "Benin"}], seed=1
        )
    assert str(caught.value).splitlines()[:5] == [
        "Examples: found 2, expected 3. Example 2 is missing: {'inputs': 'Benin'}",
        "2 of 3 examples differ:",
        "example 0, feature 'inputs': at character 3: found 'Chad', expected 'Chat'",
        "example 0 lacks feature 'label'; it has 'inputs_pretokenized', 'inputs', 'targets_pretokenized', 'targets'",
        "example 1, feature 'targets': at [0]: found 79, expected 1",
    ]


@pytest.mark.parametrize("kind", ["text", "bytes", "ids", "padded"])
def test_predictions_are_judged(capitals, kind):
    forms = {
        "text": "LOMÉ",
        "bytes": "LOMÉ".encode(),
        "ids": encoded(capitals, "LOMÉ"),
        "padded": np.array([*encoded(capitals, "LOMÉ"), 1, 0, 0]),
    }
    assert run_task(capitals, ROWS, predictions=["?", forms[kind]]).metrics == {"exact": 0.5}


def test_several_samples_of_an_example(capitals):
    def any_right(targets, predictions):
        return {"any": sum(t in map(str.lower, p) for t, p in zip(targets, predictions, strict=True))}

    task = capitals.replace(
        metric_fns=[any_right],
        postprocess_fn=lambda decoded, example, is_target: decoded.lower() if is_target else decoded,
    )
    assert run_task(task, ROWS, predictions=[["?", "N'Djamena"], ["Lomé", "!"]]).metrics == {"any": 2}


def test_only_the_metrics_of_what_is_given_are_computed(judged):
    assert run_task(judged, ROWS, predictions=["", ""]).metrics == {"exact": 0.0}
    assert run_task(judged, ROWS, scores=[-1, -2]).metrics == {"mean_score": -1.5}
    run = run_task(judged, ROWS, predictions=["", ""], scores=[-1, -2], aux_values={"weight": [0.5, 1.5]})
    assert run.metrics == {"exact": 0.0, "mean_score": -1.5, "weighted": 2.0, "n": 2}


def test_scores_with_intermediate_values(capitals):
    def entropy(targets, scores):
        values, more = scores
        return {"entropy": float(values.sum() + more["entropy"].sum())}

    task = capitals.replace(metric_fns=[entropy])
    assert run_task(task, ROWS, scores=([-1, -2], {"entropy": [10, 20]})).metrics == {"entropy": 27.0}


def test_the_number_of_outputs(judged):
    with pytest.raises(ArgumentError, match="Task 'capitals': 1 predictions for 2 examples. Give one for each"):
        run_task(judged, ROWS, predictions=["?"])
    with pytest.raises(ArgumentError, match="3 scores for 2 examples"):
        run_task(judged, ROWS, scores=[1, 2, 3])


@pytest.mark.parametrize(
    "outputs", [{"scores": [1, 2]}, {"predictions": ["", ""], "scores": [1, 2]}, {"aux_values": {"weight": [1, 2]}}]
)
def test_outputs_that_no_metric_judges(capitals, outputs):
    with pytest.raises(ArgumentError, match=r"but no metric of it judges them.*what they need: exact \(predictions\)"):
        run_task(capitals, ROWS, **outputs)


def test_a_task_without_metrics_judges_nothing(capitals):
    with pytest.raises(ArgumentError, match="what they need: none"):
        run_task(capitals.replace(metric_fns=[]), ROWS, predictions=["", ""])


def test_a_metric_that_fails_is_the_evaluators_error(capitals):
    def broken(targets, predictions):
        raise KeyError("x")

    with pytest.raises(EvaluationError) as caught:
        run_task(capitals.replace(metric_fns=[broken]), ROWS, predictions=["", ""])
    assert isinstance(caught.value.exceptions[0], MetricError)


def test_a_preprocessor_that_fails_says_which(capitals):
    with pytest.raises(PreprocessorError, match=r"preprocessor 'rekey' \(number 0 of 3\)"):
        run_task(capitals, [{"country": "Chad"}])


def test_lengths_and_a_converter(capitals):
    lengths = {"inputs": 2, "targets": 16}
    run = run_task(
        capitals,
        ROWS,
        expected=[{"inputs": "Ch"}, {"inputs": "To"}],
        predictions=["N'Djamena", "Lomé"],
        sequence_length=lengths,
        feature_converter=EncDecFeatureConverter(pack=False),
    )
    assert run.metrics == {"exact": 1.0}


def test_a_seed(capitals):
    @map_over_dataset(num_seeds=1)
    def draw(example, seed):
        return {**example, "inputs": example["inputs"] + tf.cast(seed[0] % 100, tf.int32)}

    task = capitals.replace(preprocessors=[*capitals.preprocessors, draw])
    first, again, other = (run_task(task, ROWS, seed=seed).examples[0]["inputs"].tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_preprocessors_that_drop_or_make_examples(capitals):
    task = capitals.replace(preprocessors=[*capitals.preprocessors, lambda dataset: dataset.skip(1).repeat(3)])
    run = run_task(task, ROWS, predictions=["lomé", "", "lomé"])
    assert len(run.examples) == 3
    assert run.metrics["exact"] == pytest.approx(2 / 3)


def test_rows_with_declared_types(capitals):
    task = capitals.replace(preprocessors=[], output_features={}, metric_fns=[])
    assert run_task(task, [{"label": 3}], features={"label": "int32"}).examples[0]["label"].dtype == np.int32


def test_another_target_field(capitals):
    run = run_task(capitals, ROWS, predictions=["chad", "?"], target_field_name="inputs")
    assert run.metrics == {"exact": 0.5}


def test_ids_that_can_be_read_by_eye(capitals):
    vocabulary = TableVocabulary({"Chad": [7], "Togo": [8], "N'Djamena": [4], "Lomé": [5, 6]})
    features = {
        name: type(feature)(vocabulary, add_eos=feature.add_eos) for name, feature in capitals.output_features.items()
    }
    run = run_task(
        capitals.replace(output_features=features),
        ROWS,
        expected=[{"inputs": [7, 1], "targets": [4, 1]}, {"inputs": "Togo", "targets": [5, 6, 1]}],
        predictions=["Lomé", [5, 6, 1, 0]],
    )
    assert run.metrics == {"exact": 0.5}


def test_the_kinds_of_outputs_are_all_known():
    assert set(ARGUMENTS) == set(ModelOutputType)
