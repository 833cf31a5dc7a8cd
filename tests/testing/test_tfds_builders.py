"""A builder of TFDS that one test puts in the place of another is not met in the next test."""

from __future__ import annotations

from unittest import mock

import pytest

from evalkit.data.sources import LazyTfdsLoader


@pytest.mark.parametrize("count", [30, 40])
def test_each_test_meets_its_own_builder(count):
    builder = mock.Mock(info=mock.Mock(splits={"train": mock.Mock(num_examples=count)}))
    with mock.patch("tensorflow_datasets.builder", return_value=builder):
        loader = LazyTfdsLoader("replaced_in_tests:1.0.0")
        assert loader.size("train") == count
        assert loader.is_memoized()
