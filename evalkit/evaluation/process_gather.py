"""What the processes of one JAX program hold, brought together in each of them.

JAX gathers arrays, which must have one shape in all processes. Partial results have not: there are rows of any length,
text, and as many rows as the process happened to judge. They travel pickled, as bytes that are padded to one length.
Where something does not pickle, the reason travels in its place, so that no process waits for another for ever.
"""

from __future__ import annotations

import pickle
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from evalkit.errors import ProcessError, told

_HALF = 2**30  # a length is gathered in two halves, as JAX's integers have 32 bits unless told otherwise
_VALUE, _REASON = b"v", b"r"  # what the first byte says of the others


def gather_from_processes(value: Any) -> list[Any]:
    """`value` of every process, in the order of `jax.process_index()`; just this one's where there is no other.

    All processes must call it, each with a value that pickles.

    Raises:
      ProcessError: the value of another process does not pickle.
      Exception: whatever pickling this process' value raised.
    """
    if jax.process_count() == 1:
        return [value]
    failure: Exception | None = None
    try:
        content = _VALUE + pickle.dumps(value)
    except Exception as error:  # noqa: BLE001 - an object that is pickled may raise anything, and the others wait
        failure, content = error, _REASON + told(error).encode(errors="replace")
    rows = _gathered(content)
    if failure is not None:
        raise failure
    reasons = {process: row[1:].decode() for process, row in enumerate(rows) if row[:1] == _REASON}
    if reasons:
        whose = "; ".join(f"what process {process} has does not pickle: {why}" for process, why in reasons.items())
        raise ProcessError(f"Another process failed, and this one stops with it. Of {len(rows)}, {whose}")
    return [pickle.loads(row[1:]) for row in rows]


def _gathered(content: bytes) -> list[bytes]:
    """The bytes of every process."""
    mine = np.frombuffer(content, np.uint8)
    halves = multihost_utils.process_allgather(np.array(divmod(len(mine), _HALF), np.int32))
    lengths = [int(high) * _HALF + int(low) for high, low in halves]
    padded = np.zeros(max(lengths), np.uint8)
    padded[: len(mine)] = mine
    rows = np.asarray(multihost_utils.process_allgather(padded))
    return [row[:length].tobytes() for row, length in zip(rows, lengths, strict=True)]
