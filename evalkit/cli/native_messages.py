"""What native libraries write to standard error while they load, past Python and past every log level."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator

STDERR = 2


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Within the block, whatever is written to standard error is kept; it is let out only if the block raises.

    TensorFlow announces its optimisations and missing drivers on every start, which would bury a command's own words.
    """
    with tempfile.TemporaryFile() as kept:
        before = os.dup(STDERR)
        os.dup2(kept.fileno(), STDERR)
        try:
            yield
        except BaseException:
            os.dup2(before, STDERR)
            kept.seek(0)
            os.write(STDERR, kept.read())
            raise
        finally:
            os.dup2(before, STDERR)
            os.close(before)
