"""Which chain of calls led to a registration, when that is asked for."""

from __future__ import annotations

import importlib
import inspect
import sys

import pytest

from evalkit.data import MixtureRegistry, TaskRegistry, scoped_registries
from evalkit.data.provenance import RegistrationLog, user_call_sites
from evalkit.data.source_info import calling_site
from evalkit.errors import ArgumentError, DuplicateNameError


@pytest.fixture(autouse=True)
def scoped():
    with scoped_registries():
        yield


@pytest.fixture
def add(make_source, features):
    return lambda name: TaskRegistry.add(name, source=make_source(), output_features=features)


def test_a_registration_knows_who_called_the_helper(make_source, features):
    def helper(name):
        return TaskRegistry.add(name, source=make_source(), output_features=features)

    with RegistrationLog() as log:
        line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
        helper("numbers")
    (registration,) = log.registrations()
    assert (registration.name, registration.provider_type) == ("numbers", "Task")
    sites = [(site.file_path, site.line_number) for site in registration.call_sites]
    assert sites[:2] == [(__file__, helper.__code__.co_firstlineno + 1), (__file__, line)]
    assert len(sites) == 5  # and on through pytest
    assert registration.call_sites[0] == TaskRegistry.get("numbers").source_info


def test_the_lines_are_those_of_the_frame_that_registers(make_task):
    task = make_task("numbers")
    with RegistrationLog() as log:
        expected = user_call_sites(inspect.currentframe()); TaskRegistry.add_provider("numbers", task)  # fmt: skip  # noqa: E702
    assert log.by_name() == {"numbers": ("Task", expected)}


def test_imports_lead_from_module_to_module_without_pythons_own_frames(tmp_path, monkeypatch, add):
    (tmp_path / "provenance_outer.py").write_text("# the first line\nimport provenance_inner\n")
    (tmp_path / "provenance_inner.py").write_text("import builtins\n\nbuiltins.add_for_provenance('numbers')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("builtins.add_for_provenance", add, raising=False)
    with RegistrationLog(max_frames=4) as log:
        line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
        importlib.import_module("provenance_outer")
    for name in ("provenance_outer", "provenance_inner"):
        del sys.modules[name]
    _, places = log.by_name()["numbers"]
    assert places[1:] == [
        f"{tmp_path}/provenance_inner.py:3",
        f"{tmp_path}/provenance_outer.py:2",
        f"{__file__}:{line}",
    ]


@pytest.mark.parametrize("module", [{}, {"__name__": None}, {"__name__": "no_such_module"}])
def test_code_without_a_module_has_a_place_as_well(module, make_source, features):
    code = "\nadd('numbers', source=source, output_features=features)"
    names = {**module, "add": TaskRegistry.add, "source": make_source(), "features": features}
    with RegistrationLog(max_frames=2) as log:
        line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
        exec(code, names)
    assert log.by_name() == {"numbers": ("Task", ["<string>:2", f"{__file__}:{line}"])}
    assert str(TaskRegistry.get("numbers").source_info) == "<string>:2"
    assert eval("site()", {**module, "site": calling_site}).file_path == "<string>"


def test_nothing_is_recorded_before_the_start_and_after_the_end(add):
    log = RegistrationLog()
    add("before")
    assert not log.is_on()
    with log:
        assert log.is_on()
        add("within")
    add("after")
    log.record(inspect.currentframe(), "by_hand", "Task")
    assert [each.name for each in log.registrations()] == ["within"]


def test_starting_again_forgets_and_stopping_twice_is_fine(add):
    log = RegistrationLog()
    log.start()
    add("first")
    log.start()
    add("second")
    log.stop()
    log.stop()
    add("third")
    assert list(log.by_name()) == ["second"]


def test_two_logs_record_side_by_side(add):
    with RegistrationLog() as outer:
        add("first")
        with RegistrationLog(max_frames=1) as inner:
            add("second")
    assert list(outer.by_name()) == ["first", "second"]
    assert [len(each.call_sites) for each in inner.registrations()] == [1]


def test_a_name_is_there_as_often_as_it_was_registered_and_not_where_it_was_refused(add, make_source, features):
    with RegistrationLog() as log:
        add("numbers")
        with pytest.raises(DuplicateNameError):
            add("numbers")
        MixtureRegistry.add("numbers", [("numbers", 1)])
        TaskRegistry.add("numbers", source=make_source(), output_features=features, override=True)
    assert [each.provider_type for each in log.registrations()] == ["Task", "Mixture", "Task"]


def test_a_table_has_a_column_for_the_deepest_call_stack(add):
    with RegistrationLog(max_frames=2) as log:
        add("numbers")
        site = TaskRegistry.get("numbers").source_info
        exec("add('others')", {"add": lambda name: log.record(None, name, "Task")})  # from nowhere
    header, first, second, end = log.to_tsv().split("\n")
    assert header == "name\ttype\tregistered at\tcalled from"
    assert first.split("\t")[:3] == ["numbers", "Task", str(site)]
    assert second == "others\tTask\t\t"
    assert end == ""
    assert log.to_tsv("other").splitlines() == ["name\ttype\tregistered at", "others\tTask\t"]


def test_fewer_frames_than_one():
    with pytest.raises(ArgumentError, match="max_frames must be at least 1, found 0"):
        RegistrationLog(max_frames=0)
