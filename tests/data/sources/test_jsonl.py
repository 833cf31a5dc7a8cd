from __future__ import annotations

import gc
import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.data.shard import ShardInfo
from evalkit.data.sources import JsonLinesDataSource


def source_of(folder, *files, **options):
    for number, content in enumerate(files):
        (folder / f"part-{number}.jsonl").write_bytes(content if isinstance(content, bytes) else content.encode())
    return JsonLinesDataSource({"test": str(folder / "part-*.jsonl")}, **options)


def read(source, **options):
    return list(source.get_dataset("test", shuffle=False, **options).as_numpy_iterator())


def test_objects_become_dictionaries_of_tensors(tmp_path):
    source = source_of(tmp_path, '{"question": "1+1?", "answer": 2, "p": 0.5, "ok": true, "ids": [3, 4]}\n')
    dataset = source.get_dataset("test", shuffle=False)
    assert len(dataset) == source.num_input_examples("test") == 1
    dtypes = {name: spec.dtype for name, spec in dataset.element_spec.items()}
    assert dtypes == {"question": tf.string, "answer": tf.int64, "p": tf.float32, "ok": tf.bool, "ids": tf.int64}
    [row] = read(source)
    assert (row["question"], row["answer"], row["p"], row["ok"], row["ids"].tolist()) == (b"1+1?", 2, 0.5, True, [3, 4])


def test_files_follow_each_other_in_sorted_order(tmp_path):
    source = source_of(tmp_path, '{"n": 0}\n{"n": 1}', '{"n": 2}\n')
    assert [row["n"] for row in read(source)] == [0, 1, 2]
    assert source.num_input_examples("test") == 3
    assert [path[-12:] for path in source.list_shards("test")] == ["part-0.jsonl", "part-1.jsonl"]


def test_blank_lines_at_the_end_and_a_byte_order_mark_are_passed_over(tmp_path):
    source = source_of(tmp_path, b'\xef\xbb\xbf{"n": 0}\r\n{"n": 1}\r\n\r\n  \n')
    assert [row["n"] for row in read(source)] == [0, 1]
    assert source.num_input_examples("test") == 2


def test_declared_features_choose_names_and_dtypes(tmp_path):
    source = source_of(
        tmp_path,
        '{"n": 1, "meta": {"url": null}, "ids": [1, 2]}\n{"n": 2.5, "ids": [], "more": 1}',
        features={"n": "float64", "ids": tf.TensorSpec([None], tf.int32)},
    )
    assert source.get_dataset("test").element_spec == {
        "n": tf.TensorSpec([], tf.float64),
        "ids": tf.TensorSpec([None], tf.int32),
    }
    assert [row["n"] for row in read(source)] == [1.0, 2.5]


def test_lists_of_lists_are_tensors_where_every_row_is_a_rectangle_and_ragged_where_not(tmp_path):
    rectangles = source_of(tmp_path, '{"x": [[1, 2], [3, 4]]}\n{"x": [[5, 6]]}')
    assert [row["x"].tolist() for row in read(rectangles)] == [[[1, 2], [3, 4]], [[5, 6]]]
    others = source_of(tmp_path, '{"x": [[1], [2, 3]]}\n{"x": []}')
    rows = list(others.get_dataset("test", shuffle=False))
    assert [row["x"].to_list() for row in rows] == [[[1], [2, 3]], []]


# Row 1 is good; the fault is in line 2 of the second file.
@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ('{"a": 1}', '{"a": ', "is not JSON: .*found '{\"a\":'"),
        ('{"a": 1}', "[1]", r"is \[1\]; expected an object"),
        ('{"a": 1}', "", "is not JSON: .*no line blank but the last"),
        ('{"a": 1}', "NaN", "is not JSON"),
        ('{"a": 1}', '{"b": 1}', "lacks the feature 'a', which the first row has; it has 'b'"),
        ('{"a": 1}', '{"a": 1, "b": 1}', "has the feature 'b', which the first row lacks. Declare"),
        ('{"a": 1}', '{"a": 1.5}', r"feature 'a' is 1.5; expected an integer \(int64\).*declare another type"),
        ('{"a": 1}', '{"a": true}', "feature 'a' is True; expected an integer"),
        ('{"a": 1}', '{"a": "1"}', "feature 'a' is '1'; expected an integer"),
        ('{"a": 1}', '{"a": null}', "feature 'a' is null; expected an integer"),
        ('{"a": 1}', '{"a": 18446744073709551615}', "feature 'a' is 18446744073709551615, which is out of range"),
        ('{"a": "x"}', '{"a": 1}', r"feature 'a' is 1; expected a text \(string\)"),
        ('{"a": true}', '{"a": 1}', "feature 'a' is 1; expected true or false"),
        ('{"a": 0.5}', '{"a": 1e300}', "feature 'a' is 1e.300, which is out of range; expected a number"),
        ('{"a": [1]}', '{"a": 1}', r"feature 'a' is 1; expected a list of shape \(any\) of which each .* an integer"),
        ('{"a": [1]}', '{"a": [[1]]}', r"feature 'a' is \[\[1\]\]; expected a list of shape \(any\)"),
        ('{"a": [[1]]}', '{"a": [1]}', r"feature 'a' is \[1\]; expected a list of shape \(any, any\)"),
    ],
)
def test_a_bad_line_is_named(tmp_path, first, second, message):
    source = source_of(tmp_path, first, f"{first}\n{second}\n{first}\n")
    with pytest.raises(errors.SourceError, match=rf"part-1\.jsonl, line 2:? {message}"):
        source.get_dataset("test")


def test_invalid_utf8_is_named(tmp_path):
    source = source_of(tmp_path, b'{"a": "caf\xc3\xa9"}\n{"a": "caf\xe9"}\n')
    with pytest.raises(errors.SourceError, match=r"line 2 is not UTF-8: byte 0xe9 at position 10. Convert .* iconv"):
        source.get_dataset("test")


@pytest.mark.parametrize("value", ["null", '{"b": 1}'])
def test_what_is_no_feature_is_named_with_the_remedy(tmp_path, value):
    with pytest.raises(errors.SourceError, match="line 1: feature 'a' is .*; expected texts.*Declare `features`"):
        source_of(tmp_path, f'{{"a": {value}}}').get_dataset("test")


def test_a_list_that_is_empty_in_all_rows_must_be_declared(tmp_path):
    with pytest.raises(errors.SourceError, match=r"feature 'a' is an empty list .* Declare it: features={'a': tf"):
        source_of(tmp_path, '{"a": []}\n{"a": []}').get_dataset("test")
    source = source_of(tmp_path, '{"a": []}\n{"a": []}', features={"a": tf.TensorSpec([None], tf.int32)})
    assert [row["a"].tolist() for row in read(source)] == [[], []]


def test_a_declared_shape_is_checked(tmp_path):
    source = source_of(tmp_path, '{"a": [1, 2]}\n{"a": [1]}', features={"a": tf.TensorSpec([2], tf.int64)})
    with pytest.raises(errors.SourceError, match=r"line 2: feature 'a' is \[1\]; expected a list of shape \(2\)"):
        source.get_dataset("test")


def test_a_declared_feature_that_is_not_there_is_named(tmp_path):
    source = source_of(tmp_path, '{"question": "a"}', features={"inputs": tf.string})
    with pytest.raises(errors.SourceError, match="line 1 lacks the feature 'inputs', which is declared; it has 'quest"):
        source.get_dataset("test")


def test_a_declaration_must_be_a_dtype():
    with pytest.raises(errors.ArgumentError, match="declared by a dtype, such as 'int32'.*found 'text'"):
        JsonLinesDataSource({"test": "a"}, features={"inputs": "text"})


def test_an_empty_split_can_be_read_where_its_features_are_declared(tmp_path):
    declared = source_of(tmp_path, "\n", features={"a": tf.string})
    assert len(declared.get_dataset("test")) == declared.num_input_examples("test") == 0
    assert declared.get_dataset("test").element_spec == {"a": tf.TensorSpec([], tf.string)}
    with pytest.raises(errors.SourceError, match="has no rows in split 'test'.*Declare them"):
        source_of(tmp_path, "").get_dataset("test")


def test_a_pattern_without_a_file_and_an_unknown_split_are_errors(tmp_path):
    with pytest.raises(errors.SourceError, match="No file is found"):
        JsonLinesDataSource({"test": str(tmp_path / "*.jsonl")}).get_dataset("test")
    with pytest.raises(errors.ArgumentError, match="has no split 'dev'; it has 'test'"):
        source_of(tmp_path, '{"a": 1}').get_dataset("dev")


def test_a_folder_cannot_be_read(tmp_path):
    with pytest.raises(errors.SourceError, match="cannot be read"):
        JsonLinesDataSource({"test": str(tmp_path)}).get_dataset("test")


def test_lines_are_counted_again_when_a_file_has_changed(tmp_path):
    source = source_of(tmp_path, '{"a": 1}')
    assert source.num_input_examples("test") == 1
    before = source.fingerprint("test")
    source_of(tmp_path, '{"a": 1}\n{"a": 2}')
    assert source.num_input_examples("test") == 2
    assert source.fingerprint("test") != before


def test_all_rows_are_shuffled_by_the_seed(tmp_path):
    source = source_of(tmp_path, "\n".join(f'{{"n": {n}}}' for n in range(50)))
    datasets = [source.get_dataset("test", seed=seed) for seed in (1, 1, 2)]
    orders = [[int(row["n"]) for row in dataset.as_numpy_iterator()] for dataset in datasets]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == list(range(50)) != orders[0]


@settings(max_examples=10, deadline=None)
@given(num_rows=st.integers(1, 12), num_shards=st.integers(1, 15))
def test_shards_partition_the_rows(tmp_path_factory, num_rows, num_shards):
    source = source_of(tmp_path_factory.mktemp("rows"), "\n".join(f'{{"n": {n}}}' for n in range(num_rows)))
    assert source.supports_arbitrary_sharding
    shards = [read(source, shard_info=ShardInfo(index, num_shards)) for index in range(num_shards)]
    assert sorted(int(row["n"]) for shard in shards for row in shard) == list(range(num_rows))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
VALUES = st.fixed_dictionaries(
    {
        "text": TEXTS,
        "number": NUMBERS,
        "integer": INTEGERS,
        "flag": st.booleans(),
        "integers": st.lists(INTEGERS, max_size=4),
        "texts": st.lists(TEXTS, max_size=3),
        "nested": st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=3),
    }
)
DECLARED = {
    "text": tf.TensorSpec([], tf.string),
    "number": tf.TensorSpec([], tf.float32),
    "integer": tf.TensorSpec([], tf.int64),
    "flag": tf.TensorSpec([], tf.bool),
    "integers": tf.TensorSpec([None], tf.int64),
    "texts": tf.TensorSpec([None], tf.string),
    "nested": tf.TensorSpec([None, None], tf.int64),
}


def plain(value):
    """A tensor as the JSON value that it was."""
    value = value.to_list() if isinstance(value, tf.RaggedTensor) else value.numpy()
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list):
        return [element.decode() if isinstance(element, bytes) else element for element in value]
    return value.decode() if isinstance(value, bytes) else value


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(VALUES, min_size=1, max_size=5), ensure_ascii=st.booleans())
def test_rows_come_back_as_they_were_written(tmp_path_factory, rows, ensure_ascii):
    content = "\n".join(json.dumps(row, ensure_ascii=ensure_ascii) for row in rows)
    source = source_of(tmp_path_factory.mktemp("rows"), content, features=DECLARED)
    found = [{name: plain(value) for name, value in row.items()} for row in source.get_dataset("test", shuffle=False)]
    assert found == rows


def test_nothing_that_was_read_stays_in_the_source(tmp_path):
    source = source_of(tmp_path, json.dumps({"text": "x" * 10_000}))
    assert len(read(source)) == 1
    gc.collect()
    held = [obj for obj in gc.get_referents(source.__dict__) if isinstance(obj, tf.Tensor | list | bytes)]
    assert held == []
