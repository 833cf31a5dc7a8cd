"""Metric values: seqio's names, fields and defaults."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from evalkit import errors, metrics


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (metrics.Scalar, {"value": dataclasses.MISSING}),
        (metrics.Text, {"textdata": dataclasses.MISSING}),
        (metrics.Image, {"image": dataclasses.MISSING, "max_outputs": 3}),
        (metrics.Audio, {"audiodata": dataclasses.MISSING, "sample_rate": 44100, "max_outputs": 3}),
        (metrics.Histogram, {"values": dataclasses.MISSING, "bins": None}),
        (metrics.Generic, {"tensor": dataclasses.MISSING, "metadata": dataclasses.MISSING}),
    ],
)
def test_fields_and_defaults_are_those_that_code_written_for_seqio_passes(kind, fields):
    assert {field.name: field.default for field in dataclasses.fields(kind)} == fields
    assert issubclass(kind, metrics.MetricValue)


def test_equal_scalars_are_equal():
    assert metrics.Scalar(0.5) == metrics.Scalar(0.5) != metrics.Scalar(0.25)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.Image(np.zeros((1, 2, 2, 1)), max_outputs=-1), r"Image\(max_outputs=-1\)"),
        (lambda: metrics.Audio(np.zeros((1, 2, 1)), max_outputs=-1), r"Audio\(max_outputs=-1\)"),
        (lambda: metrics.Audio(np.zeros((1, 2, 1)), sample_rate=0), r"sample_rate must be at least 1"),
        (lambda: metrics.Histogram(np.zeros(3), bins=-2), r"bins must be at least 0"),
    ],
)
def test_impossible_fields_are_refused(make, message):
    with pytest.raises(errors.ArgumentError, match=message):
        make()


def test_a_kind_of_ones_own_may_be_any_dataclass():
    @dataclasses.dataclass
    class Table(metrics.MetricValue):
        rows: list[int]

    assert isinstance(Table([1]), metrics.MetricValue)
