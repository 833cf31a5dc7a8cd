"""What evaluates the demo's model: an engine, an Evaluator of a task, and both of them for checkpoints."""

from __future__ import annotations

import os

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from evalkit.data.task import Task
from evalkit.demo.addition import VOCABULARY
from evalkit.demo.arithmetic import LENGTHS
from evalkit.demo.model import LanguageModel
from evalkit.evaluation.evaluator import Evaluator
from evalkit.feature_converters import PrefixLMFeatureConverter
from evalkit.inference.engine import Engine
from evalkit.inference.linen_model import linen_model
from evalkit.inference.sampling import SamplingParams
from evalkit.loggers.jsonl import JSONLogger
from evalkit.training.checkpoint_model import CheckpointModel

GREEDY = SamplingParams(max_new_tokens=LENGTHS["targets"])
CONVERTER = PrefixLMFeatureConverter(pack=False)


def language_model() -> LanguageModel:
    """The model that `evalkit demo` trains."""
    return LanguageModel(VOCABULARY.vocab_size, max_length=sum(LENGTHS.values()))


def engine(mesh: Mesh | None = None) -> Engine:
    """Computes with that model, on the devices of `mesh`, None for one device."""
    module = language_model()
    described = linen_model(
        module, vocab_size=module.vocab_size, max_length=module.max_length, eos_ids=(VOCABULARY.eos_id,)
    )
    return Engine(described, mesh=mesh)


def evaluator(task: Task, log_dir: str | os.PathLike[str]) -> Evaluator:
    """Evaluates the task on its held-out examples; what it was answered goes to JSONL files in `log_dir`."""
    return Evaluator(
        task,
        CONVERTER,
        eval_split="validation",
        logger_cls=[JSONLogger],
        log_dir=os.fspath(log_dir),
    )


def checkpoint_model() -> CheckpointModel:
    """The model for checkpoints of the demo, as in `evalkit sweep --model=evalkit.demo.evaluators:checkpoint_model`."""
    shapes = jax.eval_shape(language_model().init, jax.random.key(0), jnp.zeros((1, 1), jnp.int32))
    return CheckpointModel(engine(), shapes["params"], CONVERTER, sampling=GREEDY)
