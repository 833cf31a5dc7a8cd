"""Equal content, equal hash, in every process; whatever changes the answer changes the hash."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
import os
import re
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import flax.linen as nn
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


def test_modules_of_flax_are_what_they_compute_not_when_they_were_made():
    assert fingerprint(nn.Dense(3)) == fingerprint(nn.Dense(3)) != fingerprint(nn.Dense(4))


def test_a_function_of_executed_code_has_a_content_too():
    def made(code):
        names: dict[str, object] = {}
        exec(code, names)
        return fingerprint(names["double"])

    same = made("def double(x):\n    return 2 * x")
    assert same == made("def double(x):\n    return 2 * x")
    assert same != made("def double(x):\n    return x + x")
