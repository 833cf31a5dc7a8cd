"""A library as T5X is one: it says `import seqio`, builds an Evaluator by keywords, and answers it as T5X's infer does.

Nothing in it knows evalkit. Its model function pads the last batch with copies of the first example under index -1,
takes a shard for each host, drops the padding itself, and brings the outputs into order.
"""

from __future__ import annotations

import seqio
import tensorflow as tf
from seqio import metrics as seqio_metrics
from seqio.evaluation import AllMetricsFuture
from seqio.utils import trim_dataset

HOSTS = 2
BATCH = 4


class InferenceEvaluator:
    """Wraps an Evaluator as T5X's class of this name does."""

    def __init__(self, mixture_or_task_name, sequence_length, log_dir, **keywords):
        self._evaluator = seqio.Evaluator(
            mixture_or_task_name=mixture_or_task_name,
            feature_converter=seqio.EncDecFeatureConverter(pack=False),
            eval_split="validation",
            use_cached=False,
            seed=42,
            sequence_length=sequence_length,
            num_examples=None,
            use_memory_cache=True,
            log_dir=log_dir,
            **keywords,
        )

    @property
    def eval_tasks(self) -> list[seqio.Task]:
        return self._evaluator.eval_tasks

    @property
    def model_feature_shapes(self):
        return self._evaluator.model_feature_shapes

    def evaluate(self, step: int) -> tuple[AllMetricsFuture, object]:
        return self._evaluator.evaluate(
            compute_metrics=True, step=step, predict_fn=infer(answer), score_fn=infer(score)
        )

    def close(self):
        self._evaluator.close()


def infer(step_fn):
    """A function of an enumerated dataset: `step_fn` of batches on several hosts, gathered and put in order."""

    def infer_fn(dataset):
        size = len(dataset)
        padding = dataset.take(1).map(lambda index, example: (tf.constant(-1, tf.int64), example)).repeat()
        padded = dataset.concatenate(padding.take(-size % (HOSTS * BATCH)))
        gathered = []
        for host in range(HOSTS):
            for indices, batch in padded.shard(HOSTS, host).batch(BATCH, drop_remainder=True).as_numpy_iterator():
                gathered += zip(indices.tolist(), step_fn(batch).tolist(), strict=True)
        outputs = dict(pair for pair in gathered if pair[0] >= 0)
        if sorted(outputs) != list(range(size)):
            raise ValueError(f"{len(outputs)} outputs for {size} examples.")
        return sorted(outputs.items())

    return infer_fn


def answer(batch):
    return batch["decoder_target_tokens"]


def score(batch):
    return -batch["decoder_loss_weights"].sum(axis=-1)


def share_right(targets, predictions):
    right = sum(map(str.__eq__, targets, predictions)) / len(targets)
    return {"right": seqio_metrics.Scalar(right)}


def mean_score(targets, scores):
    return {"mean_score": float(sum(scores)) / len(targets)}


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
        metric_fns=[share_right, mean_score],
    )
    return seqio.MixtureRegistry.add(f"{name}_mixture", [name], default_rate=1.0)
