"""One task's examples in both forms, each prepared once: as the task gives them and as the model takes them.

Prepared examples live in memory or in a store on disk. A store is keyed by what the examples depend on, so the
same evaluation finds it again and any other does not; what a function source reads by itself is beyond that key.
"""

from __future__ import annotations

import dataclasses
import functools
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

from absl import logging

from evalkit.columns import Array, Columns, attach_columns
from evalkit.converter import FeatureConverter
from evalkit.data.fingerprint import fingerprint
from evalkit.data.task import Task
from evalkit.data.task_fingerprint import task_fingerprint
from evalkit.errors import FeatureError, SourceError
from evalkit.evaluation.column_dataset import dataset_of
from evalkit.evaluation.column_reader import read_columns
from evalkit.evaluation.column_storage import MemoryStorage
from evalkit.evaluation.column_store import MANIFEST, StoredColumns, open_store, write_store
from evalkit.evaluation.truncation import Truncation, split_lengths, trim_recording_lengths
from evalkit.transforms.lengths import Length


@final
@dataclasses.dataclass(frozen=True)
class ExampleRequest:
    """Which examples an Evaluator wants of each of its tasks; see `Evaluator` for the fields."""

    split: str
    sequence_length: Mapping[str, Length] | None
    num_examples: int | None
    shuffle: bool
    seed: int | None
    use_cached: bool


@final
@dataclasses.dataclass(frozen=True)
class StoreLocation:
    """Where stores are kept.

    Attributes:
      folder: of all stores.
      lasting: whether a later Evaluator may find them, so that their names must say what they hold.
    """

    folder: Path
    lasting: bool

    def path(self, form: str, name: str, contents: Callable[[], Any]) -> Path:
        """The folder of one store.

        Raises:
          EvalkitError: the contents cannot be fingerprinted, and the store would be lasting.
        """
        key = f"-{fingerprint(contents())}" if self.lasting else ""
        return self.folder / form / f"{urllib.parse.quote(name, safe='')}{key}"


@final
@dataclasses.dataclass(frozen=True)
class PreparedExamples:
    """Examples in one form.

    Attributes:
      columns: the examples.
      element_spec: dtype and static shape of each feature.
      digest: of the store that holds the examples; empty if they are in memory.
      truncation: by feature, where lengths were limited.
      cut: bool `[n]`, which examples were longer in any feature; None where nothing was limited.
    """

    columns: Columns
    element_spec: Mapping[str, Any]
    digest: str = ""
    truncation: Mapping[str, Truncation] = dataclasses.field(default_factory=dict)
    cut: Array | None = None

    @functools.cached_property
    def dataset(self) -> Any:
        """The examples as `tf.data`; made when first asked for: a graph costs more than opening a store."""
        return attach_columns(dataset_of(self.columns, self.element_spec), self.columns)

    @functools.cached_property
    def enumerated_dataset(self) -> Any:
        """The same as `(int64 index, example)`."""
        return self.dataset.enumerate()


def prepare_task_examples(task: Task, request: ExampleRequest, store: StoreLocation | None) -> PreparedExamples:
    """Runs the task's source and preprocessors once.

    Args:
      task: has the split.
      request: which examples.
      store: None keeps the examples in memory.

    Raises:
      SourceError: the split is empty.
      CacheError: the store cannot be written or read, or the task cannot be fingerprinted.
    """

    def make() -> Any:
        dataset = task.get_dataset(
            sequence_length=request.sequence_length,
            split=request.split,
            shuffle=request.shuffle,
            num_epochs=1,
            seed=request.seed,
            use_cached=request.use_cached,
            trim_output_features=False,
            try_in_mem_cache=False,
        )
        if request.num_examples is not None:
            dataset = dataset.take(request.num_examples)
        if request.sequence_length is None:
            return dataset
        return trim_recording_lengths(dataset, request.sequence_length, task.output_features)

    folder = store and store.path("task", f"{task.name}-{request.split}", lambda: _contents(task, request))
    with task.named_read_errors(request.split, request.use_cached):
        stored = _stored(make, folder, f"Caching {task.name}")
    if not stored.columns.num_examples:
        raise SourceError(
            f"Task {task.name!r} has no examples in split {request.split!r}: an evaluation of nothing has no score. "
            "Check the source, and preprocessors that filter."
        )
    columns, truncation, cut_examples = split_lengths(stored.columns, request.sequence_length or {})
    for feature, cut in truncation.items():
        if cut.num_truncated:
            logging.warning("Task %r: feature %r: %s. Scores are of the cut examples.", task.name, feature, cut)
    spec = {name: stored.element_spec[name] for name in columns}
    return PreparedExamples(columns, spec, stored.digest, truncation, cut_examples)


def prepare_model_examples(
    task: Task,
    examples: PreparedExamples,
    converter: FeatureConverter,
    lengths: Mapping[str, Length],
    request: ExampleRequest,
    store: StoreLocation | None,
) -> PreparedExamples:
    """Runs the feature converter once over the task's examples.

    Args:
      task: whose examples they are.
      examples: in task features.
      converter: gives the model features.
      lengths: of the task features.
      request: as for the task features.
      store: as for the task features.

    Raises:
      CacheError: the store cannot be written or read, or the converter cannot be fingerprinted.
      FeatureError: the converter made more or fewer examples.
    """
    folder = store and store.path(
        "model", f"{task.name}-{request.split}", lambda: (examples.digest, converter, dict(lengths))
    )
    stored = _stored(lambda: converter(examples.dataset, lengths), folder, f"Converting {task.name}")
    if stored.columns.num_examples != examples.columns.num_examples:
        raise FeatureError(
            f"Task {task.name!r}: {type(converter).__name__} made {stored.columns.num_examples} examples of "
            f"{examples.columns.num_examples}; during evaluation a converter must keep each example, in its place."
        )
    return PreparedExamples(stored.columns, stored.element_spec, stored.digest)


def _contents(task: Task, request: ExampleRequest) -> tuple[Any, ...]:
    """What the examples depend on; of those of an offline cache, its files take the place of the source."""
    source = task.cached_source(request.split) if request.use_cached else task.source
    return task_fingerprint(task.replace(source=source), request.split).digest, request


def _stored(make: Callable[[], Any], folder: Path | None, description: str) -> StoredColumns:
    if folder is None:
        dataset = make()
        return StoredColumns(read_columns(dataset, MemoryStorage()), dataset.element_spec, {}, "")
    return open_store(folder) if (folder / MANIFEST).exists() else write_store(folder, make(), {"what": description})
