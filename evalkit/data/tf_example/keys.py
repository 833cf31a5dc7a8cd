"""The names of the features that describe another one; they are seqio's, so that each reads what the other wrote.

* `_rl:<k>:<name>`: the row lengths of the `k`-th ragged dimension, counted from 0 and from the outside. A dimension
  whose rows are all of one declared length is not ragged and not counted.
* `_sp:<k>:<name>`: the indices along dimension `k` of a sparse tensor.
* `_sh:<name>`: the shape, if it was asked for; -1 stands for a ragged dimension.
"""

from __future__ import annotations

import re

RAGGED_SIZE = -1

_DESCRIPTION = re.compile(r"_(?:(rl|sp):(\d+)|sh):(.*)", re.DOTALL)


def tfexample_ragged_length_key(key: str, dim: int) -> str:
    """The name of the feature with the row lengths of the `dim`-th ragged dimension of `key`.

    >>> tfexample_ragged_length_key("frames", 0)
    '_rl:0:frames'
    """
    return f"_rl:{dim}:{key}"


def tfexample_sparse_indices_key(key: str, dim: int) -> str:
    """The name of the feature with the indices along dimension `dim` of the sparse feature `key`.

    >>> tfexample_sparse_indices_key("counts", 1)
    '_sp:1:counts'
    """
    return f"_sp:{dim}:{key}"


def shape_key(key: str) -> str:
    """The name of the feature with the shape of `key`.

    >>> shape_key("image")
    '_sh:image'
    """
    return f"_sh:{key}"


def split_key(key: str) -> tuple[str, int, str]:
    """What the feature of this name holds, of which dimension, of which feature.

    >>> split_key("_rl:1:frames"), split_key("_sh:image"), split_key("image")
    (('rl', 1, 'frames'), ('sh', 0, 'image'), ('', 0, 'image'))
    """
    match = _DESCRIPTION.fullmatch(key)
    if match is None:
        return "", 0, key
    kind, dimension, name = match.groups()
    return kind or "sh", int(dimension or 0), name
