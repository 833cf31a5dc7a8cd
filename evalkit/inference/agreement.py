"""Several processes that compute together must do the same, or they wait for each other for ever.

Before the first collective, each process tells the others whether it got so far and what it has. Where one failed, or
has other rows than the others, every process raises, and none waits.

    >>> with all_alike("the rows to be scored") as same:
    ...     rows = np.array([[1, 2, 3]])
    ...     same(rows)
"""

from __future__ import annotations

import collections
import contextlib
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from evalkit.columns import Array
from evalkit.errors import ProcessError, told

_HASH_BYTES = 32
_MESSAGE_BYTES = 1024


@contextlib.contextmanager
def all_alike(what: str) -> Iterator[Callable[..., None]]:
    """A step that all processes take, and in which they compute nothing together.

    It gives a function, to be called with what must be the same everywhere: arrays of numpy, and anything whose `repr`
    tells what it is. Where there is one process, nothing is compared.

    Args:
      what: what the step is about, for messages.

    Raises:
      ProcessError: another process failed or was interrupted in this step, or the processes do not have the same.
        What this process itself raises in the step comes through as it is.
    """
    if jax.process_count() == 1:
        yield _ignore
        return
    digest = hashlib.sha256()
    try:
        yield lambda *parts: _update(digest, parts)
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # a process that leaves is waited for like any other
        _exchange(digest.digest(), told(error))
        raise
    digests, failures = _exchange(digest.digest(), "")
    if failures:
        whose = "; ".join(f"process {process}: {message}" for process, message in failures.items())
        raise ProcessError(f"Another process failed, and this one stops with it ({what}). Of {len(digests)}, {whose}")
    if len(set(digests)) > 1:
        groups = collections.defaultdict(list)
        for process, found in enumerate(digests):
            groups[found.hex()[:8]].append(process)
        raise ProcessError(
            f"The processes do not have the same {what}: "
            + "; ".join(f"processes {processes} have {found}" for found, processes in groups.items())
            + ". Give every process the same examples, in the same order, with the same settings."
        )


def _ignore(*parts: Any) -> None:
    del parts


def _update(digest: Any, parts: tuple[Any, ...]) -> None:
    for part in parts:
        if isinstance(part, np.ndarray) and not part.dtype.hasobject:
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part.tolist() if isinstance(part, np.ndarray) else part).encode())


def _exchange(digest: bytes, message: str) -> tuple[list[bytes], dict[int, str]]:
    """The digest of each process, and the messages of those that have one."""
    content = message.encode(errors="replace")[:_MESSAGE_BYTES]
    mine = np.frombuffer(digest + content.ljust(_MESSAGE_BYTES, b"\0"), np.uint8)
    everyone: Array = np.asarray(multihost_utils.process_allgather(mine))
    rows = [row.astype(np.uint8).tobytes() for row in everyone.reshape(-1, len(mine))]
    messages = [row[_HASH_BYTES:].rstrip(b"\0").decode(errors="replace") for row in rows]
    return [row[:_HASH_BYTES] for row in rows], {process: text for process, text in enumerate(messages) if text}
