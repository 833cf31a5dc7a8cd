"""What a task is, as a value that checks itself: what can be seen to be wrong without data is seen at registration."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

from absl import logging

from evalkit import errors
from evalkit.data.cache_placeholder import CacheDatasetPlaceholder
from evalkit.data.feature import Feature
from evalkit.data.signature import function_name, parameter_names
from evalkit.data.source_info import SourceInfo
from evalkit.data.sources.source import DataSource
from evalkit.metrics import MetricFunction, metric_fn_output_type

Preprocessor = Callable[..., Any]

# seqio's pattern (0.0.20): letters of any script, digits, and . : _ #; a colon separates folders of the offline cache.
_VALID_NAME = re.compile(r"^[\w\d\.\:_#]+$")


def check_name(kind: str, name: str) -> None:
    """Checks the name of a task or mixture.

    Raises:
      DefinitionError: it has characters that names of files or of TensorBoard tags should not have.
    """
    if not isinstance(name, str) or not _VALID_NAME.match(name):
        raise errors.DefinitionError(
            f"{kind} name {name!r} contains invalid characters. Must match regex: {_VALID_NAME.pattern} "
            "(letters, digits, '.', ':', '_' and '#')."
        )


@final
@dataclasses.dataclass(frozen=True, slots=True)
class TaskDefinition:
    """The arguments of `Task`, checked; see there for what they mean."""

    name: str
    source: DataSource
    output_features: Mapping[str, Feature]
    preprocessors: Sequence[Preprocessor]
    postprocess_fn: Callable[..., Any] | None
    metric_fns: Sequence[Callable[..., Any]]
    metric_objs: Sequence[Any]
    shuffle_buffer_size: int | None
    source_info: SourceInfo | None
    cache_step: int | None = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Checks the definition.

        Raises:
          DefinitionError: a name, metric function, cache placeholder or buffer size that cannot work.
        """
        check_name("Task", self.name)
        if self.shuffle_buffer_size is not None and self.shuffle_buffer_size < 1:
            raise errors.DefinitionError(
                f"Task {self.name!r}: shuffle_buffer_size must be at least 1, or None to disallow shuffling, "
                f"found {self.shuffle_buffer_size}."
            )
        # Sorted, so that the order in which a module happens to list its features changes nothing downstream.
        object.__setattr__(self, "output_features", dict(sorted(self.output_features.items())))
        object.__setattr__(self, "preprocessors", _copied(self.preprocessors))
        object.__setattr__(self, "metric_fns", tuple(self.metric_fns or ()))
        object.__setattr__(self, "metric_objs", tuple(self.metric_objs or ()))
        self._check_metric_fns()
        object.__setattr__(self, "cache_step", self._cache_step())

    @property
    def cache_placeholder(self) -> CacheDatasetPlaceholder | None:
        """The placeholder among the preprocessors, if there is one."""
        return None if self.cache_step is None else self.preprocessors[self.cache_step]  # type: ignore[return-value]

    @property
    def metric_functions(self) -> list[MetricFunction]:
        """The metric functions: those of predictions, then of scores, then of predictions with auxiliary values."""
        functions = [MetricFunction(fn, postprocess_fn=self.postprocess_fn) for fn in self.metric_fns]
        return sorted(functions, key=lambda function: function.model_output_type)

    def _check_metric_fns(self) -> None:
        try:
            for fn in self.metric_fns:
                metric_fn_output_type(fn)
        except errors.DefinitionError as e:
            e.add_note(f"The task is {self.name!r}.")
            raise

    def _cache_step(self) -> int | None:
        steps = [i for i, step in enumerate(self.preprocessors) if isinstance(step, CacheDatasetPlaceholder)]
        if not steps:
            return None
        if len(steps) > 1:
            raise errors.DefinitionError(
                f"Task {self.name!r} has a CacheDatasetPlaceholder at preprocessors {', '.join(map(str, steps))}; "
                "there may be one at most."
            )
        if not self.source.caching_permitted:
            raise errors.DefinitionError(
                f"Task {self.name!r} has a CacheDatasetPlaceholder, but its source prohibits caching "
                "(caching_permitted=False). Remove the placeholder."
            )
        for step in self.preprocessors[: steps[0]]:
            self._check_before_cache(step)
        return steps[0]

    def _check_before_cache(self, step: Preprocessor) -> None:
        names = parameter_names(step)
        if "sequence_length" in names:
            raise errors.DefinitionError(
                f"Task {self.name!r}: preprocessor {function_name(step)!r} has a `sequence_length` argument but occurs "
                "before the CacheDatasetPlaceholder. The lengths are known only when the task is read, not when it is "
                "cached: move it after the placeholder."
            )
        if names & {"seed", "seeds"}:
            logging.warning(
                "Task %r: preprocessor %r is random (`seed`) but occurs before the CacheDatasetPlaceholder: every epoch"
                " read from the cache will have the same samples.",
                self.name,
                function_name(step),
            )


def _copied(preprocessors: Sequence[Preprocessor]) -> Sequence[Preprocessor]:
    """A copy of the same kind: modules add lists to lists and tuples to tuples to derive one task from another."""
    return list(preprocessors) if isinstance(preprocessors, list) else tuple(preprocessors or ())
