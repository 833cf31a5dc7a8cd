"""Read errors that name what could not be read.

`tf.data` reads in threads of its own, far from the source, and what it raises in the loop over a dataset says
"truncated record at 264'" and no more. Whoever loops over the examples of a source does it inside `named_read_errors`,
which looks for the file and the record when, and only when, a read has failed.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from evalkit import errors
from evalkit.data.shard import ShardInfo
from evalkit.data.sources.source import DataSource

# What reading itself can fail with; all else that TensorFlow raises may come from preprocessors as well.
_READ_ERRORS = (tf.errors.DataLossError, tf.errors.NotFoundError, tf.errors.PermissionDeniedError)

_WRONG_LENGTH = re.compile(
    r"was expected to contain (\d+) elements? but contained (.*? elements?)"
)  # assert_cardinality


@contextlib.contextmanager
def named_read_errors(source: DataSource, split: str, shard_info: ShardInfo | None = None) -> Iterator[None]:
    """Turns TensorFlow's errors about the data of `source` into `SourceError`.

    Errors that have nothing to do with the source (a preprocessor that fails in the graph) pass unchanged.

    Args:
      source: what is read inside the `with`, through any number of further transformations.
      split: the split that is read.
      shard_info: the part of it that is read; None: all.

    Raises:
      SourceError: a file that cannot be read, with the file and how far it could be read; or another number of examples
        than the source declares.
    """
    try:
        yield
    except tf.errors.OpError as error:
        what = f"{type(source).__name__}, split {split!r}"
        wrong_length = _WRONG_LENGTH.search(error.message)
        if wrong_length:
            raise errors.SourceError(
                f"{what}: num_input_examples says {wrong_length[1]}, but there are {wrong_length[2]}. "
                "Correct num_input_examples, or leave it out; if it is right, the data is not whole."
            ) from error
        damage = source.find_damage(split, shard_info)
        if damage is not None:
            raise errors.SourceError(f"{what}, cannot be read: {damage}") from error
        if isinstance(error, _READ_ERRORS):
            raise errors.SourceError(f"{what}, cannot be read: {error.message}. Restore its data.") from error
        raise
