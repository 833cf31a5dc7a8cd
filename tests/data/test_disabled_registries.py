"""Registries that are out of use, and always come back."""

from __future__ import annotations

import pytest

from evalkit.data import (
    Mixture,
    MixtureRegistry,
    TaskRegistry,
    disable_registry,
    get_mixture_or_task,
    scoped_registries,
)
from evalkit.errors import ArgumentError, UnknownNameError


@pytest.fixture(autouse=True)
def empty_registries():
    """Other test modules register tasks when they are imported; here nothing is registered but what a test adds."""
    with scoped_registries():
        TaskRegistry.reset()
        MixtureRegistry.reset()
        yield


@pytest.fixture
def register(make_source, make_task, features):
    """Registers a task and a mixture in each way that there is."""

    def register_all():
        made = TaskRegistry.add("a", make_source(), features)
        TaskRegistry.add_provider("b", make_task("b"))
        mixed = MixtureRegistry.add("m", ["a", "b"], default_rate=1.0)
        MixtureRegistry.add_provider("n", Mixture("n", [(make_task("c"), 1)]))
        return made, mixed

    return register_all


def test_nothing_is_registered_within_the_block_and_all_is_after_it(register):
    with disable_registry():
        assert register() == (None, None)
        assert not TaskRegistry.names() and not MixtureRegistry.names()
    task, mixture = register()
    assert TaskRegistry.get("a") is task and MixtureRegistry.get("m") is mixture
    assert set(TaskRegistry.names()) == {"a", "b"} and set(MixtureRegistry.names()) == {"m", "n"}


@pytest.mark.parametrize(
    ("look_up", "registry"),
    [
        (TaskRegistry.get, "TaskRegistry"),
        (MixtureRegistry.get, "MixtureRegistry"),
        (get_mixture_or_task, "TaskRegistry"),
        (lambda name: Mixture("m", [(name, 1)]), "TaskRegistry"),
    ],
)
def test_names_cannot_be_looked_up(look_up, registry):
    with disable_registry():
        with pytest.raises(UnknownNameError, match=f"Disabled {registry}.get call: 'a'.*pass the object itself"):
            look_up("a")
    with pytest.raises(UnknownNameError, match="No .* named 'a' is registered"):
        look_up("a")


def test_without_a_block_it_lasts_until_it_is_closed(register):
    disabled = disable_registry()
    register()
    assert not TaskRegistry.names()
    disabled.close()
    register()
    assert TaskRegistry.names()


def test_it_ends_with_a_scope_and_with_an_error(register):
    with scoped_registries():
        disable_registry()
    with pytest.raises(ZeroDivisionError), disable_registry():
        1 / 0  # noqa: B018
    assert register()[0] is not None


def test_blocks_nest(register):
    with disable_registry():
        with disable_registry():
            pass
        assert register() == (None, None)


def test_what_is_registered_already_is_not_hidden(make_task):
    for name in "abcd":
        TaskRegistry.add_provider(name, make_task(name))
    with pytest.raises(ArgumentError, match="The TaskRegistry is non-empty: it has 'a', 'b', 'c' …. Call disable_reg"):
        disable_registry()
    MixtureRegistry.add("m", ["a"], default_rate=1)
    with pytest.raises(ArgumentError, match="The TaskRegistry, MixtureRegistry is non-empty"):
        disable_registry()
    assert set(TaskRegistry.names()) == set("abcd")
