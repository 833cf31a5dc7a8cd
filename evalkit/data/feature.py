"""What a feature of an example must look like when preprocessing is done, and how its numbers become text again."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.vocabularies import PassThroughVocabulary, Vocabulary


@dataclasses.dataclass(frozen=True)
class Feature:
    """One output feature of a task: promised by the task, checked after its preprocessors.

    Equal by value and always hashable: the hash leaves the vocabulary out, because not every user's vocabulary that
    defines equality defines a hash as well.

    Attributes:
      vocabulary: turns text into ids and back.
      add_eos: whether `append_eos` ends this feature with the vocabulary's end-of-sequence id.
      required: whether each example must have the feature.
      dtype: of the values; anything that `tf.as_dtype` takes.
      rank: how many dimensions one example's value has.
    """

    vocabulary: Vocabulary = dataclasses.field(hash=False)
    add_eos: bool = True
    required: bool = True
    dtype: Any = tf.int32
    rank: int = 1

    def __post_init__(self) -> None:
        """Checks the fields.

        Raises:
          DefinitionError: the vocabulary, dtype or rank cannot be one.
        """
        if isinstance(self.vocabulary, type) or not hasattr(self.vocabulary, "decode"):
            raise errors.DefinitionError(
                f"A feature's vocabulary must be a Vocabulary, found {self.vocabulary!r}. "
                "Use PassThroughVocabulary(size) for a feature without text."
            )
        if isinstance(self.rank, bool) or not isinstance(self.rank, int) or self.rank < 0:
            raise errors.DefinitionError(f"A feature's rank must be an integer >= 0, found {self.rank!r}.")
        try:
            object.__setattr__(self, "dtype", tf.as_dtype(self.dtype))
        except TypeError as e:
            raise errors.DefinitionError(
                f"A feature's dtype must be a tf.DType or the name of one, found {self.dtype!r}."
            ) from e


@final
@dataclasses.dataclass(frozen=True)
class ContinuousFeature(Feature):
    """A feature that has no text, such as audio: the same promises with other defaults (nothing else differs)."""

    vocabulary: Vocabulary = dataclasses.field(default_factory=lambda: PassThroughVocabulary(size=0), hash=False)
    add_eos: bool = False
