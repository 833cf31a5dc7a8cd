"""What a metric function judges, read from its parameters."""

from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from evalkit import errors, metrics
from evalkit.metrics import ModelOutputType, metric_fn_output_type


def on_predictions(targets, predictions): ...


def on_scores(targets, scores): ...


def on_aux_values(targets, predictions, aux_values): ...


def with_own_parameters(targets, predictions, beta=2.0, *, digits=3, **others): ...


def with_a_knob(targets, scores, knob): ...


def with_a_leading_knob(knob, targets, scores): ...


class Judge:
    def __call__(self, targets, predictions): ...

    def by_score(self, targets, scores): ...


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (on_predictions, ModelOutputType.PREDICTION),
        (on_scores, ModelOutputType.SCORE),
        (on_aux_values, ModelOutputType.PREDICTION_WITH_AUX),
        (with_own_parameters, ModelOutputType.PREDICTION),
        (lambda targets, predictions: {}, ModelOutputType.PREDICTION),
        (functools.partial(with_a_knob, knob=3), ModelOutputType.SCORE),
        (functools.partial(functools.partial(with_a_knob), knob=3), ModelOutputType.SCORE),
        # A keyword bound in front makes the rest keyword-only, which is how metric functions are called.
        (functools.partial(with_a_leading_knob, knob=3), ModelOutputType.SCORE),
        (functools.partial(with_a_leading_knob, 3), ModelOutputType.SCORE),
        (Judge(), ModelOutputType.PREDICTION),
        (Judge().by_score, ModelOutputType.SCORE),
    ],
)
def test_names_of_parameters_tell_what_is_judged(fn, expected):
    assert metric_fn_output_type(fn) is expected
    assert metric_fn_output_type(fn) is expected  # and again, from memory


def positional_only(targets, predictions, /): ...


def in_the_wrong_order(predictions, targets): ...


@pytest.mark.parametrize(
    ("fn", "signature"),
    [
        (in_the_wrong_order, r"\(predictions, targets\)"),
        (lambda targets, predictions=0: {}, r"\(targets, predictions=0\)"),
        (with_a_knob, r"\(targets, scores, knob\)"),
        (lambda targets, predictions, *, knob: {}, r"\(targets, predictions, \*, knob\)"),
        (positional_only, r"\(targets, predictions, /\)"),
        (lambda *args, **kwargs: {}, r"\(\*args, \*\*kwargs\)"),
    ],
)
def test_a_signature_that_fits_nothing_is_refused(fn, signature):
    with pytest.raises(errors.DefinitionError, match=signature):
        metric_fn_output_type(fn)


def test_the_message_says_which_function_where_and_what_fits():
    line = in_the_wrong_order.__code__.co_firstlineno
    with pytest.raises(ValueError, match="in_the_wrong_order") as caught:
        metric_fn_output_type(in_the_wrong_order)
    for fitting in ("('targets', 'predictions')", "('targets', 'scores')", "('targets', 'predictions', 'aux_values')"):
        assert fitting in str(caught.value)
    assert f"test_signature.py:{line}" in caught.value.__notes__[0]


def test_the_message_looks_into_partials_and_objects():
    with pytest.raises(errors.DefinitionError, match=r"'with_a_knob' \(.*test_signature.py:\d+\)"):
        metric_fn_output_type(functools.partial(with_a_knob, 1, knob=2))

    class Silent:
        def __call__(self): ...

    with pytest.raises(errors.DefinitionError, match=r"'Silent' \(.*test_signature.py:\d+\)"):
        metric_fn_output_type(Silent())


def test_something_without_a_signature_is_refused():
    with pytest.raises(errors.DefinitionError, match="no signature to read"):
        metric_fn_output_type("accuracy")  # type: ignore[arg-type]


def test_the_memory_keeps_no_function_alive():
    def local(targets, predictions): ...

    metric_fn_output_type(local)
    alive = weakref.ref(local)
    del local
    gc.collect()
    assert alive() is None


def test_a_callable_that_cannot_be_hashed_works():
    class Unhashable(Judge):
        def __eq__(self, other):
            return self is other

    with pytest.raises(TypeError, match="unhashable"):
        hash(Unhashable())
    assert metric_fn_output_type(Unhashable()) is ModelOutputType.PREDICTION


def test_output_types_have_seqios_numbers_and_names():
    assert [(kind.value, ModelOutputType.to_str(kind)) for kind in ModelOutputType] == [
        (1, "prediction"),
        (2, "score"),
        (3, "prediction_with_aux"),
        (4, "score_with_intermediates"),
    ]


def test_every_ready_made_metric_can_be_registered():
    ready: list[Callable[..., Any]] = [
        metrics.accuracy, metrics.binary_f1, metrics.bits_per_byte, metrics.bleu, metrics.exact_match,
        metrics.exact_match_any, metrics.f1_per_label, metrics.macro_f1, metrics.matthews, metrics.mean_log_likelihood,
        metrics.micro_f1, metrics.multiple_choice_accuracy, metrics.multiple_choice_accuracy_by_length, metrics.pearson,
        metrics.rouge, metrics.sequence_accuracy, metrics.spearman, metrics.squad, metrics.token_accuracy,
        metrics.token_perplexity, metrics.weighted_f1, metrics.word_perplexity,
    ]  # fmt: skip
    by_score = {"bits_per_byte", "mean_log_likelihood", "token_perplexity", "word_perplexity"}
    by_score |= {"multiple_choice_accuracy", "multiple_choice_accuracy_by_length"}
    for fn in ready:
        expected = ModelOutputType.SCORE if fn.__name__ in by_score else ModelOutputType.PREDICTION
        assert metric_fn_output_type(fn) is expected, fn.__name__
