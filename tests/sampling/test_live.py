from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import Executor, Future

import jax
import numpy as np
import pytest

from evalkit.errors import ArgumentError, ArgumentTypeError, FingerprintError, ModelError, RowError, SamplingError
from evalkit.inference.prompts import Prompts
from evalkit.inference.sampling import SamplingParams
from evalkit.sampling import LiveModelClient
from evalkit.sampling import live as live_module
from tests.inference.models import random_rows, small_model
from tests.sampling.clients import GREEDY, RANDOM, Letters, engine, live

ROWS = random_rows(48, 20)


def together(client, requests):
    async def run():
        async with client:
            return await asyncio.gather(
                *(client.sample(row, sampling, example=example) for row, sampling, example in requests),
                return_exceptions=True,
            )

    return asyncio.run(run())


def test_answers_are_those_of_the_engine_whatever_is_asked_beside():
    params = small_model("rotary").params
    found = engine().generate(params, Prompts.of(ROWS), RANDOM)
    order = np.random.default_rng(0).permutation(len(ROWS)).tolist()
    others = [(ROWS[0], SamplingParams(3, seed=seed, temperature=1.0), 5) for seed in range(3)]
    responses = together(live(max_batch=10), [*((ROWS[i], RANDOM, i) for i in order), *others])
    for response, number in zip(responses, order, strict=False):
        assert response.sequences[0].tokens == tuple(found.answers.row(number).tolist())
        assert response.sequences[0].log_probs == pytest.approx(found.log_probs.row(number).tolist(), abs=1e-5)
        assert response.sequences[0].stop_reason == found.finish_reasons[number]
        assert response.prompt_tokens == len(ROWS[number])


def test_requests_that_come_together_are_computed_together():
    client = live(max_batch=16)
    together(client, [(row, GREEDY, 0) for row in ROWS])
    assert (client.work.batches, client.work.answers, client.work.mean_fill) == (3, 48, 1.0)
    assert 0 < client.work.occupancy <= 1


def test_other_sampling_parameters_are_another_batch():
    client = live()
    together(client, [(row, (GREEDY, RANDOM)[number % 2], 0) for number, row in enumerate(ROWS)])
    assert client.work.batches == 2


def test_many_samples_of_one_prompt_count_as_many():
    client = live(max_batch=8)
    responses = together(client, [(row, SamplingParams(3, temperature=1.0, num_samples=4), 0) for row in ROWS[:6]])
    assert client.work.batches == 3
    assert all(len(response.sequences) == 4 for response in responses)


def test_text_in_and_text_out():
    (response,) = together(live(), [("ABC", SamplingParams(4), 0)])
    (sequence,) = response.sequences
    assert sequence.text == Letters().decode_batch([sequence.tokens])[0] == response.text
    assert response.prompt_tokens == 3 and not response.truncated


def test_a_stop_string_ends_an_answer():
    (whole,) = together(live(), [("ABC", SamplingParams(6), 0)])
    stop = whole.text[2]
    (cut,) = together(live(), [("ABC", SamplingParams(6, stop_strings=(stop,)), 0)])
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.sequences[0].stop_reason == "stop"


def test_a_prompt_that_is_too_long_is_cut_and_says_so():
    (response,) = together(live(), [([3] * 100, GREEDY, 0)])
    assert response.truncated and response.prompt_tokens == 100


def test_an_encoder_reads_the_prompt():
    params = small_model("encoder_decoder").params
    (response,) = together(LiveModelClient(engine("encoder_decoder"), params), [([5, 6, 7], GREEDY, 0)])
    found = engine("encoder_decoder").generate(params, Prompts.of([[]], [[5, 6, 7]]), GREEDY)
    assert response.sequences[0].tokens == tuple(found.answers.row(0).tolist())
    assert response.text is None


def test_an_error_reaches_the_one_whose_it_is():
    requests = [(row, GREEDY, 0) for row in ROWS[:9]]
    requests[4] = ([99], GREEDY, 0)
    requests[7] = ("A!", GREEDY, 0)
    responses = together(live(), requests)
    assert [number for number, response in enumerate(responses) if isinstance(response, Exception)] == [4, 7]
    assert isinstance(responses[4], RowError) and "99" in str(responses[4])
    assert isinstance(responses[7], RowError) and "no id for '!'" in str(responses[7])


def test_parameters_that_are_not_numbers_are_an_error_for_each():
    params = small_model("rotary").params
    client = LiveModelClient(engine(), jax.tree.map(lambda leaf: leaf * np.nan, params))
    responses = together(client, [(row, GREEDY, 0) for row in ROWS[:3]])
    assert all(isinstance(response, ModelError) for response in responses)
    assert len({id(response) for response in responses}) == 3
    assert (client.work.batches, client.work.failed_batches) == (0, 1)  # the engine was not asked again for each


@pytest.mark.parametrize("token", [99, 2**40, 2**70])
def test_an_id_that_the_model_does_not_know_costs_the_others_nothing(token):
    client = live()
    responses = together(client, [([1, 2], GREEDY, 0), ([1, token], GREEDY, 0), ([3], GREEDY, 0)])
    assert isinstance(responses[1], RowError) and f"prompt[1] is {token}" in str(responses[1])
    assert all(response.text for response in (responses[0], responses[2]))
    assert (client.work.batches, client.work.failed_batches) == (1, 0)


class _Broken(Letters):
    """What it returns is not what it should be, for some."""

    def encode_batch(self, texts):
        wrong = {"EMPTY": [], "OBJECT": [object()], "FLOATS": [[0.5]], "EXIT": [[1]]}
        if texts == ["EXIT"]:
            raise SystemExit("from a tokenizer")
        return wrong[texts[0]] if texts[0] in wrong else super().encode_batch(texts)

    def decode_batch(self, rows):
        return super().decode_batch(rows)[: 0 if len(rows) == 1 else None]


@pytest.mark.parametrize("text", ["EMPTY", "OBJECT", "FLOATS"])
def test_a_tokenizer_that_returns_no_ids_is_an_error_and_the_next_request_is_answered(text):
    async def run():
        async with LiveModelClient(engine(), small_model("rotary").params, _Broken()) as client:
            with pytest.raises(
                RowError, match=r"_Broken.encode_batch of the text .* must return rows of ids, found \["
            ):
                await client.sample(text, GREEDY)
            return await asyncio.gather(client.sample("AB", GREEDY), client.sample("C", GREEDY))

    first, second = asyncio.run(asyncio.wait_for(run(), 60))
    assert first.text and second.text


def test_whatever_a_tokenizer_raises_the_next_request_is_answered():
    async def run():
        async with LiveModelClient(engine(), small_model("rotary").params, _Broken()) as client:
            with pytest.raises(SamplingError, match="SystemExit on 1 prompts: from a tokenizer"):
                await client.sample("EXIT", GREEDY)
            with pytest.raises(RowError, match="decode_batch of 1 rows must return a text for each"):
                await client.sample("A", GREEDY)
            return client.work.failed_batches

    assert asyncio.run(asyncio.wait_for(run(), 60)) == 1


def test_a_tokenizer_that_refuses_empty_texts_decodes():
    class Strict(Letters):
        def encode_batch(self, texts):
            if "" in texts:
                raise ValueError("nothing to encode")
            return super().encode_batch(texts)

    (response,) = together(LiveModelClient(engine(), small_model("rotary").params, Strict()), [([1, 2], GREEDY, 0)])
    assert response.text


def test_stop_strings_without_an_encoding_are_refused():
    client = LiveModelClient(engine(), small_model("rotary").params)
    (error,) = together(client, [([1], SamplingParams(4, stop_strings=("A",)), 0)])
    assert isinstance(error, ArgumentError) and "Pass `encoding`" in str(error)


class _Calls(Executor):
    """Calls that another thread makes."""

    def __init__(self):
        self.calls = queue.Queue()

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.calls.put((future, fn, args, kwargs))
        return future


def test_the_engine_is_called_by_the_thread_that_the_executor_says():
    calls, responses = _Calls(), []
    asking = threading.Thread(target=lambda: responses.extend(together(live(executor=calls), [(ROWS[0], GREEDY, 0)])))
    asking.start()
    future, fn, args, kwargs = calls.calls.get(timeout=60)
    assert not responses
    future.set_result(fn(*args, **kwargs))
    asking.join()
    assert responses[0].sequences


def test_what_the_executor_raises_reaches_who_asked():
    class Full(_Calls):
        def submit(self, fn, /, *args, **kwargs):
            raise MemoryError("no room")

    (error,) = together(live(executor=Full()), [(ROWS[0], GREEDY, 0)])
    assert isinstance(error, SamplingError) and "MemoryError on 1 prompts: no room" in str(error)
    assert isinstance(error.__cause__, MemoryError)


def test_a_request_that_is_given_up_is_not_computed():
    async def run():
        async with live(linger_s=0.05) as client:
            tasks = [asyncio.create_task(client.sample(row, GREEDY)) for row in ROWS[:4]]
            await asyncio.sleep(0.01)
            tasks[1].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return client.work.answers

    assert asyncio.run(run()) == 3


def test_clients_are_asked_from_many_event_loops():
    client = live()
    found = []

    def ask(row):
        found.append(asyncio.run(client.sample(row, GREEDY)))

    threads = [threading.Thread(target=ask, args=(row,)) for row in ROWS[:8]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(client.aclose())
    assert len(found) == 8


def test_a_closed_client_says_so():
    client = live()
    asyncio.run(client.aclose())
    asyncio.run(client.aclose())
    with pytest.raises(SamplingError, match="closed"):
        asyncio.run(client.sample([1], GREEDY))


def test_identity_depends_on_parameters_and_fingerprint():
    params = small_model("rotary").params
    other = jax.tree.map(lambda leaf: leaf + 1, params)
    identities = {
        LiveModelClient(engine(), tree, fingerprint=text).identity for tree in (params, other) for text in ("a", "b")
    }
    assert len(identities) == 4
    assert LiveModelClient(engine(), params, fingerprint="a").identity in identities


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [(jax, "__version__", "0.0.1"), (live_module, "FORM", -1), (jax, "default_backend", lambda: "abacus")],
)
def test_identity_depends_on_what_computes(monkeypatch, owner, name, value):
    params = {"w": np.ones(2, np.float32)}  # nothing is computed with it
    before = LiveModelClient(engine(), params, fingerprint="a").identity
    monkeypatch.setattr(owner, name, value)
    assert LiveModelClient(engine(), params, fingerprint="a").identity != before


def test_identity_is_not_guessed():
    with pytest.raises(FingerprintError, match="Pass `fingerprint`"):
        _ = live().identity


def test_arguments_are_checked():
    model, params = small_model("rotary")
    with pytest.raises(ArgumentTypeError, match="must be an Engine"):
        LiveModelClient(model, params)
    with pytest.raises(ArgumentTypeError, match="must have `submit`"):
        live(executor=print)
    with pytest.raises(ArgumentError, match="linger_s"):
        live(linger_s=-1)
    with pytest.raises(ArgumentTypeError, match="linger_s"):
        live(linger_s="1")
    with pytest.raises(ArgumentError, match="max_batch"):
        live(max_batch=0)
    with pytest.raises(ArgumentTypeError, match="no decode_batch"):
        LiveModelClient(engine(), params, "tokenizer")


def test_text_without_an_encoding_is_refused():
    params = small_model("rotary").params
    (error,) = together(LiveModelClient(engine(), params), [("AB", GREEDY, 0)])
    assert isinstance(error, RowError) and "no encoding" in str(error)
