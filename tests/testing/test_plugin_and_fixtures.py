"""The pytest plugin in real runs of pytest: what a fixture registers lives as long as the fixture."""

from __future__ import annotations

from evalkit.data import TaskRegistry
from tests.testing.inner_runs import HEAD, OPTIONS


def test_a_fixture_keeps_its_tasks_as_long_as_it_lives(run, pytester):
    pytester.makeconftest(
        HEAD
        + """
@pytest.fixture(scope="session")
def of_session():
    add("inner_session")
"""
    )
    pytester.makepyfile(
        test_a=HEAD
        + """
@pytest.fixture(scope="module")
def of_module():
    add("inner_module")

@pytest.fixture(scope="class")
def of_class():
    add("inner_class")

@pytest.fixture
def of_function():
    add("inner_function")

def test_before():
    assert not names()

class TestClass:
    def test_first(self, of_class, of_function):
        add("inner")
        assert names() == {"inner", "inner_class", "inner_function"}

    def test_second(self, of_module, request):
        assert names() == {"inner_class", "inner_module"}
        request.getfixturevalue("of_session")  # wider than what is set up already
        assert names() == {"inner_class", "inner_module", "inner_session"}

def test_after_the_class():
    assert names() == {"inner_module", "inner_session"}
""",
        test_b=HEAD
        + """
def test_in_another_module():
    assert names() == {"inner_session"}
    add("inner_module")
""",
    )
    pytester.runpytest_inprocess(*OPTIONS).assert_outcomes(passed=5)
    assert not [name for name in TaskRegistry.names() if name.startswith("inner")]


def test_what_a_wide_fixture_registers_before_it_fails_is_forgotten(run):
    run(
        """
@pytest.fixture(scope="class")
def broken():
    add("inner_of_fixture")
    raise ValueError

class TestClass:
    def test_is_never_run(self, broken):
        pass

    def test_lives_beside_it(self):
        assert names() == {"inner_of_fixture"}

def test_finds_nothing():
    assert not names()
""",
        passed=2,
        errors=1,
    )


def test_a_fixture_with_parameters_registers_once_for_each(run):
    run(
        """
@pytest.fixture(scope="module", params=[1, 2])
def parameter(request):
    add("inner")
    return request.param

def test_one(parameter):
    assert names() == {"inner"}

def test_two(parameter):
    assert names() == {"inner"}
""",
        passed=4,
    )


def test_unittest_and_its_fixtures(run):
    run(
        """
import unittest

def setup_module():
    add("inner_module")

class Tests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        add("inner_class")

    def setUp(self):
        add("inner")

    def test_one(self):
        self.assertEqual(names(), {"inner_module", "inner_class", "inner"})

    def test_two(self):
        self.assertEqual(names(), {"inner_module", "inner_class", "inner"})

class Others(unittest.TestCase):
    def test_three(self):
        self.assertEqual(names(), {"inner_module"})
"""
    )
