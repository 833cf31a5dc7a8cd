"""Misuse that is known before the model is called gives a typed error before it is called, or the source read."""

import functools
import logging
import os

import pytest

import evalkit
from evalkit import errors, evaluation, preprocessors
from evalkit.metrics import ModelOutputType
from tests.evaluation.small_task import exact, never, rows_source

# What is known before the first example is read.


@pytest.fixture
def unread(make_task):
    """A task whose source must not be read."""

    def refuse(split, shuffle_files):
        raise AssertionError("the source was read")

    return functools.partial(make_task, source=evalkit.FunctionDataSource(refuse, splits=["validation"]))


def test_packing(unread, make_evaluator):
    with pytest.raises(errors.ArgumentError, match="packing can't be used.*EncDecFeatureConverter.pack=False"):
        make_evaluator(unread(), feature_converter=evalkit.EncDecFeatureConverter(pack=True))


def test_packing_is_no_matter_where_nothing_is_evaluated(unread, make_evaluator):
    evaluator = make_evaluator(unread(metric_fns=[]), feature_converter=evalkit.EncDecFeatureConverter(pack=True))
    metrics, outputs = evaluator.evaluate(predict_fn=never)
    assert (metrics.result(), outputs) == ({}, {})


def test_a_logger_without_log_dir(unread, make_evaluator):
    with pytest.raises(errors.ArgumentError, match="'log_dir' must be provided to the Evaluator.*JSONLogger"):
        make_evaluator(unread(), logger_cls=[evalkit.JSONLogger])


def test_a_log_dir_that_is_a_file(unread, make_evaluator, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(errors.LoggerError, match="Cannot write to log_dir .*file.*Pass a folder"):
        make_evaluator(unread(), logger_cls=[evalkit.JSONLogger], log_dir=str(tmp_path / "file"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_log_dir_without_permission(unread, make_evaluator, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(errors.LoggerError, match="Permission denied"):
        make_evaluator(unread(), logger_cls=[evalkit.JSONLogger], log_dir=str(tmp_path / "logs"))


def test_a_preprocessor_that_needs_lengths(unread, make_evaluator):
    def cut(dataset, sequence_length):
        return dataset

    with pytest.raises(errors.ArgumentError, match="(?s)'cut' in task 'spanish' has a `sequence_length`.*'inputs': …"):
        make_evaluator(unread(preprocessors=[cut]))
    with pytest.raises(errors.ArgumentError, match="Preprocessor 'cut'"):
        make_evaluator(unread(preprocessors=[functools.partial(cut)]))


def test_only_tasks_with_the_split_and_a_metric_are_evaluated(make_task, caplog):
    tasks = [
        make_task("good"),
        make_task("unjudged", metric_fns=[]),
        make_task("elsewhere", source=rows_source(split="train")),
    ]
    assert evaluation.get_valid_eval_tasks(tasks, "validation") == tasks[:1]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert evaluation.get_valid_eval_tasks(tasks[1:], "validation") == []
    assert "'unjudged' has no metrics; task 'elsewhere' has no split 'validation', it has ['train']" in caplog.text


def test_an_unknown_task(make_evaluator):
    evalkit.TaskRegistry.add_provider(
        "spanish_v1", evalkit.Task("spanish_v1", source=rows_source(), output_features={})
    )
    try:
        with pytest.raises(errors.UnknownNameError, match="'spanish_v2'.*spanish_v1"):
            make_evaluator("spanish_v2")
    finally:
        evalkit.TaskRegistry.remove("spanish_v1")


@pytest.mark.parametrize("number", [0, -3])
def test_no_examples_asked_for(unread, make_evaluator, number):
    with pytest.raises(errors.ArgumentError, match=f"num_examples is {number}; expected a positive number"):
        make_evaluator(unread(), num_examples=number)


def test_a_metric_signature_that_fits_nothing(make_task):
    def odd(labels, predictions):
        return {}

    with pytest.raises(errors.DefinitionError, match="odd.*labels"):
        make_task(metric_fns=[odd])


def test_a_target_field_that_is_not_there(unread, make_evaluator):
    with pytest.raises(errors.ArgumentError, match="target_field_name is 'labels', but task 'spanish' has .*'inputs'"):
        make_evaluator(unread(), target_field_name="labels")


def test_a_logger_that_cannot_be_made(unread, make_evaluator, tmp_path):
    def logger(output_dir):
        raise ValueError("bad flag")

    with pytest.raises(errors.LoggerError, match="Constructing logger logger raised ValueError: bad flag"):
        make_evaluator(unread(), logger_cls=[logger], log_dir=str(tmp_path))


# What is known when the examples are read, before the first model call.


def test_an_empty_split(make_task, make_evaluator):
    nothing = [lambda dataset: dataset.filter(lambda _: False), preprocessors.tokenize]
    with pytest.raises(errors.SourceError, match="'spanish' has no examples in split 'validation'.*filter"):
        make_evaluator(make_task(preprocessors=nothing))


def test_tasks_with_other_features(make_task, make_evaluator):
    other = make_task("other", output_features={"targets": evalkit.Feature(evalkit.ByteVocabulary())})
    longer = make_task()
    mixture = evalkit.Mixture("m", [longer], default_rate=1.0)
    mixture_tasks = [longer, other]
    with pytest.raises(errors.EvalkitError, match="features"):
        make_evaluator(evalkit.Mixture("m2", mixture_tasks, default_rate=1.0))
    assert mixture.name == "m"


def test_a_postprocess_function_that_raises_on_a_target_names_the_example(make_task, make_evaluator):
    def fragile(text, **_):
        if text == "tres":
            raise KeyError("no tres")
        return text

    with pytest.raises(errors.PostprocessError, match="Task 'spanish', example 2, target: fragile raised KeyError"):
        make_evaluator(make_task(postprocess_fn=fragile))


def test_examples_without_their_optional_target(make_task, make_evaluator):
    features = {
        "inputs": evalkit.Feature(evalkit.ByteVocabulary()),
        "targets": evalkit.Feature(evalkit.ByteVocabulary(), required=False),
    }

    def drop(dataset):
        return dataset.map(lambda example: {"inputs": example["inputs"]})

    task = make_task(output_features=features, preprocessors=[drop, preprocessors.tokenize])
    with pytest.raises(errors.EvalkitError, match="'targets'"):
        make_evaluator(task, feature_converter=evalkit.PassThroughFeatureConverter())


# What is known at `evaluate`, before the first model call.


def test_a_missing_model_function(make_task, make_evaluator):
    def scored(targets, scores):
        return {}

    evaluator = make_evaluator(make_task(metric_fns=[exact, scored]))
    with pytest.raises(errors.ArgumentError, match="'spanish': metric 'scored' judges score outputs.*Pass score_fn"):
        evaluator.evaluate(predict_fn=never)
    with pytest.raises(errors.ArgumentError, match="metric 'exact' judges prediction outputs.*Pass predict_fn"):
        evaluator.evaluate()


def test_a_closed_evaluator(make_evaluator):
    evaluator = make_evaluator()
    evaluator.close()
    evaluator.close()
    with pytest.raises(errors.ArgumentError, match="This Evaluator is closed"):
        evaluator.evaluate(predict_fn=never)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ({"target": 3}, "sequence_length has 'target', which is no task's output feature. Nearest: 'targets'"),
        ({"targets": 0}, "sequence_length of feature 'targets' is 0; expected at least 1"),
        ({"inputs": 4, "targets": (2, -1)}, "sequence_length of feature 'targets' is .2, -1.; expected at least 1"),
    ],
)
def test_lengths_that_cannot_be(unread, make_evaluator, lengths, message):
    with pytest.raises(errors.ArgumentError, match=message):
        make_evaluator(unread(), sequence_length=lengths)


def test_a_model_function_that_is_none(make_evaluator):
    with pytest.raises(errors.ArgumentError, match="Pass predict_fn"):
        make_evaluator().evaluate(model_fns={ModelOutputType.PREDICTION: None})


def test_a_converter_that_drops_examples(make_task, make_evaluator):
    class Dropping(evalkit.PassThroughFeatureConverter):
        def __call__(self, ds, task_feature_lengths):
            return super().__call__(ds, task_feature_lengths).take(3)

    with pytest.raises(errors.FeatureError, match="Task 'spanish': Dropping made 3 examples of 5"):
        make_evaluator(feature_converter=Dropping())


def test_a_target_that_is_not_utf8(make_task, make_evaluator):
    def spoil(dataset):
        return dataset.map(
            lambda example: {**example, "targets_pretokenized": b"\xff" + example["targets_pretokenized"]}
        )

    task = make_task(preprocessors=[preprocessors.tokenize, spoil])
    with pytest.raises(errors.FeatureError, match="'spanish', example 0: feature 'targets_pretokenized' is not UTF-8"):
        make_evaluator(task)
