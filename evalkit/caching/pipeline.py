"""The Beam pipeline that writes pieces: one element for each piece, and no order among them.

Nothing of a split passes through Beam but the names of its pieces; a worker reads, preprocesses and writes one by
itself. So the pipeline costs next to nothing, and any runner will do.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, final

from evalkit.caching.optional_beam import PipelineOptions, beam
from evalkit.caching.piece_writer import write_piece
from evalkit.caching.plan import SplitPlan
from evalkit.errors import ArgumentError, CacheError

LOCAL_RUNNER = "FnApiRunner"
"""Runs the pipeline inside of this process. Beam's own default looks for Prism first, a program that it downloads."""


@final
class WritePieces(beam.PTransform):
    """Writes all pieces of these plans that are not written yet; gives `(piece, number of examples)` of each."""

    def __init__(self, plans: Sequence[SplitPlan]) -> None:
        super().__init__()
        self._plans = tuple(plans)

    def expand(self, pipeline: Any) -> Any:
        """Applies it to a pipeline."""
        pieces = [(plan, index) for plan in self._plans for index in range(plan.num_pieces)]
        return pipeline | beam.Create(pieces) | beam.Reshuffle() | beam.ParDo(_WritePiece())


@final
class _WritePiece(beam.DoFn):
    def process(self, element: tuple[SplitPlan, int]) -> Iterator[tuple[str, int]]:
        """Writes one piece."""
        plan, piece = element
        num_examples = write_piece(plan, piece)
        beam.metrics.Metrics.counter("evalkit", "pieces").inc()
        beam.metrics.Metrics.counter("evalkit", "examples").inc(num_examples)
        yield plan.piece(piece), num_examples


def make_pipeline(pipeline_options: Iterable[str]) -> Any:
    """A Beam pipeline without any step.

    Args:
      pipeline_options: Beam's command line flags, such as `--runner=DataflowRunner`; without a runner, `LOCAL_RUNNER`.

    Raises:
      ArgumentError: an option that cannot work, or a runner that Beam does not know.
    """
    flags = list(pipeline_options)
    if not any(flag.partition("=")[0] == "--runner" for flag in flags):
        flags.append(f"--runner={LOCAL_RUNNER}")
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):  # argparse, which shows its whole usage, and exits
            options = PipelineOptions(flags)
            options.get_all_options()  # parses them all; Beam itself does that one by one, when it needs them
            return beam.Pipeline(options=options)
    except (Exception, SystemExit) as error:
        reason = said.getvalue().strip().rpartition("\n")[2] or error
        raise ArgumentError(f"Beam does not take the pipeline options {' '.join(flags)}: {reason}") from error


def run(pipeline: Any, plans: Sequence[SplitPlan]) -> None:
    """Writes the pieces of `plans` with a pipeline of `make_pipeline`, and waits for its end.

    Raises:
      CacheError: the pipeline failed.
    """
    pipeline | WritePieces(plans)
    try:
        pipeline.run().wait_until_finish()
    except Exception as error:
        if _was_interrupted(error):
            raise KeyboardInterrupt from error
        raise CacheError(
            f"The Beam pipeline failed: {type(error).__name__}: {error}. Pieces that were written stay; run the same "
            "command again to go on."
        ) from error


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Beam made `error` of the user's Ctrl-C, which it met in a worker inside this process."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None
