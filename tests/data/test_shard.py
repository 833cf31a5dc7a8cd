from __future__ import annotations

import pytest

from evalkit.data import ShardInfo
from evalkit.errors import ArgumentError


def test_the_last_shard():
    assert ShardInfo(index=2, num_shards=3) == ShardInfo(2, 3)


@pytest.mark.parametrize("index", [-1, 3])
def test_an_index_out_of_range(index):
    with pytest.raises(ArgumentError, match=f"Shard index {index} is out of range.* 0 to 2"):
        ShardInfo(index, 3)


def test_no_shards():
    with pytest.raises(ArgumentError, match="at least 1 shard, found num_shards=0"):
        ShardInfo(0, 0)
