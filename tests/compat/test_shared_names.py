"""What is assigned to a name of seqio's reaches the code that uses it, as tests written for seqio expect."""

from __future__ import annotations

from unittest import mock

import pytest

from evalkit import data
from evalkit.compat import seqio
from evalkit.compat.seqio import dataset_providers, utils
from evalkit.data.sources import tfds


class FakeLoader:
    """In the place of a data set that is nowhere to be had."""

    info = mock.Mock(splits={"train": None})

    def __init__(self, name, **_):
        self.name = name

    def size(self, split):
        return {"train": 30}[split]


def test_a_name_that_is_replaced_is_replaced_everywhere():
    theirs = utils.LazyTfdsLoader
    with mock.patch.object(utils, "LazyTfdsLoader", FakeLoader):
        assert seqio.LazyTfdsLoader is tfds.LazyTfdsLoader is FakeLoader
        source = dataset_providers.TfdsDataSource("fake:0.0.0")
        assert (tuple(source.splits), source.num_input_examples("train")) == (("train",), 30)
    assert seqio.LazyTfdsLoader is utils.LazyTfdsLoader is tfds.LazyTfdsLoader is theirs


def test_monkeypatch_replaces_it_too(monkeypatch):
    ours = data.get_dataset
    with monkeypatch.context() as context:
        context.setattr(seqio.dataset_providers, "get_dataset", len)
        assert data.get_dataset is seqio.get_dataset is len
    assert data.get_dataset is seqio.get_dataset is ours


def test_other_objects_of_the_name_stay(monkeypatch):
    """`evalkit.metrics` is a module, and `seqio.metrics` another."""
    module = data.task
    monkeypatch.setattr(utils, "task", "new", raising=False)
    assert data.task is module
    monkeypatch.setattr(tfds, "function_name", "not seqio's", raising=False)
    with mock.patch.object(utils, "function_name"):
        assert tfds.function_name == "not seqio's"


def test_assigning_to_what_is_not_a_name_of_the_module_is_as_usual():
    utils.new_name = 3
    assert utils.new_name == 3
    del utils.new_name
    with pytest.raises(AttributeError):
        _ = utils.new_name
