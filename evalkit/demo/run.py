"""Training with evaluation, as a trainer does it: construct an Evaluator once, call `evaluate` every so many steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from evalkit.columns import Array
from evalkit.data.dataset import get_dataset
from evalkit.demo.addition import ADDITION, VOCABULARY
from evalkit.demo.model import LanguageModel
from evalkit.demo.training import TrainingPlan, TrainingState, train
from evalkit.evaluation.evaluator import Evaluator
from evalkit.feature_converters import PrefixLMFeatureConverter
from evalkit.inference.engine import Engine
from evalkit.inference.linen_model import linen_model
from evalkit.inference.sampling import SamplingParams
from evalkit.loggers.jsonl import JSONLogger
from evalkit.loggers.tensorboard import TensorBoardLogger

LENGTHS = {"inputs": len("99+99="), "targets": len("198") + 1}  # and the end of the sequence


class Evaluation(NamedTuple):
    """What was found after `step` steps; `loss` is the training loss, in nats a token."""

    step: int
    loss: float
    metrics: Mapping[str, Any]


def run(log_dir: str, plan: TrainingPlan, on_step: Callable[[TrainingState], None]) -> list[Evaluation]:
    """Trains and evaluates; metrics go to TensorBoard and JSONL files in `log_dir`.

    Args:
      log_dir: where the results go.
      plan: how long to train, and how often to evaluate.
      on_step: called after each step, for a progress bar.

    Returns:
      The evaluations: before the first step, after every `plan.eval_every` steps, and after the last.
    """
    converter = PrefixLMFeatureConverter(pack=False)
    vocab_size, max_length = VOCABULARY.vocab_size, sum(LENGTHS.values())
    model = LanguageModel(vocab_size, max_length)
    ends = (VOCABULARY.eos_id,)
    engine = Engine(linen_model(model, vocab_size=vocab_size, max_length=max_length, eos_ids=ends))
    greedy = SamplingParams(max_new_tokens=LENGTHS["targets"])
    pending = []
    with Evaluator(
        ADDITION,
        converter,
        eval_split="validation",
        sequence_length=LENGTHS,
        logger_cls=[TensorBoardLogger, JSONLogger],
        log_dir=log_dir,
    ) as evaluator:
        for state in train(model, training_examples(converter), plan):
            if state.step % plan.eval_every == 0 or state.step == plan.num_steps:
                future, _ = evaluator.evaluate(
                    step=state.step,
                    predict_fn=engine.predict_fn(state.params, greedy),
                    score_fn=engine.score_fn(state.params),
                )
                pending.append((state, future))  # its metrics are computed while training goes on
            on_step(state)
        return [Evaluation(state.step, state.loss, future.result()[ADDITION.name]) for state, future in pending]


def training_examples(converter: PrefixLMFeatureConverter) -> dict[str, Array]:
    """The training split as the model sees it: by model feature, an array `[examples, length]`."""
    dataset = get_dataset(ADDITION, LENGTHS, converter, "train")
    examples = list(dataset.as_numpy_iterator())
    used = ("decoder_input_tokens", "decoder_target_tokens", "decoder_loss_weights")
    return {name: np.stack([example[name] for example in examples]) for name in used}
