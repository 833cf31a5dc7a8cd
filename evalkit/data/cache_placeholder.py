"""The mark in a task's preprocessors at which the examples are stored by the offline cache."""

from __future__ import annotations

from typing import Any, NoReturn, final

from evalkit import errors


@final
class CacheDatasetPlaceholder:
    """Stands among preprocessors: what comes before it is cached offline, what comes after it runs at every reading.

    It is never called. At most one may be in a task.
    """

    def __init__(self, required: bool = False, file_shuffle_buffer_size: int | None = None) -> None:
        """Says how the cache is to be read.

        Args:
          required: whether the task must be read from its cache (`use_cached=True`), never on the fly.
          file_shuffle_buffer_size: how many files the shuffling of cache files looks at; None: all of them.

        Raises:
          DefinitionError: the buffer size is less than 1.
        """
        if file_shuffle_buffer_size is not None and file_shuffle_buffer_size < 1:
            raise errors.DefinitionError(
                f"file_shuffle_buffer_size must be at least 1, or None for all files, found {file_shuffle_buffer_size}."
            )
        self._required = required
        self._file_shuffle_buffer_size = file_shuffle_buffer_size

    @property
    def required(self) -> bool:
        """Whether the task must be read from its cache."""
        return self._required

    @property
    def file_shuffle_buffer_size(self) -> int | None:
        """How many files the shuffling of cache files looks at; None: all of them."""
        return self._file_shuffle_buffer_size

    def __repr__(self) -> str:
        return f"CacheDatasetPlaceholder(required={self._required})"

    def __call__(self, dataset: Any) -> NoReturn:
        """Refuses.

        Raises:
          RuntimeError: always; a pipeline that calls it has not been split at the mark.
        """
        raise RuntimeError(
            "CacheDatasetPlaceholder marks a place among preprocessors and cannot be applied to a dataset; "
            "run the preprocessors before and after it (Task.preprocess_precache, Task.preprocess_postcache)."
        )
