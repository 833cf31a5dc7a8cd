"""What all evaluations have in common."""

from __future__ import annotations

import abc
from typing import Any, final

from evalkit.evaluations.inference_job import InferenceJob
from evalkit.evaluations.result import EvaluationResult
from evalkit.inference.arguments import whole_number


class Evaluation(abc.ABC):
    """A number of examples, and how a model is judged by them."""

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """Name of this evaluation."""

    @final
    def prefix(self) -> str:
        """What the names of its metrics begin with."""
        return f"{self.name}_"

    @abc.abstractmethod
    def __len__(self) -> int:
        """How many examples there are."""

    @abc.abstractmethod
    def evaluate(self, inference: InferenceJob, encoding: Any, *args: Any, **kwargs: Any) -> EvaluationResult:
        """Runs the evaluation, and tells the score with what stands behind it.

        Args:
          inference: engine and parameters.
          encoding: a tokenizer with `encode_batch` and `decode_batch`, or a vocabulary of evalkit.
          *args: of each kind.
          **kwargs: of each kind; those of other kinds are ignored, so that one call can serve a list of evaluations.
        """

    @final
    def __call__(self, inference: InferenceJob, encoding: Any, *args: Any, **kwargs: Any) -> float:
        """Runs the evaluation as `evaluate` does, and returns the score alone."""
        return self.evaluate(inference, encoding, *args, **kwargs).score

    @staticmethod
    def find_accumulation_steps(
        dataset_size: int, max_batch_size: int, dp_replicate: int
    ) -> tuple[int, int] | tuple[None, None]:
        """The largest batch that divides a dataset evenly. An engine does not need it: it plans batches of its own.

        Args:
          dataset_size: how many examples there are.
          max_batch_size: the largest batch of one device.
          dp_replicate: over how many replicas batches are spread.

        Returns:
          Batch size of a device and number of steps; `(None, None)` if no size divides the dataset.

        Raises:
          ArgumentError: a number is less than 1.
          ArgumentTypeError: a number is not whole.

        Example:
          >>> Evaluation.find_accumulation_steps(24, 5, 2), Evaluation.find_accumulation_steps(7, 4, 2)
          ((4, 3), (None, None))
        """
        size = whole_number("dataset_size", dataset_size)
        replicas = whole_number("dp_replicate", dp_replicate)
        for batch_size in range(whole_number("max_batch_size", max_batch_size), 0, -1):
            if size % (batch_size * replicas) == 0:
                return batch_size, size // (batch_size * replicas)
        return None, None
