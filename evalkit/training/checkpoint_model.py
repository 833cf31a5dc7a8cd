"""What must be known of a model to evaluate checkpoints of it: how it computes, and what its parameters look like.

    def my_model():
        model = LanguageModel(vocab_size, max_length)
        shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 1), jnp.int32))
        engine = Engine(linen_model(model, vocab_size=vocab_size, max_length=max_length))
        return CheckpointModel(engine, shapes, PrefixLMFeatureConverter(pack=False))

A function like that is what `evalkit sweep CHECKPOINTS --model=my_module:my_model` calls.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, final

import jax

from evalkit.converter import FeatureConverter
from evalkit.data.content_hash import fingerprint
from evalkit.errors import ArgumentError, ArgumentTypeError
from evalkit.evaluation.verdicts import answers_and_endings
from evalkit.evaluations.checkpoint import Checkpoint
from evalkit.inference.engine import Engine
from evalkit.inference.feature_prompts import prompts_of_features
from evalkit.inference.model import Tree
from evalkit.inference.sampling import SamplingParams
from evalkit.inference.stop_strings import Decode
from evalkit.metrics.signature import ModelOutputType

ModelFn = Callable[[Any], Any]


@final
@dataclasses.dataclass(frozen=True)
class CheckpointModel:
    """A model whose parameters are in checkpoints.

    Attributes:
      engine: computes.
      template: the parameters as arrays or `jax.ShapeDtypeStruct` (`jax.eval_shape` gives them); those of a checkpoint
        are cast to its dtypes, and lie where its shardings say, or on all of the engine's mesh.
      feature_converter: from task features to those that the model reads.
      params_at: where in a checkpoint the parameters are: names with "/" between them, "" for all of it.
      sampling: how answers are generated; None is greedy, with as many tokens as the features have room for.
      sequence_length: the most tokens of each task feature; None, or a feature that it leaves out: the longest example.
      decode_fn: from ids to text; stop strings in `sampling` need it.
      score_intermediates: whether scores come with the log-probability of each token and the likeliest tokens, as the
        metrics of `evalkit.evaluations.as_task` need them.

    Raises:
      ArgumentError: there are no parameters, `sampling` asks for several answers or has stop strings and there is no
        `decode_fn`, or the converter packs.
      ArgumentTypeError: something is of another type.
    """

    engine: Engine
    template: Tree = dataclasses.field(repr=False)
    feature_converter: FeatureConverter
    params_at: str = "params"
    sampling: SamplingParams | None = None
    sequence_length: Mapping[str, int] | None = None
    decode_fn: Decode | None = None
    score_intermediates: bool = False

    def __post_init__(self) -> None:
        self._check_types()
        leaves = jax.tree.leaves(self.template)
        if not leaves:
            raise ArgumentError("template has no arrays. Pass the parameters, or what jax.eval_shape says of them.")
        for leaf in leaves:
            if not (hasattr(leaf, "shape") and hasattr(leaf, "dtype")):
                raise ArgumentTypeError(f"template holds {leaf!r}; expected arrays or jax.ShapeDtypeStruct.")
        if getattr(self.feature_converter, "pack", False):
            raise ArgumentError(
                f"{type(self.feature_converter).__name__} packs, and an output must belong to one example. Pass "
                "pack=False."
            )
        if self.sampling is not None and self.sampling.num_samples != 1:
            raise ArgumentError(f"Metrics take one answer to each example; num_samples is {self.sampling.num_samples}.")
        if self.sampling is not None and self.sampling.stop_strings and self.decode_fn is None:
            raise ArgumentError("sampling has stop strings, which are looked for in text. Pass decode_fn.")

    def _check_types(self) -> None:
        if not isinstance(self.engine, Engine):
            raise ArgumentTypeError(f"engine must be an Engine, found {type(self.engine).__name__}.")
        if not callable(self.feature_converter):
            raise ArgumentTypeError(f"feature_converter must be one, found {self.feature_converter!r}.")
        if not isinstance(self.params_at, str):
            raise ArgumentTypeError(f"params_at must be a string, found {self.params_at!r}.")
        if not isinstance(self.sampling, SamplingParams | None):
            raise ArgumentTypeError(f"sampling must be SamplingParams or None, found {self.sampling!r}.")

    @functools.cached_property
    def identity(self) -> str:
        """A hash of what decides the outputs, apart from parameters and examples.

        Raises:
          FingerprintError: the content of a part cannot be told.
        """
        leaves, structure = jax.tree.flatten(self.template)
        shapes = [(tuple(leaf.shape), str(leaf.dtype)) for leaf in leaves]
        parts = (self.engine.model, str(structure), shapes, self.params_at, self.feature_converter, self.sampling)
        return fingerprint((*parts, self.decode_fn, self.score_intermediates))

    def restore(self, checkpoint: Checkpoint) -> Tree:
        """The parameters in a checkpoint, all of them in memory.

        Raises:
          CheckpointError: the checkpoint does not hold such parameters, or is damaged.
        """
        params = checkpoint.restore(self.template, self.params_at, self.engine.mesh)
        jax.block_until_ready(params)  # type: ignore[no-untyped-call]
        return params

    def model_fn(self, kind: ModelOutputType, params: Tree, dataset: Any) -> ModelFn:
        """The function that gives one kind of output for the examples of `dataset`, or any part of them.

        Args:
          kind: of the output.
          params: the parameters.
          dataset: all examples; where `sampling` leaves it open, they decide how long answers may be. So an example
            has the same answer in whatever part it is asked for.

        Raises:
          FeatureError: the examples do not have the features from which prompts come.
        """
        if kind in (ModelOutputType.SCORE, ModelOutputType.SCORE_WITH_INTERMEDIATES):
            intermediates = self.score_intermediates or kind is ModelOutputType.SCORE_WITH_INTERMEDIATES
            return self.engine.score_fn(params, intermediates=intermediates)
        sampling = self.sampling or prompts_of_features(dataset).greedy(self.engine.model.max_length)
        predict = self.engine.predict_with_aux_fn(params, sampling, self.decode_fn)
        return predict if kind is ModelOutputType.PREDICTION_WITH_AUX else answers_and_endings(predict)
