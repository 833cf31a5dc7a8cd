"""What the processes of one JAX program hold, brought together in each of them.

JAX gathers arrays, which must have one shape in all processes. Partial results have not: there are rows of any length,
text, and as many rows as the process happened to judge. They travel pickled, as bytes that are padded to one length.
"""

from __future__ import annotations

import pickle
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

_HALF = 2**30  # a length is gathered in two halves, as JAX's integers have 32 bits unless told otherwise


def gather_from_processes(value: Any) -> list[Any]:
    """`value` of every process, in the order of `jax.process_index()`; just this one's where there is no other.

    All processes must call it, each with a value that pickles.
    """
    if jax.process_count() == 1:
        return [value]
    content = np.frombuffer(pickle.dumps(value), np.uint8)
    halves = multihost_utils.process_allgather(np.array(divmod(len(content), _HALF), np.int32))
    lengths = [int(high) * _HALF + int(low) for high, low in halves]
    padded = np.zeros(max(lengths), np.uint8)
    padded[: len(content)] = content
    rows = np.asarray(multihost_utils.process_allgather(padded))
    return [pickle.loads(row[:length].tobytes()) for row, length in zip(rows, lengths, strict=True)]
