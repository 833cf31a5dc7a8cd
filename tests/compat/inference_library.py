"""A library as T5X is one: it says `import seqio`, builds an Evaluator by keywords, and answers it as T5X's infer does.

Nothing in it knows evalkit. Its model function pads the last batch with copies of the first example under index -1,
takes a shard for each host, drops the padding itself, and brings the outputs into order. `InferenceEvaluator` has the
arguments, attributes and calls of the class of this name in `t5x/eval.py` (2023), the paths below `log_dir` too.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import seqio
import tensorflow as tf
from seqio import metrics as seqio_metrics
from seqio.evaluation import AllMetricsFuture
from seqio.utils import trim_dataset
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

HOSTS = 2
BATCH = 4


@dataclasses.dataclass
class DatasetConfig:
    """What of T5X's class of this name an evaluation reads."""

    mixture_or_task_name: str
    task_feature_lengths: Any = None
    split: str = "validation"
    batch_size: int = HOSTS * BATCH
    use_cached: bool = False
    seed: int | None = 42
    use_memory_cache: bool = True


@dataclasses.dataclass
class TrainState:
    """Parameters and a step; the parameters are what is added to each token that is answered."""

    step: Any
    params: int


class Model:
    """Answers with the targets, and with what its parameters add to them."""

    FEATURE_CONVERTER_CLS = seqio.EncDecFeatureConverter

    def predict_batch(self, params, batch, rng):
        del rng
        return batch["decoder_target_tokens"] + params

    def predict_batch_with_aux(self, params, batch, rng):
        lengths = batch["decoder_loss_weights"].sum(axis=-1)
        return self.predict_batch(params, batch, rng), {"lengths": lengths}

    def score_batch(self, params, batch, rng=None):
        del params, rng
        return -batch["decoder_loss_weights"].sum(axis=-1)


class InferenceEvaluator:
    """Wraps an Evaluator as T5X's class of this name does."""

    def __init__(
        self,
        infer_eval_dataset_cfg,
        inference_evaluator_cls,
        model,
        partitioner,
        log_dir=None,
        verify_matching_vocabs_fn=None,
    ):
        if verify_matching_vocabs_fn is not None:
            verify_matching_vocabs_fn(infer_eval_dataset_cfg, model)
        self._config, self._model = infer_eval_dataset_cfg, model
        del partitioner
        logged = {"log_dir": os.path.join(log_dir, "inference_eval")} if log_dir else {"logger_cls": ()}
        self._evaluator = inference_evaluator_cls(
            mixture_or_task_name=self._config.mixture_or_task_name,
            feature_converter=model.FEATURE_CONVERTER_CLS(pack=False),
            eval_split=self._config.split,
            use_cached=self._config.use_cached,
            seed=self._config.seed,
            sequence_length=self._config.task_feature_lengths,
            use_memory_cache=self._config.use_memory_cache,
            **logged,
        )

    @property
    def eval_tasks(self) -> list[seqio.Task]:
        return self._evaluator.eval_tasks

    @property
    def model_feature_shapes(self):
        return self._evaluator.model_feature_shapes

    def evaluate(self, train_state, train_state_axes) -> AllMetricsFuture:
        del train_state_axes
        rng = np.zeros(2, np.uint32)
        future, _ = self._evaluator.evaluate(
            compute_metrics=True,
            step=int(train_state.step),
            predict_fn=functools.partial(infer(self._model.predict_batch), train_state=train_state, rng=rng),
            score_fn=functools.partial(infer(self._model.score_batch), train_state=train_state),
            predict_with_aux_fn=functools.partial(
                infer(self._model.predict_batch_with_aux), train_state=train_state, rng=rng
            ),
        )
        return future

    def close(self):
        self._evaluator.close()


def verify_matching_vocabs(config, model):
    """As T5X does it, by the features of the mixture or task."""
    del model
    features = seqio.get_mixture_or_task(config.mixture_or_task_name).output_features
    if features["targets"].vocabulary != seqio.ByteVocabulary():
        raise ValueError(f"Model and task have different vocabularies: {features}")


def infer(step_fn):
    """A function of an enumerated dataset: `step_fn` of batches on several hosts, gathered and put in order."""

    def infer_fn(dataset, train_state, rng=None):
        size = len(dataset)
        padding = dataset.take(1).map(lambda index, example: (tf.constant(-1, tf.int64), example)).repeat()
        padded = dataset.concatenate(padding.take(-size % (HOSTS * BATCH)))
        found, auxiliary = {}, {}
        for host in range(HOSTS):
            for indices, batch in padded.shard(HOSTS, host).batch(BATCH, drop_remainder=True).as_numpy_iterator():
                outputs = step_fn(train_state.params, batch, rng)
                outputs, aux = outputs if isinstance(outputs, tuple) else (outputs, {})
                found |= dict(zip(indices.tolist(), outputs.tolist(), strict=True))
                for name, values in aux.items():
                    auxiliary.setdefault(name, {}).update(zip(indices.tolist(), values.tolist(), strict=True))
        ordered = [(index, found[index]) for index in sorted(found) if index >= 0]
        if [index for index, _ in ordered] != list(range(size)):
            raise ValueError(f"{len(ordered)} outputs for {size} examples.")
        if not auxiliary:
            return ordered
        return ordered, {name: [values[index] for index, _ in ordered] for name, values in auxiliary.items()}

    return infer_fn


def share_right(targets, predictions):
    right = sum(map(str.__eq__, targets, predictions)) / len(targets)
    return {"right": seqio_metrics.Scalar(right)}


def mean_score(targets, scores):
    return {"mean_score": float(sum(scores)) / len(targets)}


def mean_length(targets, predictions, aux_values):
    right = sum(map(str.__eq__, targets, predictions)) / len(targets)
    return {"mean_length": float(np.mean(aux_values["lengths"])), "right_with_aux": right}


def register(name, rows):
    """Registers a task of texts, and a mixture of it."""
    features = {
        "inputs": seqio.Feature(seqio.ByteVocabulary(), add_eos=True),
        "targets": seqio.Feature(seqio.ByteVocabulary(), add_eos=True),
    }

    def dataset_fn(split, shuffle_files, seed=None):
        return trim_dataset(tf.data.Dataset.from_tensor_slices(rows), None, features)

    seqio.TaskRegistry.add(
        name,
        source=seqio.FunctionDataSource(dataset_fn, splits=["validation"]),
        preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos_after_trim],
        output_features=features,
        metric_fns=[share_right, mean_score, mean_length],
    )
    return seqio.MixtureRegistry.add(f"{name}_mixture", [name], default_rate=1.0)


def evaluated(log_dir):
    """What an evaluation at two steps gives and writes."""
    rows = {"inputs": ["one", "two", "three", "four", "five"], "targets": ["uno", "dos", "tres", "cuatro", "cinco"]}
    register("spanish", rows)
    loggers = [seqio.PyLoggingLogger, seqio.TensorBoardLogger, seqio.JSONLogger]
    bound = functools.partial(seqio.Evaluator, num_examples=None, use_memory_cache=True, logger_cls=loggers)  # by gin
    evaluator = InferenceEvaluator(
        infer_eval_dataset_cfg=DatasetConfig("spanish_mixture"),
        inference_evaluator_cls=bound,
        model=Model(),
        partitioner=None,
        log_dir=str(log_dir),
        verify_matching_vocabs_fn=verify_matching_vocabs,
    )
    states = [TrainState(np.int32(5), params=1), TrainState(np.int32(100), params=0)]
    results = [evaluator.evaluate(state, train_state_axes=state).result()["spanish"] for state in states]
    evaluator.close()
    lengths = {"inputs": 8, "targets": 8}
    quiet = InferenceEvaluator(DatasetConfig("spanish", lengths), bound, Model(), None)
    quiet.close()
    logs = Path(log_dir, "inference_eval")
    return {
        "tasks": [task.name for task in evaluator.eval_tasks],
        "shapes": {name: list(shape) for name, shape in sorted(evaluator.model_feature_shapes.items())},
        "given shapes": {name: list(shape) for name, shape in sorted(quiet.model_feature_shapes.items())},
        "scalars": [isinstance(result["right"], seqio_metrics.Scalar) for result in results],
        "files": sorted(path.name for path in logs.iterdir()),
        "metrics": [json.loads(line) for line in (logs / "spanish-metrics.jsonl").read_text().splitlines()],
        "rows": [json.loads(line) for line in (logs / "spanish-000100.jsonl").read_text().splitlines()],
        "tags": sorted(tags_of(logs / "spanish")),
    }


def tags_of(run):
    """Tags and steps in the event files of a run."""
    events = [event for path in run.glob("events.out.tfevents.*") for event in EventFileLoader(str(path)).Load()]
    return {(value.tag, event.step) for event in events for value in event.summary.value}


if __name__ == "__main__":  # with seqio's own interpreter
    sys.stdout.write(f"RESULT {json.dumps(evaluated(sys.argv[1]))}\n")
