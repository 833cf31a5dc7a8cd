"""The rows have the fields and values of seqio's, written by seqio 0.0.20 from the same data in its own environment.

Needs an interpreter with seqio 0.0.20, named by EVALKIT_SEQIO_PYTHON.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from evalkit.loggers import JSONLogger
from evalkit.metrics.values import Generic, Scalar, Text

SEQIO = os.environ.get("EVALKIT_SEQIO_PYTHON", "")

pytestmark = pytest.mark.skipif(not SEQIO, reason="EVALKIT_SEQIO_PYTHON names no interpreter that has seqio")

PEER = """
import pickle, sys
import tensorflow as tf
from seqio import loggers, metrics
folder = sys.argv[1]
with open(folder + "/case.pickle", "rb") as file:
    case = pickle.load(file)
dataset = None
for example in case["examples"]:  # concatenated, which keeps the dtypes
    one = tf.data.Dataset.from_tensors({k: tf.constant(v) for k, v in example.items()})
    one = one.map(lambda x: {k: tf.ensure_shape(v, [None] * v.shape.rank) for k, v in x.items()})
    spec = {k: tf.TensorSpec([None] * v.shape.rank, v.dtype) for k, v in one.element_spec.items()}
    one = tf.data.Dataset.from_generator(lambda one=one: iter(one), output_signature=spec)
    dataset = one if dataset is None else dataset.concatenate(one)
values = {name: getattr(metrics, kind)(*arguments) for name, (kind, arguments) in case["metrics"].items()}
loggers.JSONLogger(folder)("task", 7, values, dataset, case["inferences"], case["targets"])
"""


def case():
    lengths = [0, 1, 31, 32, 33, 200]
    rng = np.random.default_rng(0)
    examples = [
        {
            "ids": rng.integers(0, 2**31, length).astype(np.int32),
            "floats": rng.normal(size=length).astype(np.float32),
            "small": rng.normal(size=length).astype(ml_dtypes.bfloat16),
            "matrix": rng.integers(0, 9, (length, 2)),
            "text": f"text {length} é",
            "binary": bytes([0xFF, length]),
            "texts": np.array([b"a", b"\xff"] * length, object),
            "number": np.float32(length) / 3,
            "flag": np.bool_(length % 2),
        }
        for length in lengths
    ]
    count = len(examples)
    inferences = {
        "output": [rng.integers(0, 9, (2, length)) for length in lengths],
        "prediction": ["plain", "é", b"\xfe", {"a": [np.int64(1)]}, np.float16(0.1), None],
        "score": [0.1, np.float32(0.1), 1, True, np.float64(1e-7), ml_dtypes.bfloat16(1.5)],
        "aux_value": {"length": lengths, "logits": list(rng.normal(size=(count, 3)))},
    }
    metrics = {
        "scalar": ("Scalar", (np.float32(0.1),)),
        "text": ("Text", ("é",)),
        "tensor": ("Generic", (np.arange(40), None)),
    }
    return {"examples": examples, "inferences": inferences, "targets": ["t"] * (count - 1) + [{}], "metrics": metrics}


def test_rows_and_metrics_are_equal(tmp_path):
    peers, ours = tmp_path / "seqio", tmp_path / "evalkit"
    peers.mkdir()
    data = case()
    (peers / "case.pickle").write_bytes(pickle.dumps(data))
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"}
    subprocess.run([SEQIO, "-c", PEER, peers], check=True, env=environment, cwd=tmp_path)

    kinds = {"Scalar": Scalar, "Text": Text, "Generic": Generic}
    metrics = {name: kinds[kind](*arguments) for name, (kind, arguments) in data["metrics"].items()}
    signature = {
        name: tf.TensorSpec([None] * np.ndim(value), tf.as_dtype(np.asarray(value).dtype))
        for name, value in data["examples"][0].items()
    }
    dataset = tf.data.Dataset.from_generator(lambda: iter(data["examples"]), output_signature=signature)
    JSONLogger(ours)("task", 7, metrics, dataset, data["inferences"], data["targets"])

    for name in ("task-metrics.jsonl", "task-000007.jsonl"):
        assert read(ours / name) == read(peers / name)


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]
