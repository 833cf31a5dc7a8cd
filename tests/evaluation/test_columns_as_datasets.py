"""Examples read into columns come back from them as they were, from memory and from disk."""

import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evalkit.errors import CacheError, FeatureError
from evalkit.evaluation.column_dataset import CHUNK, dataset_of
from evalkit.evaluation.column_reader import BATCH, read_columns
from evalkit.evaluation.column_storage import FolderStorage, MemoryStorage
from evalkit.evaluation.column_store import open_store, write_store

SPEC = {
    "ids": tf.TensorSpec([None], tf.int32),
    "text": tf.TensorSpec([], tf.string),
    "texts": tf.TensorSpec([None], tf.string),
    "score": tf.TensorSpec([], tf.float32),
    "mask": tf.TensorSpec([4], tf.bool),
    "matrix": tf.TensorSpec([None, 3], tf.float32),
    "grid": tf.TensorSpec([None, None], tf.int64),
    "padded": tf.TensorSpec([6], tf.float32),
    "nothing": tf.TensorSpec([0], tf.int32),
}


@st.composite
def examples(draw):
    rows = draw(st.integers(1, 12))
    size = st.integers(0, 4)

    def row():
        return {
            "ids": np.array(draw(st.lists(st.integers(-5, 5), max_size=6)), np.int32),
            "text": draw(st.binary(max_size=8)),
            "texts": np.array(draw(st.lists(st.binary(max_size=3), max_size=3)), object),
            "score": draw(hnp.from_dtype(np.dtype(np.float32))),
            "mask": draw(hnp.arrays(np.bool_, 4)),
            "matrix": draw(hnp.arrays(np.float32, (draw(size), 3))),
            "grid": draw(hnp.arrays(np.int64, (draw(size), draw(size)))),
            "nothing": np.zeros(0, np.int32),
            "padded": draw(hnp.arrays(np.float32, 6, elements=st.sampled_from([0.0, -0.0, 1.5, np.float32(np.nan)]))),
        }

    return [row() for _ in range(rows)]


def dataset_from(rows, spec=None):
    spec = spec or {name: SPEC[name] for name in rows[0]}
    return tf.data.Dataset.from_generator(lambda: iter(rows), output_signature=spec)


def assert_same(expected, found):
    for name, value in expected.items():
        one, other = np.asarray(value), np.asarray(found[name])
        assert one.shape == other.shape, name
        assert one.tolist() == other.tolist() if one.dtype == object else one.tobytes() == other.tobytes(), name


@settings(max_examples=15, deadline=None)
@given(examples())
def test_what_is_read_comes_back(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("columns")
    for storage in (MemoryStorage(), FolderStorage(folder)):
        columns = read_columns(dataset_from(rows), storage)
        dataset = dataset_of(columns, SPEC)
        assert dataset.element_spec == SPEC
        assert len(dataset) == len(columns.examples) == len(rows)
        for row, served, viewed in zip(rows, dataset.as_numpy_iterator(), columns.examples, strict=True):
            assert_same(row, served)
            assert_same(row, viewed)


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, CHUNK + 1, BATCH + 1, 2 * BATCH])
def test_the_order_holds_over_the_edges_of_batches_and_chunks(count):
    source = tf.data.Dataset.range(count).map(lambda i: {"ids": tf.range(i % 7), "padded": tf.one_hot(i % 3, 6)})
    columns = read_columns(source, MemoryStorage())
    for row, served in zip(source.as_numpy_iterator(), dataset_of(columns, source.element_spec), strict=True):
        assert_same(row, {name: value.numpy() for name, value in served.items()})


def test_padding_is_not_kept():
    rows = [{"padded": np.array([1, 2, 0, 0, 0, 0], np.float32)} for _ in range(1000)]
    columns = read_columns(dataset_from(rows), MemoryStorage())
    assert columns["padded"].values.size == 2000


def test_memory_is_shared_with_tensorflow_and_not_copied():
    rows = [{"ids": np.arange(5, dtype=np.int32)} for _ in range(10)]
    columns = read_columns(dataset_from(rows), MemoryStorage())
    dataset = dataset_of(columns, {"ids": SPEC["ids"]})
    columns["ids"].values[0] = 77
    assert next(iter(dataset))["ids"][0] == 77


def test_a_feature_without_rank_is_refused():
    dataset = dataset_from([{"x": np.zeros(3, np.int32)}], {"x": tf.TensorSpec(None, tf.int32)})
    with pytest.raises(FeatureError, match="(?s)Feature 'x' is .*dense tensors of known rank"):
        read_columns(dataset, MemoryStorage())


def test_a_store_opens_with_what_was_written(tmp_path):
    rows = [{"ids": np.arange(n, dtype=np.int32), "text": b"t%d" % n} for n in range(5)]
    write_store(tmp_path / "store", dataset_from(rows), {"by": "test"})
    stored = open_store(tmp_path / "store")
    assert stored.notes == {"by": "test"}
    assert stored.element_spec == {"ids": SPEC["ids"], "text": SPEC["text"]}
    for row, served in zip(rows, dataset_of(stored.columns, stored.element_spec).as_numpy_iterator(), strict=True):
        assert_same(row, served)


def test_a_store_of_nothing_is_not_kept(tmp_path):
    empty = dataset_from([{"ids": np.arange(2, dtype=np.int32)}]).take(0)
    assert write_store(tmp_path / "store", empty, {}).columns.num_examples == 0
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_no_store(tmp_path):
    def rows():
        yield {"ids": np.arange(2, dtype=np.int32)}
        raise KeyboardInterrupt

    dataset = tf.data.Dataset.from_generator(rows, output_signature={"ids": SPEC["ids"]})
    with pytest.raises(Exception, match="KeyboardInterrupt"):
        write_store(tmp_path / "store", dataset, {})
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def store(tmp_path):
    rows = [{"ids": np.arange(1, n + 2, dtype=np.int32)} for n in range(9)]
    write_store(tmp_path / "store", dataset_from(rows), {})
    return tmp_path / "store"


def test_a_changed_byte_is_noticed(store):
    path = store / "ids.values.bin"
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.write_bytes(data)
    with pytest.raises(CacheError, match=r"ids.values.bin was changed after it was written .*Delete .*store"):
        open_store(store)


def test_a_cut_file_is_noticed(store):
    path = store / "ids.values.bin"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(CacheError, match=r"ids.values.bin has \d+ bytes, its manifest says \d+"):
        open_store(store)


def test_a_missing_file_is_noticed(store):
    (store / "ids.lengths.bin").unlink()
    with pytest.raises(CacheError, match="ids.lengths.bin is missing"):
        open_store(store)


def test_a_broken_manifest_is_noticed(store):
    (store / "manifest.json").write_text('{"format": 1, ')
    with pytest.raises(CacheError, match="is not the manifest of a store"):
        open_store(store)


def test_another_format_is_refused(store):
    manifest = json.loads((store / "manifest.json").read_text())
    (store / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(CacheError, match="has format 99, this evalkit reads format 1"):
        open_store(store)


def test_a_store_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheError, match="Cannot write the store .*Choose another cache_dir"):
        write_store(tmp_path / "file" / "store", dataset_from([{"text": b"x"}]), {})
