"""Collecting metrics: merging is associative, and linear in the number of batches."""

from __future__ import annotations

import dataclasses
import pickle
import time

import flax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.metrics import CollectingMetric, ModelOutputType


@dataclasses.dataclass(frozen=True)
class Outputs(CollectingMetric):
    model_output_type = ModelOutputType.PREDICTION

    def actual_compute(
        self, task_dataset_as_numpy, task_output_features, target_field_name="targets", cached_targets=None
    ):
        return {"rows": len(self.values["mask"])}, {}


def batch(rows, **ids):
    return Outputs.from_model_output([], rows, {}, **ids)


def content(metric):
    return {name: np.asarray(rows).tolist() for name, rows in metric.values.items()}


def test_a_batch_without_ids_and_mask_is_numbered_and_whole():
    metric = batch(np.array([[1, 2], [3, 4]]))
    assert content(metric) == {
        "model_output": [[1, 2], [3, 4]],
        "indices_2d": [[0, 0], [0, 1]],
        "mask": [True, True],
    }
    assert metric.compute().keys() == metric.values.keys()


def test_batches_without_ids_are_numbered_on():
    merged = batch([[1], [2]]).merge(batch([[3]])).merge(batch([[4]]))
    assert merged.values["indices_2d"].tolist() == [[0, 0], [0, 1], [0, 2], [0, 3]]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_merge_is_associative(data):
    """Any grouping of the same batches collects the same rows in the same order."""
    sizes = data.draw(st.lists(st.integers(0, 3), min_size=2, max_size=8))
    rows = iter(range(100))
    batches = [batch([[next(rows)] for _ in range(size)]) for size in sizes]
    in_line = batches[0]
    for part in batches[1:]:
        in_line = in_line.merge(part)
    parts = list(batches)
    while len(parts) > 1:
        i = data.draw(st.integers(0, len(parts) - 2))
        if data.draw(st.booleans()):
            dict(parts[i].values)  # reading in between changes nothing
        parts[i : i + 2] = [parts[i].merge(parts[i + 1])]
    assert content(parts[0]) == content(in_line)
    assert [row for rows_ in parts[0].values["model_output"] for row in rows_] == list(range(sum(sizes)))


def test_merging_nothing_changes_nothing():
    metric = batch([[1]])
    for merged in (Outputs.empty().merge(metric), metric.merge(Outputs().empty())):
        assert content(merged) == content(metric)
    assert Outputs.empty().merge(Outputs.empty()).values == {}


def test_merging_is_linear():
    """800 batches of 128 examples: seqio takes 19 s."""
    part = batch(np.zeros((128, 64), np.int32))
    started = time.process_time()
    merged = Outputs.empty()
    for _ in range(800):
        merged = merged.merge(part)
    assert merged.values["model_output"].shape == (102_400, 64)
    assert time.process_time() - started < 0.5


def test_a_long_chain_of_merges_is_joined_and_freed_without_recursion():
    part = batch([[1]])
    for read in (True, False):
        merged = Outputs.empty()
        for _ in range(20_000):
            merged = merged.merge(part)
        if read:
            assert len(merged.values["mask"]) == 20_000
        del merged


def test_auxiliary_values_are_merged_with_their_rows():
    first, second = (batch(([[i], [i, i]], {"scores": np.array([i, -i])})) for i in (1, 2))
    outputs, aux = first.merge(second).values["model_output"]
    assert outputs == [[1], [1, 1], [2], [2, 2]]
    assert aux["scores"].tolist() == [1, -1, 2, -2]


def test_merging_leaves_the_parts_as_they_are():
    first, second = batch([[1]]), batch([[2]])
    first.merge(second).compute()
    assert content(first)["model_output"] == [[1]]
    assert content(second)["model_output"] == [[2]]


def test_what_was_collected_pickles():
    merged = batch([[1]]).merge(batch([[2]]))
    assert content(pickle.loads(pickle.dumps(merged))) == content(merged)
    assert "model_output" in repr(merged)


def test_a_collecting_metric_written_for_seqio_works():
    @flax.struct.dataclass
    class Mine(CollectingMetric):  # type: ignore[misc]  # frozen by flax
        model_output_type: ModelOutputType = ModelOutputType.SCORE

        def actual_compute(
            self, task_dataset_as_numpy, task_output_features, target_field_name="targets", cached_targets=None
        ):
            return {"total": sum(self.values["model_output"])}, {}

    merged = Mine.from_model_output(inputs=[], model_output=[1.0], features={}).merge(
        Mine(values={"model_output": [2.0], "indices_2d": None, "mask": [True]})
    )
    assert merged.actual_compute([], {})[0] == {"total": 3.0}


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ({"mask": [True]}, r"mask must have shape \[2\].*found \[1\]"),
        ({"indices_2d": [[0, 0]]}, r"shape \[2, 2\]"),
    ],
)
def test_ids_that_do_not_match_are_refused(ids, message):
    with pytest.raises(errors.MetricError, match=message):
        batch([[1], [2]], **ids)


def test_numbered_and_unnumbered_batches_do_not_mix():
    merged = batch([[1]]).merge(batch([[2]], indices_2d=[[0, 1]]))
    with pytest.raises(errors.MetricError, match="1 of 2 merged batches have no indices_2d"):
        merged.compute()


def test_batches_of_other_fields_do_not_merge():
    merged = Outputs(values={"loss": [1.0]}).merge(Outputs(values={"error": [1.0]}))
    with pytest.raises(errors.MetricError, match=r"fields \['loss'\] and \['error'\]"):
        merged.compute()
