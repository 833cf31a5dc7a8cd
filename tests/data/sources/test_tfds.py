"""A data set of TFDS, prepared for real in a folder of the test."""

from __future__ import annotations

import gc
import itertools
import weakref
from typing import ClassVar

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from evalkit import errors
from evalkit.data.shard import ShardInfo
from evalkit.data.sources import LazyTfdsLoader, TfdsDataSource, TfdsSplit
from evalkit.data.sources.tfds import set_tfds_data_dir_override, set_tfds_read_config_override


class TinySums(tfds.core.GeneratorBasedBuilder):
    """Sums: ten to train with, four to test with."""

    VERSION = tfds.core.Version("1.0.0")
    # Nothing to download. (TFDS 4.9.10 would look for a list of URLs, with a package that it does not require.)
    url_infos: ClassVar[dict[str, str]] = {}

    def _info(self):
        features = {"question": tfds.features.Text(), "answer": tfds.features.Scalar(tf.int32)}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(10), "test": self._generate_examples(4)}

    def _generate_examples(self, count):
        for number in range(count):
            yield number, {"question": f"{number}+1", "answer": number + 1}


class NeverPrepared(tfds.core.GeneratorBasedBuilder):
    """Nobody ever prepared it."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS: ClassVar = [tfds.core.BuilderConfig(name="large"), tfds.core.BuilderConfig(name="small")]

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({"x": tfds.features.Text()}))

    def _split_generators(self, dl_manager):
        raise NotImplementedError

    def _generate_examples(self):
        raise NotImplementedError


NAME = "tiny_sums:1.0.0"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("tfds"))
    config = tfds.download.DownloadConfig(num_shards=2, try_download_gcs=False)
    TinySums(data_dir=folder).download_and_prepare(download_config=config)
    return folder


def answers(source, split, **options):
    return [int(row["answer"]) for row in source.get_dataset(split, **options).as_numpy_iterator()]


def test_examples_sizes_and_files_are_those_of_the_data_set(data_dir):
    source = TfdsDataSource(NAME, tfds_data_dir=data_dir)
    assert set(source.splits) == {"train", "test"}
    assert sorted(answers(source, "test", shuffle=False)) == [1, 2, 3, 4]
    assert (source.num_input_examples("train"), source.num_input_examples("test")) == (10, 4)
    assert len(source.get_dataset("train")) == 10
    assert [name.split("/")[-1] for name in source.list_shards("train")] == [
        "tiny_sums-train.tfrecord-00000-of-00002",
        "tiny_sums-train.tfrecord-00001-of-00002",
    ]
    assert not source.supports_arbitrary_sharding


def test_splits_may_be_named_mapped_and_sliced(data_dir):
    assert list(TfdsDataSource(NAME, data_dir, splits=["test"]).splits) == ["test"]
    source = TfdsDataSource(NAME, data_dir, splits={"validation": "train[:30%]"})
    assert list(source.splits) == ["validation"]
    assert source.num_input_examples("validation") == len(answers(source, "validation")) == 3


def test_splits_may_come_from_several_data_sets(data_dir):
    source = TfdsDataSource(splits={"a": TfdsSplit(NAME, "train", data_dir), "b": TfdsSplit(NAME, "test", data_dir)})
    assert (len(answers(source, "a")), len(answers(source, "b"))) == (10, 4)
    assert source.num_input_examples("b") == 4
    with pytest.raises(errors.ArgumentError, match="refers to several data sets.*'a', 'b', found None"):
        _ = source.tfds_dataset.builder


def test_a_folder_of_one_data_set_needs_no_name(data_dir):
    source = TfdsDataSource(tfds_data_dir=f"{data_dir}/tiny_sums/1.0.0", splits=["test"])
    assert len(answers(source, "test")) == 4


def test_a_prepared_data_set_can_be_opened_read_only(data_dir):
    assert len(answers(TfdsDataSource(NAME, data_dir, read_only=True), "test")) == 4


@pytest.mark.parametrize("num_shards", [1, 2])
def test_shards_partition_the_rows(data_dir, num_shards):
    source = TfdsDataSource(NAME, data_dir)
    shards = [answers(source, "train", shard_info=ShardInfo(index, num_shards)) for index in range(num_shards)]
    assert sorted(itertools.chain(*shards)) == list(range(1, 11))


def test_more_shards_than_files_are_refused(data_dir):
    with pytest.raises(errors.SourceError, match="too few files to shard.*has 2 files for 3 shards"):
        TfdsDataSource(NAME, data_dir).get_dataset("train", shard_info=ShardInfo(0, 3))


def test_decoders_are_used(data_dir):
    class Doubled(tfds.decode.Decoder):
        def decode_example(self, serialized_example):
            return 2 * tf.cast(serialized_example, tf.int32)

    source = TfdsDataSource(NAME, data_dir, decoders={"answer": Doubled()})
    assert sorted(answers(source, "test")) == [2, 4, 6, 8]
    source.tfds_dataset.set_decoders(None)
    assert sorted(answers(source, "test")) == [1, 2, 3, 4]


def test_nothing_is_opened_before_it_is_needed():
    source = TfdsDataSource("no_such_data_set:1.0.0", splits=["test"])
    assert list(source.splits) == ["test"]
    assert source.tfds_dataset.resolved_tfds_name() == "no_such_data_set:1.0.0"
    assert not source.tfds_dataset.is_memoized()
    assert source.tfds_dataset.builder_cls() is None


def test_builders_are_shared_and_names_resolved(data_dir):
    loader, other = LazyTfdsLoader("tiny_sums:1.*.*", data_dir), LazyTfdsLoader("tiny_sums:1.*.*", data_dir)
    assert loader.resolved_tfds_name() == "tiny_sums:1.*.*"
    assert loader.builder is other.builder
    assert loader.resolved_tfds_name() == NAME
    assert loader.builder_cls() is TinySums


def test_the_folder_can_be_overridden_for_all_or_for_one(data_dir):
    loader = LazyTfdsLoader(NAME, "/elsewhere")
    set_tfds_data_dir_override(data_dir)
    try:
        assert loader.data_dir == data_dir
        assert loader.size("test") == 4
        loader.override_data_dir("/own")
        assert loader.data_dir == "/own"
    finally:
        set_tfds_data_dir_override(None)
    assert LazyTfdsLoader(NAME, "/elsewhere").data_dir == "/elsewhere"


def test_the_read_config_can_be_overridden_and_is_not_changed(data_dir):
    config = tfds.ReadConfig(add_tfds_id=True)
    set_tfds_read_config_override(config)
    try:
        dataset = TfdsDataSource(NAME, data_dir).get_dataset("test", seed=3, shard_info=ShardInfo(0, 1))
    finally:
        set_tfds_read_config_override(None)
    assert "tfds_id" in dataset.element_spec
    assert (config.shuffle_seed, config.input_context) == (None, None)


def test_a_name_needs_a_version():
    with pytest.raises(errors.ArgumentError, match="TFDS name must contain a version number, got: tiny_sums"):
        TfdsDataSource("tiny_sums")
    with pytest.raises(errors.ArgumentError, match="must contain a version number"):
        TfdsSplit("tiny_sums", "test")


def test_a_malformed_name_is_refused_at_once():
    with pytest.raises(errors.ArgumentError, match=r"TFDS name 'tiny_sums:1.\*' is malformed. Write 'dataset:1.0.0'"):
        TfdsDataSource("tiny_sums:1.*")


def test_tfds_splits_exclude_a_name():
    with pytest.raises(errors.ArgumentError, match="instances of `TfdsSplit`, `name` and `data_dir` must be `None`"):
        TfdsDataSource(NAME, splits={"a": TfdsSplit(NAME, "test")})


@pytest.mark.parametrize("read_only", [True, False])
def test_an_unknown_data_set_is_named_with_the_nearest(tmp_path, read_only):
    source = TfdsDataSource("tiny_sum:1.0.0", str(tmp_path), read_only=read_only)
    with pytest.raises(errors.SourceError, match="no TFDS data set 'tiny_sum:1.0.0' in .* Nearest names: 'tiny_sums'"):
        source.get_dataset("test")


def test_an_unknown_split_names_those_there_are(data_dir):
    with pytest.raises(errors.ArgumentError, match="no split 'dev'; it has 'test', 'train'|'train', 'test'"):
        TfdsDataSource(NAME, data_dir).num_input_examples("dev")
    loader = LazyTfdsLoader(NAME, data_dir, split_map={"dev": "nonsense"})
    with pytest.raises(errors.ArgumentError, match="has no split 'nonsense'; it has"):
        loader.size("dev")
    with pytest.raises(errors.ArgumentError, match="has no split 'test' here; it has 'dev'"):
        loader.size("test")


def test_a_data_set_that_is_not_prepared_is_an_error_and_no_abort(tmp_path):
    """seqio ends the process."""
    source = TfdsDataSource("never_prepared/small:1.0.0", str(tmp_path), splits=["test"], read_only=True)
    with pytest.raises(errors.SourceError, match="'never_prepared/small:1.0.0' is not prepared in .*download_and"):
        source.list_shards("test")


def test_a_name_must_say_which_config(tmp_path):
    source = TfdsDataSource("never_prepared:1.0.0", str(tmp_path), splits=["test"])
    with pytest.raises(errors.ArgumentError, match="'never_prepared:1.0.0' has multiple configs.*large, small"):
        source.list_shards("test")


def test_the_fingerprint_knows_version_split_and_decoders(data_dir):
    def print_of(split, **options):
        return TfdsDataSource(NAME, data_dir, **options).fingerprint(split)

    assert print_of("test") == print_of("test")
    sliced = print_of("test", splits={"test": "test[:50%]"})
    decoded = print_of("test", decoders={"question": tfds.decode.SkipDecoding()})
    assert len({print_of("test"), print_of("train"), sliced, decoded} - {None}) == 4


def test_a_source_is_let_go(data_dir):
    """seqio's list_shards keeps every source that was ever asked."""
    source = TfdsDataSource(NAME, data_dir)
    source.list_shards("train")
    reference = weakref.ref(source)
    del source
    gc.collect()
    assert reference() is None


def test_str_and_repr_name_the_data_set():
    source = TfdsDataSource("a/b:1.0.0", "/data", splits={"x": "y"})
    assert str(source) == "TfdsDataSource(tfds_dataset=LazyTfdsLoader(name=a/b:1.0.0, data_dir=/data))"
    assert repr(source).endswith(", splits=('x',), caching_permitted=True)")
    assert repr(source.tfds_dataset) == (
        "LazyTfdsLoader(name=a/b:1.0.0, data_dir=/data, split_map={'x': 'y'}, decoders=None)"
    )
