"""The protocol of mergeable metrics, and what a user's own must define."""

from __future__ import annotations

import flax
import numpy as np
import pytest

from evalkit import errors, metrics


@flax.struct.dataclass
class Count(metrics.Metric):
    """As code written for seqio defines one."""

    count: int = 0
    model_output_type: metrics.ModelOutputType = metrics.ModelOutputType.PREDICTION

    @classmethod
    def empty(cls):
        return cls(count=0)

    @classmethod
    def from_model_output(cls, inputs, model_output, features, target_field_name="targets", mask=None, indices_2d=None):
        return cls(count=len(inputs) if mask is None else mask.sum())

    def merge(self, other):
        return type(self)(count=self.count + other.count)

    def compute(self):
        return {"count": self.count}


def test_a_metric_written_for_seqio_works():
    parts = [Count.from_model_output([1, 2, 3], [], {}, mask=np.array(mask)) for mask in ([1, 1, 0], [1, 0, 0])]
    assert Count.empty().merge(parts[0]).merge(parts[1]).compute() == {"count": 3}


class OnOneMachine(metrics.Metric):
    model_output_type = metrics.ModelOutputType.SCORE

    def from_model_output(
        self, inputs, model_output, features, target_field_name="targets", mask=None, indices_2d=None
    ):
        return self

    def compute(self):
        return {}


def test_a_metric_that_does_not_merge_says_so_when_asked():
    with pytest.raises(errors.MetricError, match=r"OnOneMachine cannot be merged.*define `merge\(other\)`"):
        OnOneMachine().merge(OnOneMachine())
    with pytest.raises(errors.MetricError, match=r"OnOneMachine cannot start from nothing.*define `empty\(\)`"):
        OnOneMachine().empty()


def test_the_protocol_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        metrics.Metric()  # type: ignore[abstract]
