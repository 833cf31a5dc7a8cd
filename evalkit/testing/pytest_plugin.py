"""A pytest plugin: what a test registers is forgotten after it. Installed with evalkit, and loaded by pytest itself.

A registration lives as long as what made it:

* a test, with its `setUp`, its fixtures of its own scope and whatever they call: until its teardown is done;
* a fixture for a class, a module or more (`setUpClass` and `setup_module` are such fixtures): until it is torn down;
* a module that is imported, when and by whomever: for good, since importing it again would not register again;
* the collection of tests: for good.

So that tests may be run in any order, again, or alone. To turn it off: `evalkit_restore_registries = false` in the
configuration file, or the marker `evalkit_keep_registrations` on a test, class or module. A test whose suite has turned
it off asks for it with the fixture `evalkit_registries`.

Tests that never import evalkit pay for a look-up in `sys.modules`; the plugin imports neither TensorFlow nor JAX.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, final

import pytest

from evalkit.testing.registry_state import Registrations, RegistryState

OPTION = "evalkit_restore_registries"
MARKER = "evalkit_keep_registrations"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Defines the option."""
    parser.addini(OPTION, "whether evalkit's registries forget after each test what it registered", "bool", True)


def pytest_configure(config: pytest.Config) -> None:
    """Defines the marker, and begins to watch tests, if that is wanted."""
    config.addinivalue_line("markers", f"{MARKER}: what the test registers in evalkit's registries stays after it.")
    if config.getini(OPTION):
        config.pluginmanager.register(RegistryKeeper(), "evalkit-registry-keeper")


@pytest.fixture
def evalkit_registries() -> Iterator[None]:
    """What is registered from here to the end of the test is forgotten after it."""
    before = RegistryState.now()
    yield
    before.restore()


@final
class RegistryKeeper:
    """Watches tests and fixtures.

    Hooks rather than fixtures: they see every kind of test, all that it does, and each time that a plugin repeats it.
    """

    def __init__(self) -> None:
        """Nothing is watched yet."""
        self._before_test: RegistryState | None = None
        self._open: list[RegistryState] = []  # of the test and of the fixtures that are being set up: from outside in
        self._of_fixtures: dict[Any, Registrations] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Notes the state before a test."""
        self._before_test = RegistryState.now()
        self._open = [self._before_test]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Goes back to it when the test is torn down."""
        try:
            return (yield)
        finally:
            if self._before_test is not None and not item.get_closest_marker(MARKER):
                self._before_test.restore()
            self._before_test, self._open = None, []

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Notes what a fixture registers that outlives the test."""
        if fixturedef.scope == "function":
            return (yield)
        before = RegistryState.now()
        self._open.append(before)
        try:
            return (yield)
        finally:
            self._open.pop()
            made = self._of_fixtures[fixturedef] = Registrations(before, RegistryState.now())
            for state in self._open:
                made.redo_in(state)

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Takes back what such a fixture registered."""
        made = self._of_fixtures.pop(fixturedef, None)
        if made is not None:
            now = RegistryState.now()
            for state in (now, *self._open):
                made.undo_in(state)
            now.restore()
