"""Clients that sample: a live Flax model, or an endpoint, asked by many at a time."""

from evalkit.sampling.client import SampledSequence as SampledSequence
from evalkit.sampling.client import SampleResponse as SampleResponse
from evalkit.sampling.client import SamplingClient as SamplingClient
from evalkit.sampling.endpoint import OpenAIClient as OpenAIClient
from evalkit.sampling.live import LiveModelClient as LiveModelClient
from evalkit.sampling.predict import predict_fn_of as predict_fn_of
from evalkit.sampling.predict import predict_with_aux_fn_of as predict_with_aux_fn_of
from evalkit.sampling.response_cache import CachedClient as CachedClient
from evalkit.sampling.response_cache import ResponseCache as ResponseCache
from evalkit.sampling.retrying import Retrying as Retrying
