"""The pytest plugin in real runs of pytest: what stays registered, and for how long.

Most runs are in this process, where evalkit is imported already; those that are about its first import have their own.
Each inner test says in its own words what it expects of the tests before it, so their order matters.
"""

from __future__ import annotations

import pytest

from evalkit.data import TaskRegistry
from tests.testing.inner_runs import OPTIONS

TASKS_MODULE = """
from evalkit.data import InMemoryDataSource, TaskRegistry

def add(name):
    TaskRegistry.add(name, source=InMemoryDataSource({"test": []}), output_features={})

add("inner_imported")
"""


def test_a_test_leaves_nothing_behind(run):
    run(
        """
def test_adds():
    add("inner")
    MixtureRegistry.add("inner_mixture", ["inner"], default_rate=1)

def test_finds_nothing_and_adds_again():
    assert not names() and "inner_mixture" not in MixtureRegistry.names()
    add("inner")
"""
    )
    assert "inner" not in TaskRegistry.names()


def test_what_a_test_removes_or_replaces_comes_back(run):
    run(
        """
FIRST = add("inner")  # at collection: stays

def test_replaces():
    assert TaskRegistry.add_provider("inner", add("inner_other"), override=True) is None
    assert TaskRegistry.get("inner") is not FIRST

def test_resets():
    assert TaskRegistry.get("inner") is FIRST
    TaskRegistry.reset()

def test_finds_it():
    assert names() == {"inner"} and TaskRegistry.get("inner") is FIRST
"""
    )


def test_a_failing_test_and_a_failing_fixture_leave_nothing_behind(run):
    run(
        """
@pytest.fixture
def broken():
    add("inner_of_fixture")
    raise ValueError

def test_fails():
    add("inner")
    assert False

def test_is_never_run(broken):
    pass

def test_finds_nothing():
    assert not names()
""",
        passed=1,
        failed=1,
        errors=1,
    )


def test_doctests(run):
    run(
        '''
def one():
    """
    >>> add("inner") and sorted(names())
    ['inner']
    """

def two():
    """
    >>> add("inner") and sorted(names())
    ['inner']
    """
''',
        "--doctest-modules",
        passed=2,
    )


@pytest.mark.parametrize("marked", ["test", "module"])
def test_the_marker_keeps_what_a_test_registers(run, marked):
    mark = "pytest.mark.evalkit_keep_registrations"
    run(
        f"""
{f"pytestmark = {mark}" if marked == "module" else ""}

{f"@{mark}" if marked == "test" else ""}
def test_adds():
    add("inner")

def test_finds_it():
    assert names() == {{"inner"}}
"""
    )
    assert "inner" in TaskRegistry.names()  # until this test is done


def test_the_option_turns_it_off_and_the_fixture_on(run, pytester):
    pytester.makeini("[pytest]\nevalkit_restore_registries = false\n")
    run(
        """
def test_adds():
    add("inner")

def test_asks_to_forget(evalkit_registries):
    assert names() == {"inner"}
    add("inner_more")

def test_finds_it():
    assert names() == {"inner"}
"""
    )


def test_the_marker_and_the_option_are_documented(pytester):
    pytester.runpytest_inprocess(*OPTIONS, "--markers").stdout.fnmatch_lines(["*evalkit_keep_registrations: *"])
    pytester.runpytest_inprocess(*OPTIONS, "--help").stdout.fnmatch_lines(["*evalkit_restore_registries *"])
    pytester.runpytest_inprocess(*OPTIONS, "--fixtures").stdout.fnmatch_lines(["evalkit_registries *"])


def test_a_module_that_is_first_imported_keeps_its_tasks(run, pytester):
    pytester.makepyfile(inner_tasks=TASKS_MODULE, inner_more_tasks=TASKS_MODULE.replace("imported", "more"))
    pytester.syspathinsert()
    run(
        """
@pytest.fixture(scope="class")
def importing():
    import inner_more_tasks

class TestClass:
    def test_imports(self, importing):
        import inner_tasks
        add("inner")

def test_finds_it():
    import inner_more_tasks, inner_tasks
    assert names() == {"inner_imported", "inner_more"}
"""
    )


def test_a_module_that_a_test_reloads_has_its_first_tasks_again(run, pytester):
    pytester.makepyfile(inner_tasks=TASKS_MODULE)
    pytester.syspathinsert()
    run(
        """
import importlib
import inner_tasks

FIRST = TaskRegistry.get("inner_imported")

def test_reloads():
    TaskRegistry.remove("inner_imported")
    importlib.reload(inner_tasks)
    assert TaskRegistry.get("inner_imported") is not FIRST

def test_finds_the_first():
    assert TaskRegistry.get("inner_imported") is FIRST
"""
    )


def test_a_worker_of_xdist_imports_nothing_for_tests_without_evalkit(pytester):
    """In a process of its own: here TensorFlow is imported already."""
    pytester.makepyfile(
        inner_tasks=TASKS_MODULE,
        test_inner="""
import sys

def test_nothing_is_imported():
    assert "evalkit.testing.pytest_plugin" in sys.modules
    assert not {"evalkit.data", "tensorflow", "jax", "numpy", "absl"} & set(sys.modules)

def test_imports_evalkit():
    import inner_tasks
    inner_tasks.add("inner")

def test_finds_what_the_import_registered():
    from evalkit.data import TaskRegistry
    assert set(TaskRegistry.names()) == {"inner_imported"}
    assert "tensorflow" in sys.modules
""",
    )
    result = pytester.runpytest_subprocess(*OPTIONS, "-n", "1")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*1 worker*"])
