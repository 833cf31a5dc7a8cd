"""Equal content, equal hash, in every process; whatever changes the answer changes the hash."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
import importlib
import os
import re
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.data.content_hash import fingerprint

ROOT = Path(__file__).parent.parent.parent


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


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: int = 0


class Counter:
    def __init__(self, start):
        self.start = start

    def __call__(self, x):
        return x + self.start


class Named:
    def __init__(self, fingerprint):
        self.fingerprint = fingerprint


class Slotted:
    __slots__ = ("n",)

    def __init__(self, n):
        self.n = n


# Each value with another of its kind; all hashes differ.
VALUES = [
    (None, ...),
    (0, 1),
    (1.0, 2.0),
    (float("nan"), float("inf")),
    (True, False),
    ("1", "2"),
    (b"1", b"2"),
    ((1, 2), (12,)),
    ([1, 2], [2, 1]),
    ({"a": 1, "b": 2}, {"a": 1, "b": 3}),
    ({"x": 1, "y": 2}, {"y": 2, "x": 1}),  # the order of a dictionary may be the order of results
    ({1, 2}, {1, 3}),
    (range(3), range(4)),
    (Colour.RED, Colour.BLUE),
    (Point(1), Point(1, 2)),
    (Counter(1), Counter(2)),
    (Counter(1).__call__, Counter(2).__call__),
    (Named("a"), Named("b")),
    (Slotted(1), Slotted(2)),
    (functools.partial(Counter, 1), functools.partial(Counter, start=1)),
    (np.arange(3), np.arange(3, dtype=np.int32)),
    (np.zeros([2, 3]), np.zeros([3, 2])),
    (np.float32(1), np.float32(2)),
    (np.array(["a", 1], object), np.array(["b", 1], object)),
    (tf.int32, tf.int64),
    (tf.constant([1]), tf.constant([2])),
    (tf.ragged.constant([[1], [2, 3]]), tf.ragged.constant([[1, 2], [3]])),
    (tf.TensorSpec([None], tf.int32), tf.TensorSpec([2], tf.int32)),
    (tf.io.FixedLenFeature([], tf.string), tf.io.FixedLenFeature([1], tf.string)),
    (tf.strings.lower, tf.strings.upper),
    (tf.data.TFRecordDataset, tf.data.TextLineDataset),
    (re.compile("a"), re.compile("a", re.IGNORECASE)),
    (datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)),
    (len, max),
    (str.lower, str.upper),
    ("-".join, "+".join),
    (np.add, np.multiply),
    (np, tf),
    (Point, Counter),
]


def test_different_values_have_different_hashes():
    values = [value for pair in VALUES for value in pair]
    prints = [fingerprint(value) for value in values]
    assert [value for value, found in zip(values, prints, strict=True) if prints.count(found) > 1] == []


TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100)
@given(TREES, TREES)
def test_hashes_are_equal_where_values_are_written_the_same(one, other):
    assert (fingerprint(one) == fingerprint(other)) == (repr(one) == repr(other))


def test_an_object_that_knows_its_fingerprint_is_asked():
    class Method:
        def __init__(self, answer):
            self.answer, self.lock = answer, threading.Lock()  # a lock could not be told

        def fingerprint(self):
            return self.answer

    assert fingerprint(Method("a")) == fingerprint(Method("a")) != fingerprint(Method("b"))


def test_who_inherits_a_fingerprint_is_known_by_his_own_code_too():
    body = """
        class Base:
            fingerprint = "the same"
        class C(Base):
            def encode(self, text): return text.{}()
        f = C()
    """
    assert fingerprint(make(body.format("lower"))) != fingerprint(make(body.format("upper")))


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


@pytest.mark.parametrize(
    ("obj", "way"),
    [
        (threading.Lock(), r"The content of lock cannot be told: lock \(cannot pickle"),
        ((x for x in "a"), "generator"),
        (make("def f(x):\n    with LOCK: return x", LOCK=threading.Lock()), "f -> LOCK cannot be told: lock"),
        ({"a": [Counter(threading.Lock())]}, "dict -> a -> element -> state -> start cannot be told: lock"),
        (Named(None), "its fingerprint is None"),
    ],
)
def test_what_cannot_be_told_is_an_error_that_shows_the_way_to_it(obj, way):
    with pytest.raises(errors.FingerprintError, match=f"{way}.*"):
        fingerprint(obj)


def test_a_set_that_contains_itself_in_some_way_is_an_error():
    holder = Counter(set())
    holder.start.add(holder)
    with pytest.raises(errors.FingerprintError, match="refers to itself through a set"):
        fingerprint(holder)


SCRIPT = """
import dataclasses, functools, re
import numpy as np, tensorflow as tf
from evalkit.data.content_hash import fingerprint

WORDS = {"a", "b", "c", "d", "e"}
PATTERN = re.compile("a+")

def helper(x): return x in {"x", "y", "z"} or x in WORDS or PATTERN.match(x)
def even(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and even(n - 1)

@dataclasses.dataclass
class Step:
    words: frozenset = frozenset({"p", "q", "r"})
    def __call__(self, x): return helper(x) and even(len(x))

def step(dataset):
    return dataset.map(lambda x: tf.strings.lower(x) if helper(x) else np.array(x))

print(fingerprint([step, Step(), Step().__call__, functools.partial(step, 1), even, odd, WORDS, object()]))
"""


def test_the_hash_is_the_same_in_every_process(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)

    def start(seed, folder):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(tmp_path / "script.py")]
        return subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True)

    processes = [start("1", ROOT), start("2", tmp_path)]
    first, second = (process.communicate()[0] for process in processes)
    assert first == second
    assert len(first.strip()) == 64
