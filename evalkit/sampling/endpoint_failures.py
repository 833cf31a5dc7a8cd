"""Which failures of an endpoint are passing ones, and how long it asks to wait."""

from __future__ import annotations

import contextlib
import email.utils
import math
import time
from collections.abc import Iterable, Mapping

_PASSING = (408, 409, 425, 429)  # these, and all from 500 on
_LASTING = "insufficient_quota"  # the code under which OpenAI tells with a 429 that nothing is left to spend


def is_passing(status: int, headers: Mapping[str, str], codes: Iterable[str | None] = ()) -> bool:
    """Whether the same request may be answered after a while.

    Args:
      status: of the HTTP response.
      headers: of the HTTP response, by names in small letters; one that says `x-should-retry: false` is believed.
      codes: what kind of error the body tells.

    >>> is_passing(429, {}), is_passing(429, {}, ["insufficient_quota"]), is_passing(400, {})
    (True, False, False)
    """
    if _LASTING in codes or headers.get("x-should-retry") == "false":
        return False
    return status in _PASSING or status >= 500


def asked_pause_s(headers: Mapping[str, str]) -> float | None:
    """How many seconds a response asks to wait; None if it does not, or what it says is senseless.

    It says so in `retry-after-ms`, or in `Retry-After` as seconds or as a date.

    >>> asked_pause_s({"retry-after": "1.5"}), asked_pause_s({"retry-after": "soon"})
    (1.5, None)
    >>> asked_pause_s({"retry-after-ms": "250", "retry-after": "1"})
    0.25
    """
    told = headers.get("retry-after", "")
    with contextlib.suppress(ValueError):
        return _pause(float(headers.get("retry-after-ms", "")) / 1000)
    with contextlib.suppress(ValueError):
        return _pause(float(told))
    with contextlib.suppress(ValueError):
        return _pause(email.utils.parsedate_to_datetime(told).timestamp() - time.time())
    return None


def _pause(seconds: float) -> float:
    if not math.isfinite(seconds):
        raise ValueError(seconds)
    return max(seconds, 0.0)
