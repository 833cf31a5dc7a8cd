"""One of several processes of a JAX program, which judges its shard and shares what it found.

    python process_worker.py PORT PROCESSES INDEX

Each has as many rows as its index says, ragged, and a metric function that does not pickle. Prints `RESULT` and, as
JSON, the values, and what the error says where a metric itself does not pickle.
"""

from __future__ import annotations

import json
import sys

import jax
import numpy as np

from evalkit.data import Feature, InMemoryDataSource, Task
from evalkit.errors import MetricError
from evalkit.evaluation import MetricManager
from evalkit.metrics import Metric, ModelOutputType
from evalkit.vocabularies import PassThroughVocabulary

KIND = ModelOutputType.PREDICTION


def main() -> None:
    port, processes, index = map(int, sys.argv[1:])
    jax.distributed.initialize(f"localhost:{port}", processes, index)
    shards = [[[10 * shard + n] * (n + 1) for n in range(shard + 1)] for shard in range(processes)]
    examples = [{"targets": np.array(row)} for rows in shards for row in rows]

    def order(targets, predictions):
        right = sum(map(np.array_equal, targets, predictions))
        return {"right": right, "order": sum(i * int(np.sum(row)) for i, row in enumerate(predictions))}

    class Unpicklable(Metric):
        model_output_type = KIND

        @classmethod
        def empty(cls):
            return cls()

        def from_model_output(self, *batch, **more):
            return self

        def compute(self):
            return {}

    def manager_of(**metrics):
        features = {"targets": Feature(PassThroughVocabulary(100))}
        manager = MetricManager([Task("numbers", InMemoryDataSource({"test": examples}), features, **metrics)])
        manager.initialize_metrics("numbers", KIND)
        return manager, features

    manager, features = manager_of(metric_fns=[order])
    for position, row in reversed(list(enumerate(shards[index]))):
        batch = manager.from_model_output("numbers", KIND, [], [row], features, indices_2d=[[index, position]])
        manager.merge(batch, "numbers", KIND)
    manager.host_gather_and_reduce("numbers", KIND)
    values = manager.compute("numbers", KIND, examples)
    try:
        manager_of(metric_objs=[Unpicklable()])[0].host_gather_and_reduce("numbers", KIND)
    except MetricError as error:
        sys.stdout.write(f"RESULT {json.dumps({'values': values, 'error': str(error)})}\n")


if __name__ == "__main__":
    main()
