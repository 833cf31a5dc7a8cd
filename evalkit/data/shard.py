"""Which part of a split a reader wants: part `index` of `num_shards`.

Any number of readers that hold the same `num_shards` and different indices see every example of a split exactly once
between them. Whether the parts are files or every n-th example is the source's affair; see `Task.get_dataset`.
"""

from __future__ import annotations

import dataclasses
from typing import final

from evalkit import errors


@final
@dataclasses.dataclass(frozen=True)
class ShardInfo:
    """One part of a split.

        >>> ShardInfo(index=0, num_shards=2)
        ShardInfo(index=0, num_shards=2)

    Attributes:
      index: which part, from 0.
      num_shards: how many parts there are.
    """

    index: int
    num_shards: int

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
          ArgumentError: there is no shard, or no shard with this index.
        """
        if self.num_shards < 1:
            raise errors.ArgumentError(f"A split has at least 1 shard, found num_shards={self.num_shards}.")
        if not 0 <= self.index < self.num_shards:
            raise errors.ArgumentError(
                f"Shard index {self.index} is out of range: with num_shards={self.num_shards} "
                f"the indices are 0 to {self.num_shards - 1}."
            )
