"""Requests that wait to be computed, and how they are gathered to batches.

Requests of equal sampling parameters go together, and these groups take turns. One that fills a batch is taken before
one that does not, which is passed over once at most, so none starves. Where no batch is full, one waits a moment for
what is on its way: whoever is answered asks again at once, as a rule.
"""

from __future__ import annotations

import collections
import dataclasses
import threading
import time
from concurrent.futures import Future
from typing import final

from evalkit.inference.sampling import SamplingParams
from evalkit.sampling.client import SampleRequest, SampleResponse

_MOST_LINGERS = 10  # while requests keep trickling in, a batch waits at most so many times as long


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Waiting:
    """A request, and where its answer is awaited.

    Attributes:
      request: the request.
      future: gets the response, or the error.
    """

    request: SampleRequest
    future: Future[SampleResponse] = dataclasses.field(default_factory=Future)


@final
class WaitingRequests:
    """Requests by their sampling parameters; any thread may add some, one takes them."""

    def __init__(self, max_batch: int, linger_s: float) -> None:
        """Nothing waits yet.

        Args:
          max_batch: how many answers a batch may have.
          linger_s: how long a batch that is not full waits for one request more.
        """
        self._max_batch, self._linger_s = max_batch, linger_s
        self._groups: collections.OrderedDict[SamplingParams, collections.deque[Waiting]] = collections.OrderedDict()
        self._changed = threading.Condition()
        self._taker = False
        self._passed_over = False  # whether the first group was, the last time

    def add(self, waiting: Waiting) -> bool:
        """Adds a request; True if nobody takes requests at present, and the caller must see to it that someone does."""
        with self._changed:
            self._groups.setdefault(waiting.request.sampling, collections.deque()).append(waiting)
            self._changed.notify()
            first, self._taker = not self._taker, True
            return first

    def take(self) -> list[Waiting]:
        """The next batch, at least one request; empty if none waits, and then nobody takes requests any more."""
        with self._changed:
            latest = time.monotonic() + _MOST_LINGERS * self._linger_s
            while self._groups and self._full() is None and time.monotonic() < latest:
                if not self._changed.wait(self._linger_s):
                    break
            while self._groups:
                batch = self._next_batch()
                if batch:
                    return batch
            self._taker = False
            return []

    def _full(self) -> SamplingParams | None:
        """The first group that fills a batch."""
        return next((of for of, group in self._groups.items() if len(group) * of.num_samples >= self._max_batch), None)

    def _next_batch(self) -> list[Waiting]:
        """Requests of one group that are still awaited."""
        first = next(iter(self._groups))
        sampling = first if self._passed_over else self._full() or first
        self._passed_over = sampling is not first
        group, batch = self._groups.pop(sampling), list[Waiting]()
        most = max(self._max_batch // sampling.num_samples, 1)
        while group and len(batch) < most:
            waiting = group.popleft()
            if waiting.future.set_running_or_notify_cancel():
                batch.append(waiting)
        if group:
            self._groups[sampling] = group
        return batch
