"""What becomes of responses when somebody is cancelled, a cache is closed, or a process dies."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from evalkit.errors import CacheError
from evalkit.sampling import CachedClient, ResponseCache, SampledSequence, SampleResponse
from tests.sampling.clients import RANDOM, Counting

KEY = b"k" * 32
RESPONSE = SampleResponse((SampledSequence(None, "a", None, "stop"),))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "responses.sqlite"


def outcomes(*tasks):
    return asyncio.gather(*tasks, return_exceptions=True)


def test_who_is_cancelled_together_with_the_one_who_computes_does_not_compute(path):
    client = Counting(pause_s=30.0)

    async def run(cached):
        async with asyncio.timeout(0.05), asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(cached.sample("x", RANDOM))

    async def cancelled(cached):
        tasks = [asyncio.create_task(cached.sample("y", RANDOM)) for _ in range(3)]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        return await outcomes(*tasks)

    with ResponseCache(path) as cache:
        cached = CachedClient(client, cache)
        with pytest.raises(TimeoutError):
            asyncio.run(run(cached))
        assert [type(found) for found in asyncio.run(cancelled(cached))] == [asyncio.CancelledError] * 3
    assert [prompt for prompt, _ in client.asked] == ["x", "y"]


def test_an_answer_is_there_for_all_though_its_writing_lasts_and_the_one_who_computed_is_cancelled(path):
    client = Counting(pause_s=0.01)

    async def run(first, second):
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # nobody else can write
        tasks = [asyncio.create_task(CachedClient(client, first).sample("x", RANDOM)) for _ in range(3)]
        found = await tasks[1]
        tasks[0].cancel()
        gone, third = await outcomes(tasks[0], tasks[2])
        elsewhere = asyncio.create_task(CachedClient(client, second).sample("x", RANDOM))
        await asyncio.sleep(0.1)
        other.execute("COMMIT")
        other.close()
        assert isinstance(gone, asyncio.CancelledError)
        assert found == third == await elsewhere

    with ResponseCache(path) as first, ResponseCache(path) as second:
        asyncio.run(run(first, second))
    assert len(client.asked) == 1


def test_a_response_that_is_computed_while_the_cache_is_closed_is_returned(path, caplog):
    client = Counting(pause_s=0.1)

    async def run():
        cache = ResponseCache(path)
        tasks = [asyncio.create_task(CachedClient(client, cache).sample("x", RANDOM)) for _ in range(2)]
        await asyncio.sleep(0.05)
        cache.close()
        return await asyncio.wait_for(asyncio.gather(*tasks), 30)

    assert [response.text for response in asyncio.run(run())] == ["x/0"] * 2
    assert len(client.asked) == 1
    assert caplog.text.count("Not all responses are kept") == 1


def test_what_a_closed_cache_is_asked_is_an_error(path):
    cache = ResponseCache(path)
    written = cache.put([(KEY, RESPONSE)])
    cache.close()
    cache.close()
    assert written.done() and written.exception() is None
    cached = CachedClient(Counting(), cache)
    for _ in range(2):
        with pytest.raises(CacheError, match="responses.sqlite is closed"):
            asyncio.run(cached.sample("x", RANDOM))
        with pytest.raises(CacheError, match="is closed"):
            cache.put([(KEY, RESPONSE)])
        with pytest.raises(CacheError, match="is closed"):
            cache.get(KEY)


def test_who_waits_for_another_cache_is_told_that_its_own_is_closed(path):
    client = Counting(pause_s=0.3)

    async def run(first):
        second = ResponseCache(path)
        leading = asyncio.create_task(CachedClient(client, first).sample("x", RANDOM))
        await asyncio.sleep(0.1)
        waiting = asyncio.create_task(CachedClient(client, second).sample("x", RANDOM))
        await asyncio.sleep(0.05)
        second.close()
        with pytest.raises(CacheError, match="closed"):
            await waiting
        return await leading

    with ResponseCache(path) as first:
        assert asyncio.run(run(first)).text == "x/0"


def test_threads_that_put_while_another_closes_lose_nothing_unsaid(path):
    cache, kept = ResponseCache(path), []

    def put(number):
        for turn in range(1000):
            key = b"%32d" % (1000 * number + turn)
            try:
                cache.put([(key, RESPONSE)]).result(timeout=30)
            except CacheError:
                return
            kept.append(key)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    cache.close()
    for thread in threads:
        thread.join()
    with ResponseCache(path) as again:
        assert kept and all(again.get(key) == RESPONSE for key in kept)


def test_failed_openings_leave_no_file_open(path, tmp_path):
    path.write_text("not a database, and longer than the header of one would be " * 20)
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(CacheError, match="not a database"):
            ResponseCache(path)
    assert set(os.listdir("/proc/self/fd")) <= before


def test_a_disk_that_cannot_lock_is_an_error_with_the_path(path, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    with pytest.raises(
        CacheError, match=r"responses.sqlite.lock cannot be locked: .*No locks.* on a disk of this machine"
    ):
        ResponseCache(path)


def test_nobody_waits_for_a_process_that_was_killed_though_its_child_lives(path):
    command = [sys.executable, "-m", "tests.sampling.claim_holder", str(path), KEY.hex()]
    holder = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    child, _, says = holder.stdout.readline().partition(" ")
    try:
        assert "was opened before this process was forked off" in says
        holder.kill()
        holder.wait()

        async def compute():
            return RESPONSE

        async def run(cache):
            return await asyncio.wait_for(cache.get_or_compute(KEY, compute), 10)

        with ResponseCache(path) as cache:
            assert asyncio.run(run(cache)) == RESPONSE
    finally:
        holder.kill()
        os.kill(int(child), signal.SIGKILL)
        holder.stdout.close()


def test_numbers_of_numpy_are_kept(path):
    sequence = SampledSequence((np.int64(1),), "a", (np.float64(-0.1), np.float32(-0.2)), "stop")
    response = SampleResponse((sequence,), np.int32(3), np.bool_(True))
    with ResponseCache(path) as cache:
        cache.put([(KEY, response)]).result()
        assert cache.get(KEY) == response


def test_that_a_response_is_not_kept_is_said_once(path, caplog):
    unkept = SampleResponse((SampledSequence((1,), "a", (float("nan"),), "stop"),))
    with ResponseCache(path) as cache:
        for _ in range(2):
            cache.put([(KEY, unkept)]).result()
    assert caplog.text.count("JSON does not give back") == 1 and "nan" in caplog.text


def test_what_is_no_response_is_an_error_for_all_who_wait(path):
    async def compute():
        await asyncio.sleep(0.05)

    async def run(cache):
        return await asyncio.wait_for(outcomes(*(cache.get_or_compute(KEY, compute) for _ in range(3))), 30)

    with ResponseCache(path) as cache:
        assert [type(found) for found in asyncio.run(run(cache))] == [AttributeError] * 3
