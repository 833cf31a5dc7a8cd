from __future__ import annotations

import asyncio
import dataclasses
import json
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import ArgumentTypeError, CacheError
from evalkit.inference.sampling import SamplingParams
from evalkit.sampling import CachedClient, ResponseCache, SampledSequence, SampleResponse
from evalkit.sampling.client import SampleRequest
from evalkit.sampling.responses_json import decoded_response, encoded_response, response_key
from tests.sampling.clients import RANDOM, Counting

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path):
    with ResponseCache(tmp_path / "new" / "responses.sqlite") as cache:
        yield cache


def sampled(client, *prompts, sampling=RANDOM):
    async def run():
        return await asyncio.gather(*(client.sample(prompt, sampling) for prompt in prompts), return_exceptions=True)

    return asyncio.run(run())


def test_what_was_computed_once_is_not_computed_again(tmp_path):
    first, second = Counting(), Counting()
    with ResponseCache(tmp_path / "a") as cache:
        computed = sampled(CachedClient(first, cache), "x", "y")
    with ResponseCache(tmp_path / "a") as cache:
        assert sampled(CachedClient(second, cache), "x", "y") == computed
    assert len(first.asked) == 2 and not second.asked


def test_equal_requests_at_the_same_time_are_computed_once(cache):
    client = Counting()
    responses = sampled(CachedClient(client, cache), *["x"] * 8)
    assert len(client.asked) == 1 and len(set(responses)) == 1


def test_threads_with_loops_of_their_own_share_what_is_computed(cache):
    client = Counting()
    cached = CachedClient(client, cache)
    threads = [threading.Thread(target=sampled, args=(cached, "x")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(client.asked) == 1


def test_two_caches_of_one_file_respect_each_other(tmp_path):
    client = Counting()

    async def run(first, second):
        await asyncio.gather(*(CachedClient(client, cache).sample("x", RANDOM) for cache in (first, second) * 4))

    with ResponseCache(tmp_path / "a") as first, ResponseCache(tmp_path / "a") as second:
        asyncio.run(run(first, second))
    assert len(client.asked) == 1


def test_processes_and_their_threads_compute_each_once_and_none_is_locked_out(tmp_path):
    command = [sys.executable, "-m", "tests.sampling.cache_worker", str(tmp_path / "a"), "16", "40"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(4)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    reports = [json.loads(worker.communicate(timeout=120)[0]) for worker in workers]
    assert [report["errors"] for report in reports] == [[]] * 4
    computed = [prompt for report in reports for prompt in report["computed"]]
    assert sorted(computed) == sorted(f"shared {number}" for number in range(40))


def test_errors_reach_all_who_wait_and_are_not_kept(cache):
    client = Counting()
    client.failing = lambda prompt: True
    cached = CachedClient(client, cache)
    errors = sampled(cached, *["x"] * 3)
    assert [str(error) for error in errors] == ["refused 'x'"] * 3 and len(client.asked) == 1
    client.failing = lambda prompt: False
    assert sampled(cached, "x")[0].text == "x/0" and len(client.asked) == 2


def test_who_waits_computes_if_the_one_who_did_is_cancelled(cache):
    client = Counting(pause_s=0.2)

    async def run():
        cached = CachedClient(client, cache)
        tasks = [asyncio.create_task(cached.sample("x", RANDOM)) for _ in range(3)]
        await asyncio.sleep(0.05)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = asyncio.run(run())
    assert isinstance(first, asyncio.CancelledError)
    assert [response.text for response in others] == ["x/0"] * 2 and len(client.asked) == 2


def test_who_waits_may_be_cancelled_alone(cache):
    client = Counting(pause_s=0.2)

    async def run():
        cached = CachedClient(client, cache)
        tasks = [asyncio.create_task(cached.sample("x", RANDOM)) for _ in range(3)]
        await asyncio.sleep(0.05)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(run())
    assert isinstance(found[1], asyncio.CancelledError) and found[0].text == found[2].text
    assert len(client.asked) == 1


OTHERS = {
    "max_new_tokens": 7,
    "temperature": 0.8,
    "top_k": 3,
    "top_p": 0.5,
    "num_samples": 2,
    "stop_ids": (4,),
    "stop_strings": ("x",),
    "seed": 9,
}


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(SamplingParams) if field.name != "_"])
def test_any_other_sampling_parameter_misses(name):
    other = dataclasses.replace(RANDOM, **{name: OTHERS[name]})
    assert response_key("a", SampleRequest("x", RANDOM)) != response_key("a", SampleRequest("x", other))


def test_any_other_client_prompt_or_example_misses():
    keys = {
        response_key("a", SampleRequest("12", RANDOM)),
        response_key("b", SampleRequest("12", RANDOM)),
        response_key("a", SampleRequest("13", RANDOM)),
        response_key("a", SampleRequest((12,), RANDOM)),
        response_key("a", SampleRequest((1, 2), RANDOM)),
        response_key("a", SampleRequest("12", RANDOM, 1)),
        response_key("a", SampleRequest("text:12", RANDOM)),
    }
    assert len(keys) == 7


def test_the_same_request_has_the_same_key_however_it_is_written():
    sampling = SamplingParams(6, temperature=1, top_p=1)
    same = SamplingParams(6, temperature=1.0, top_p=1.0)
    assert response_key("a", SampleRequest([1, 2], sampling, 0)) == response_key("a", SampleRequest((1, 2), same))


def test_a_greedy_answer_is_found_whatever_the_seed_and_the_example():
    greedy = dataclasses.replace(RANDOM, temperature=0.0)
    keys = {response_key("a", SampleRequest("x", dataclasses.replace(greedy, seed=n), n)) for n in range(3)}
    assert len(keys) == 1
    assert keys != {response_key("a", SampleRequest("x", dataclasses.replace(greedy, max_new_tokens=7)))}


sequences = st.builds(
    SampledSequence,
    st.none() | st.just((1, 2)),
    st.text(),
    st.none() | st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2),
    st.sampled_from(["stop", "length"]),
)


several = st.lists(sequences, min_size=1).map(tuple)


@given(st.builds(SampleResponse, several, st.none() | st.integers(0, 9), st.booleans()))
def test_a_response_comes_back_as_it_was(response):
    encoded = encoded_response(response)
    assert encoded is not None and decoded_response(encoded) == response


@pytest.mark.parametrize(
    "sequence",
    [SampledSequence((1,), "a", (-float("inf"),), "stop"), SampledSequence((1,), "\ud800", None, "stop")],
)
def test_what_json_does_not_give_back_is_not_kept(cache, sequence):
    cache.put([(b"k" * 32, SampleResponse((sequence,)))]).result()
    assert cache.get(b"k" * 32) is None


def test_a_file_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "text").write_text("not a database, and longer than the header of one would be " * 20)
    with pytest.raises(CacheError, match="not a database"):
        ResponseCache(tmp_path / "text")
    other = sqlite3.connect(tmp_path / "other")
    other.execute("CREATE TABLE mine (a)")
    other.commit()
    other.close()
    with pytest.raises(CacheError, match="no response cache"):
        ResponseCache(tmp_path / "other")


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot be opened"):
        ResponseCache(tmp_path / "file" / "responses")


def test_a_damaged_value_is_an_error(cache, tmp_path):
    key = response_key("counting", SampleRequest("x", RANDOM))
    cache._store.put([(key, b"[[")]).result()
    with pytest.raises(CacheError, match=f"damaged at key {key.hex()}"):
        cache.get(key)


def test_a_disk_that_is_full_costs_no_answer(cache):
    connection = cache._store._connected()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    cache._store._idle.clear()
    cache._store._idle.append(connection)
    client = Counting()
    found = sampled(CachedClient(client, cache), "x" * 100_000)
    assert found[0].text.startswith("xxx")
    with pytest.raises(CacheError, match="full"):
        cache.put([(b"k" * 32, SampleResponse((SampledSequence(None, "y" * 100_000, None, "stop"),)))]).result()


def test_types_are_checked(cache):
    with pytest.raises(ArgumentTypeError, match="SamplingClient"):
        CachedClient("client", cache)
    with pytest.raises(ArgumentTypeError, match="ResponseCache"):
        CachedClient(Counting(), {})


def test_closing_closes_the_client_and_leaves_the_cache(cache):
    client = Counting()
    cached = CachedClient(client, cache)
    assert cached.identity == "counting"
    asyncio.run(cached.aclose())
    assert client.closed and cache.get(b"k" * 32) is None
