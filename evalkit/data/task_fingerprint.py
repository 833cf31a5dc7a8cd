"""The fingerprints of a task: of the examples that it makes, and of those that its offline cache holds."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from typing import Any, final

import evalkit
from evalkit import errors
from evalkit.data.cache_placeholder import CacheDatasetPlaceholder
from evalkit.data.fingerprint import UNKNOWN, TaskFingerprint, fingerprint
from evalkit.data.signature import function_name, parameter_names


def task_fingerprint(task: Any, split: str) -> TaskFingerprint:
    """The fingerprint of the examples that `task` makes of `split`.

    Args:
      task: has `source`, `preprocessors` and `output_features`.
      split: of the source.

    Raises:
      FingerprintError: a part whose content cannot be told, and which part it is.
    """
    parts = _Parts(task.name, permit_unknown=False)
    return parts.fingerprint(source_fingerprint(task, split), task.preprocessors, task.output_features)


def cache_fingerprint(
    task: Any, split: str, source: str | None = None, permit_unknown: bool = False
) -> TaskFingerprint:
    """The fingerprint of what the offline cache of `task` holds of `split`.

    What comes after the `CacheDatasetPlaceholder` has no part in it; nor have the output features, vocabularies
    included, unless a preprocessor before it takes them.

    Args:
      task: as for `task_fingerprint`.
      split: of the source.
      source: the hash of the source, where that is known already.
      permit_unknown: whether a part whose content cannot be told is `UNKNOWN` instead of an error.

    Raises:
      FingerprintError: as for `task_fingerprint`.
    """
    if source is None:
        source = source_fingerprint(task, split, permit_unknown)
    steps = list(itertools.takewhile(lambda step: not isinstance(step, CacheDatasetPlaceholder), task.preprocessors))
    use_features = any("output_features" in parameter_names(step) for step in steps)
    return _Parts(task.name, permit_unknown).fingerprint(source, steps, task.output_features if use_features else {})


def source_fingerprint(task: Any, split: str, permit_unknown: bool = False) -> str:
    """The hash of the source of `task`.

    Raises:
      FingerprintError: the source cannot tell, and `permit_unknown` is not set.
      SourceError: the source is not there.
    """
    found: str | None = task.source.fingerprint(split)
    if found is None and not permit_unknown:
        raise errors.FingerprintError(
            f"Task {task.name!r}: its source, {type(task.source).__name__}, cannot tell when its data changes, so no "
            "store may be keyed by it. Give the source a method fingerprint(split), or keep the examples in memory."
        )
    return UNKNOWN if found is None else found


@final
@dataclasses.dataclass(frozen=True)
class _Parts:
    """Hashes the parts of one task."""

    task_name: str
    permit_unknown: bool

    def fingerprint(self, source: str, steps: Iterable[Any], features: Mapping[str, Any]) -> TaskFingerprint:
        """All of them."""
        return TaskFingerprint(
            source=source,
            preprocessors=tuple(
                (function_name(step), self._hash(f"preprocessor {function_name(step)!r}", step)) for step in steps
            ),
            output_features=tuple(
                (name, self._hash(f"feature {name!r}", _without_vocabulary(feature)))
                for name, feature in features.items()
            ),
            vocabularies=tuple(
                (name, self._hash(f"the vocabulary of feature {name!r}", feature.vocabulary))
                for name, feature in features.items()
            ),
            version=evalkit.__version__,
        )

    def _hash(self, what: str, obj: Any) -> str:
        try:
            return fingerprint(obj)
        except errors.FingerprintError as error:
            if self.permit_unknown:
                return UNKNOWN
            raise errors.FingerprintError(f"Task {self.task_name!r}, {what}: {error}") from error


def _without_vocabulary(feature: Any) -> tuple[Any, ...]:
    settings = {field.name: getattr(feature, field.name) for field in dataclasses.fields(feature)}
    settings.pop("vocabulary", None)
    return (type(feature).__qualname__, *settings.items())
