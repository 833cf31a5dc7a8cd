"""One of several processes that evaluate together; run by `test_all_processes`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import jax

import evalkit
from evalkit.errors import EvalkitError
from evalkit.evaluation.all_processes import evaluate_on_all_processes
from evalkit.feature_converters import EncDecFeatureConverter
from evalkit.loggers.jsonl import JSONLogger
from evalkit.metrics import exact_match
from evalkit.metrics.values import Scalar
from evalkit.training import CheckpointSweep
from tests.evaluation.small_task import answer_targets, rows_source
from tests.training import bigrams


def broken(targets, predictions):
    raise ZeroDivisionError("no such share")


class Locked(Scalar):
    def __reduce__(self):
        raise TypeError("holds a lock")


def unpicklable(targets, predictions):
    return {"share": Locked(1.0)}


def evaluator_of(metric, log_dir):
    feature = evalkit.Feature(evalkit.ByteVocabulary())
    features = {"inputs": feature, "targets": feature}
    source = rows_source(["1", "2"], ["one", "two"])
    task = evalkit.Task(
        "words",
        source=source,
        output_features=features,
        preprocessors=[evalkit.preprocessors.tokenize, evalkit.preprocessors.append_eos],
        metric_fns=[metric],
    )
    return evalkit.Evaluator(task, EncDecFeatureConverter(pack=False), logger_cls=[JSONLogger], log_dir=log_dir)


def lost(dataset):
    pairs = answer_targets(dataset)
    return pairs[:-1] if jax.process_index() == 1 else pairs


def leaving(dataset):
    if jax.process_index() == 1:
        sys.exit("time is up")
    return answer_targets(dataset)


def sweep():
    CheckpointSweep(bigrams.model(), bigrams.letters_task(), tempfile.mkdtemp())


def judging(metric, predict_fn):
    evaluator = evaluator_of(metric, tempfile.mkdtemp())
    return lambda: evaluate_on_all_processes(evaluator, step=3, predict_fn=predict_fn)


def message_of(call):
    try:
        call()
    except (EvalkitError, SystemExit) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def main(port: str, processes: str, index: str) -> None:
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"localhost:{port}", int(processes), int(index))
    log_dir = tempfile.mkdtemp()
    metrics, counts = evaluate_on_all_processes(evaluator_of(exact_match, log_dir), step=3, predict_fn=answer_targets)
    result = {
        "metrics": metrics,
        "counts": counts["words"].as_dict(),
        "logged": sorted(path.name for path in Path(log_dir).iterdir()),
        "broken_metric": message_of(judging(broken, answer_targets)),
        "lost_output": message_of(judging(exact_match, lost)),
        "unpicklable": message_of(judging(unpicklable, answer_targets)),
        "leaving": message_of(judging(exact_match, leaving)),
        "sweep": message_of(sweep),
    }
    sys.stdout.write(f"RESULT {json.dumps(result)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
