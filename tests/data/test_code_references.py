"""What a function refers to belongs to its content: each of the changes below is a change of its hash."""

from __future__ import annotations

import importlib
import sys
import textwrap

import pytest

from evalkit.data.code_references import is_library, library_stamp, module_digest
from evalkit.data.content_hash import fingerprint


def make(body, name="f", **module_globals):
    """The object `name` of a module with this source; each call makes everything anew."""
    namespace = {"__name__": "a_module_of_the_user", **module_globals}
    exec(compile(textwrap.dedent(body), "a_module.py", "exec"), namespace)
    return namespace[name]


DECORATOR = """
import functools
def d(g):
    @functools.wraps(g)
    def w(x): return g(x) + 1
    return w
"""

BASE = "class B:\n    n = {}\nclass C(B):\n    def m(self): return self.n\ndef f(x): return C().m()"

# What changes the result of `f`: each of these is another function than the others.
FUNCTIONS = {
    "as it is": "def f(x): return x + 1",
    "a constant": "def f(x): return x + 2",
    "an operation": "def f(x): return x - 1",
    "a default": "def f(x, n=1): return x + n",
    "another default": "def f(x, n=2): return x + n",
    "a keyword default": "def f(x, *, n=2): return x + n",
    "an argument's name": "def f(y): return y + 1",
    "an attribute": "def f(x): return x.lower",
    "another attribute": "def f(x): return x.upper",
    "a global": "N = 1\ndef f(x): return x + N",
    "another value of it": "N = 2\ndef f(x): return x + N",
    "a helper": "def g(x): return x + 1\ndef f(x): return g(x)",
    "another helper": "def g(x): return x + 2\ndef f(x): return g(x)",
    "a helper's helper": "N = 1\ndef h(): return N\ndef g(x): return x + h()\ndef f(x): return g(x)",
    "its value": "N = 2\ndef h(): return N\ndef g(x): return x + h()\ndef f(x): return g(x)",
    "an inner function": "def f(x): return (lambda y: y + 1)(x)",
    "another inner one": "def f(x): return (lambda y: y + 2)(x)",
    "a global in it": "N = 3\ndef f(x): return (lambda y: y + N)(x)",
    "its other value": "N = 4\ndef f(x): return (lambda y: y + N)(x)",
    "a closure": "def make(n):\n    def f(x): return x + n\n    return f\nf = make(1)",
    "another closure": "def make(n):\n    def f(x): return x + n\n    return f\nf = make(2)",
    "recursion": "def f(x): return f(x - 1) if x else 0",
    "other recursion": "def f(x): return f(x - 2) if x else 0",
    "a set": "def f(x): return x in {'a', 'b', 'c', 'd'}",
    "another set": "def f(x): return x in {'a', 'b', 'c', 'e'}",
    "a decorator": DECORATOR + "@d\ndef f(x): return x",
    "another decorated": DECORATOR + "@d\ndef f(x): return -x",
    "a cached function": "import functools\n@functools.cache\ndef f(x): return x",
    "another cached": "import functools\n@functools.cache\ndef f(x): return -x",
    "a library": "import math\ndef f(x): return math.floor(x)",
    "another library call": "import math\ndef f(x): return math.ceil(x)",
    "an exception": "def f(x):\n    try: return int(x)\n    except ValueError: return 0",
    "another exception": "def f(x):\n    try: return int(x)\n    except TypeError: return 0",
    "a class": "class C:\n    n = 1\n    def m(self): return self.n\ndef f(x): return C().m()",
    "its attribute": "class C:\n    n = 2\n    def m(self): return self.n\ndef f(x): return C().m()",
    "its method": "class C:\n    n = 1\n    def m(self): return -self.n\ndef f(x): return C().m()",
    "its base": BASE.format(1),
    "its base's attribute": BASE.format(2),
    "a property": "class C:\n    @property\n    def m(self): return 1\ndef f(x): return C().m",
    "another property": "class C:\n    @property\n    def m(self): return 2\ndef f(x): return C().m",
    "a missing global": "def f(x): return x + UNKNOWN",
}


def test_every_change_of_a_function_changes_the_hash():
    prints = {what: fingerprint(make(body)) for what, body in FUNCTIONS.items()}
    same = {what for what, value in prints.items() if list(prints.values()).count(value) > 1}
    assert not same


@pytest.mark.parametrize("what", FUNCTIONS)
def test_the_same_source_gives_the_same_hash(what):
    function = make(FUNCTIONS[what])
    before = fingerprint(function)
    assert before == fingerprint(make(FUNCTIONS[what]))


def test_running_a_function_does_not_change_its_hash():
    """The interpreter rewrites code that runs often."""
    function = make("def g(x): return x + 1\ndef f(x): return sum(g(y) for y in range(x))")
    before = fingerprint(function)
    for _ in range(500):
        function(3)
    assert fingerprint(function) == before


def test_where_a_function_stands_in_its_file_does_not_matter():
    assert fingerprint(make("\n\n\ndef f(x): return x")) == fingerprint(make("def f(x): return x  # a comment"))


def test_a_module_of_the_users_counts_by_what_is_taken_from_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    source = tmp_path / "cleaning_of_the_user.py"

    def prints(cleaning):
        source.write_text(cleaning)
        sys.modules.pop("cleaning_of_the_user", None)
        importlib.invalidate_caches()
        module = importlib.import_module("cleaning_of_the_user")
        taken = make("def f(x): return cleaning.clean(x)", cleaning=module)
        inside = make("def f(x):\n    import cleaning_of_the_user as c\n    return c.clean(x)")
        return [fingerprint(taken), fingerprint(inside), fingerprint(module)]

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = prints("def clean(x): return x.strip()")
    unrelated = prints("def clean(x): return x.strip()\nother = 1")
    after = prints("def clean(x): return x.rstrip()")
    assert unrelated[0] == before[0]
    assert [one != other for one, other in zip(before, after, strict=True)] == [True, True, True]
    sys.modules.pop("cleaning_of_the_user", None)


def test_what_is_installed_is_a_library_and_what_the_user_writes_is_not():
    assert all(
        is_library(name) for name in ("json", "math", "numpy", "tensorflow.python.ops.string_ops", "evalkit.data")
    )
    assert not any(is_library(name) for name in ("__main__", __name__, "no_such_module"))


def test_a_library_is_known_by_its_version():
    assert importlib.import_module("numpy").__version__ in library_stamp("numpy.linalg")
    assert "unknown version" in library_stamp("no_such_module")


def test_a_module_without_a_file_cannot_be_told():
    with pytest.raises(TypeError, match="module 'no_such_module' has no file"):
        module_digest("no_such_module")
