"""Where whatever a user's function raises becomes an evalkit error that says where it happened."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from evalkit.errors import EvalkitError, told


@contextlib.contextmanager
def guarding(error: type[EvalkitError], what: Callable[[], str]) -> Iterator[None]:
    """As `calling`, for a body that says itself what went wrong: an evalkit error from it passes unchanged."""
    try:
        yield
    except EvalkitError:
        raise
    except BaseException as cause:  # a user's function may raise anything (asyncio's CancelledError is no Exception)
        if isinstance(cause, (KeyboardInterrupt, GeneratorExit)):
            raise
        raise error(f"{what()} raised {told(cause)}") from cause


@contextlib.contextmanager
def calling(error: type[EvalkitError], what: Callable[[], str]) -> Iterator[None]:
    """Runs its body; an exception from it is raised again as `error`, with what was running and the original as its
    cause.

    `what` is called after the exception, so that it can say how far the body came.

    >>> from evalkit.errors import MetricError
    >>> with calling(MetricError, lambda: "Task 't': metric 'accuracy'"):
    ...     1 / 0
    Traceback (most recent call last):
        ...
    evalkit.errors.MetricError: Task 't': metric 'accuracy' raised ZeroDivisionError: division by zero
    """
    with guarding(error, what):
        try:
            yield
        except EvalkitError as known:
            raise error(f"{what()}: {known}") from known
