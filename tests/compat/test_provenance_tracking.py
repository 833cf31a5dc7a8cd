"""The names of seqio's `task_registry_provenance_tracking`, used as seqio's own scripts use them."""

from __future__ import annotations

import inspect

import pytest

from evalkit.compat import seqio
from evalkit.compat.seqio import task_registry_provenance_tracking as tracking
from evalkit.data import scoped_registries


@pytest.fixture
def tracked():
    with scoped_registries():
        tracking.turn_on_tracking()
        yield
    tracking.turn_on_tracking.__self__.stop()


def test_tracking_tells_type_and_call_sites_of_each_name(tracked):
    feature = seqio.Feature(seqio.PassThroughVocabulary(10))
    task = seqio.Task("numbers", seqio.TextLineDataSource({"test": "t.txt"}), {"targets": feature})
    sites = tracking.informative_upstream_callsites_from_frame(inspect.currentframe(), 2)
    seqio.TaskRegistry.add_provider("numbers", task)
    seqio.MixtureRegistry.add("mix", ["numbers"], default_rate=1.0)
    tracking.maybe_record_provenance(None, "by_hand", "Task")
    here, line = sites[0].rsplit(":", 1)
    found = tracking.view_provenances()
    assert found["numbers"] == ("Task", [f"{here}:{int(line) + 1}", *found["numbers"][1][1:]])
    assert found["mix"][0] == "Mixture"
    assert found["by_hand"] == ("Task", [])
    assert len(found["numbers"][1]) == 5


def test_nothing_is_tracked_until_it_is_turned_on():
    assert not tracking.registration_provenance_tracking_is_on()
    tracking.maybe_record_provenance(inspect.currentframe(), "never", "Task")
    assert "never" not in tracking.view_provenances()


def test_turning_on_forgets_what_was_before(tracked):
    assert tracking.registration_provenance_tracking_is_on()
    tracking.maybe_record_provenance(None, "before", "Task")
    tracking.turn_on_tracking()
    assert tracking.view_provenances() == {}
