"""The examples of a task as a Beam transform, for pipelines of one's own; names and arguments are seqio's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, final

from evalkit.caching.optional_beam import beam
from evalkit.caching.pieces import open_piece, piece_seed, registered_task
from evalkit.data.shard import ShardInfo
from evalkit.data.task import Task
from evalkit.errors import SourceError

PROVENANCE_PREFIX = "provenance/"
TASK_PROVENANCE_KEY = f"{PROVENANCE_PREFIX}task"
SOURCE_SHARD_PROVENANCE_KEY = f"{PROVENANCE_PREFIX}source_shard"
SOURCE_SHARD_ID_PROVENANCE_KEY = f"{PROVENANCE_PREFIX}source_shard_index"
ID_WITHIN_SHARD_PROVENANCE_KEY = f"{PROVENANCE_PREFIX}index_within_shard"
PREPROCESSORS_SEED_PROVENANCE_KEY = f"{PROVENANCE_PREFIX}preprocessors_seed"
PROVENANCE_KEYS = [
    TASK_PROVENANCE_KEY,
    SOURCE_SHARD_PROVENANCE_KEY,
    SOURCE_SHARD_ID_PROVENANCE_KEY,
    ID_WITHIN_SHARD_PROVENANCE_KEY,
    PREPROCESSORS_SEED_PROVENANCE_KEY,
]


def _nothing() -> None:
    """The `setup_fn` of who needs none."""


@final
class PreprocessTask(beam.PTransform):
    """The examples of a split of a registered task, as they are before its cache placeholder: dicts of tensors."""

    def __init__(
        self,
        task: Task,
        split: str,
        *,
        preprocessors_seed: int | None = None,
        setup_fn: Callable[[], None] = _nothing,
        modules_to_import: Sequence[str] = (),
        add_provenance: bool = False,
        tfds_data_dir: str | None = None,
    ) -> None:
        """Lists the shards of the source, which are read independently of each other.

        Args:
          task: workers look it up by its name.
          split: of the task.
          preprocessors_seed: shifts the seeds of random preprocessors, which the names of task and shard make.
          setup_fn: called by a worker before it looks for the task.
          modules_to_import: imported by a worker before it looks for the task.
          add_provenance: whether examples say where they come from, in features named by `PROVENANCE_KEYS`.
          tfds_data_dir: where workers look for TFDS data.

        Raises:
          SourceError: the source lists no shards.
        """
        super().__init__()
        self.shards = list(enumerate(task.source.list_shards(split)))
        if not self.shards:
            raise SourceError(f"No shards found for task {task.name!r}, split {split!r}, in its source {task.source}.")
        self._task_name, self._split, self._seed = task.name, split, preprocessors_seed
        self._setup_fn, self._modules, self._tfds_data_dir = setup_fn, tuple(modules_to_import), tfds_data_dir
        self._add_provenance = add_provenance

    def expand(self, pipeline: Any) -> Any:
        """Applies it to a pipeline."""
        return (
            pipeline
            | "create_shards" >> beam.Create(self.shards)
            | "emit_examples" >> beam.FlatMap(self._emit_examples)
        )

    def _emit_examples(self, shard: tuple[int, str]) -> Iterator[dict[str, Any]]:
        self._setup_fn()
        task = registered_task(self._task_name, self._modules, self._tfds_data_dir)
        index, name = shard
        seed = piece_seed(self._task_name, index, self._seed or 0)
        count = beam.metrics.Metrics.counter(f"{self._task_name}_{self._split}", "examples")
        piece = ShardInfo(index, len(self.shards))
        dataset = open_piece(task, self._split, piece, seed)
        with task.named_read_errors(self._split, shard_info=piece):
            for number, example in enumerate(dataset):
                count.inc()
                yield {**example, **self._provenance(index, name, number)}

    def _provenance(self, index: int, name: str, number: int) -> dict[str, Any]:
        if not self._add_provenance:
            return {}
        seed = {PREPROCESSORS_SEED_PROVENANCE_KEY: self._seed} if self._seed else {}
        return {
            TASK_PROVENANCE_KEY: self._task_name,
            SOURCE_SHARD_PROVENANCE_KEY: name,
            SOURCE_SHARD_ID_PROVENANCE_KEY: index,
            ID_WITHIN_SHARD_PROVENANCE_KEY: number,
            **seed,
        }
