"""What is refused when a task is made, before any data is read."""

from __future__ import annotations

import functools

import pytest

from evalkit.data import CacheDatasetPlaceholder
from evalkit.errors import DefinitionError


@pytest.mark.parametrize("name", ["gsm8k", "t5:glue_v2.0", "valid#name", "größe"])
def test_valid_names(make_task, name):
    assert make_task(name).name == name


@pytest.mark.parametrize("name", ["invalid/name", "with space", "", "a-b", 3])
def test_invalid_names(make_task, name):
    with pytest.raises(DefinitionError, match=f"Task name {name!r} contains invalid characters. Must match regex"):
        make_task(name)


def of_predictions(targets, predictions):
    return {}


def of_scores(targets, scores):
    return {}


def of_aux_values(targets, predictions, aux_values):
    return {}


def with_option(targets, predictions, weight=3):
    return {}


def test_metric_functions_are_told_apart_by_their_arguments(make_task):
    task = make_task(metric_fns=[of_aux_values, of_scores, with_option, of_predictions])
    assert task.predict_metric_fns == [with_option, of_predictions]
    assert task.score_metric_fns == [of_scores]
    assert task.predict_with_aux_metric_fns == [of_aux_values]
    assert task.metric_fns == [with_option, of_predictions, of_scores, of_aux_values]


def test_metric_objects_are_the_given_ones_and_then_the_functions(make_task):
    given = object()

    def lower(text, **unused):
        return text.lower()

    task = make_task(metric_objs=[given], metric_fns=[of_scores, of_predictions], postprocess_fn=lower)
    first, *functions = task.metric_objs
    assert first is given
    assert [function.fn for function in functions] == [of_predictions, of_scores]
    assert all(function.postprocess_fn is lower for function in functions)
    assert task.metric_objs == task.metric_objs


@pytest.mark.parametrize(
    ("metric", "shown"),
    [
        (lambda predictions, targets: {}, r"\(predictions, targets\)"),
        (lambda targets, predictions, extra: {}, r"\(targets, predictions, extra\)"),
        (lambda targets, predictions=(0): {}, r"\(targets, predictions=0\)"),
        (lambda: {}, r"\(\)"),
        (functools.partial(of_scores, None), r"\(scores\)"),
    ],
)
def test_a_metric_signature_that_fits_nothing_is_refused_at_registration(make_task, metric, shown):
    with pytest.raises(DefinitionError, match=rf"(?s) has the signature {shown}.*The task is 'rows'"):
        make_task(metric_fns=[metric])


def needs_lengths(dataset, sequence_length):
    return dataset


def test_lengths_are_unknown_before_the_cache(make_task):
    steps = [needs_lengths, CacheDatasetPlaceholder()]
    with pytest.raises(DefinitionError, match="'needs_lengths' has a `sequence_length` argument but occurs before"):
        make_task(preprocessors=steps)
    make_task(preprocessors=steps[::-1])


def test_a_random_step_before_the_cache_is_warned_of(make_task, caplog):
    make_task(preprocessors=[lambda dataset, seed: dataset, CacheDatasetPlaceholder()])
    assert "random (`seed`) but occurs before" in caplog.text


def test_at_most_one_placeholder(make_task):
    with pytest.raises(DefinitionError, match="CacheDatasetPlaceholder at preprocessors 0, 1; there may be one"):
        make_task(preprocessors=[CacheDatasetPlaceholder(), CacheDatasetPlaceholder()])


def test_a_source_that_prohibits_caching(make_task, make_source):
    with pytest.raises(DefinitionError, match="its source prohibits caching"):
        make_task(source=make_source(caching_permitted=False), preprocessors=[CacheDatasetPlaceholder()])


def test_a_shuffle_buffer_of_nothing(make_task):
    with pytest.raises(DefinitionError, match="shuffle_buffer_size must be at least 1.* found 0"):
        make_task(shuffle_buffer_size=0)


def test_a_placeholder_is_not_a_preprocessor():
    with pytest.raises(RuntimeError, match="marks a place among preprocessors"):
        CacheDatasetPlaceholder()(None)
    assert repr(CacheDatasetPlaceholder(required=True)) == "CacheDatasetPlaceholder(required=True)"


def test_a_placeholder_with_a_buffer_of_nothing():
    with pytest.raises(DefinitionError, match="file_shuffle_buffer_size must be at least 1"):
        CacheDatasetPlaceholder(file_shuffle_buffer_size=0)


def test_features_are_sorted_and_preprocessors_copied(make_task, features):
    steps = [needs_lengths]
    task = make_task(preprocessors=steps, output_features=dict(reversed(features.items())))
    steps.append(needs_lengths)
    assert list(task.output_features) == ["inputs", "targets"]
    assert task.preprocessors == [needs_lengths]
    assert task.preprocessors_requiring_sequence_length == ["needs_lengths"]
