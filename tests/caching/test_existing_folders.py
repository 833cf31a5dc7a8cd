"""Reading what evalkit wrote when something changed since, and writing where something is already."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import tensorflow as tf
from absl import logging

import evalkit
from evalkit.caching import CacheSettings
from evalkit.data import CacheDatasetPlaceholder, Feature, add_global_cache_dirs, set_global_cache_dirs
from evalkit.errors import CacheError, FingerprintError
from evalkit.vocabularies import ByteVocabulary
from tests.caching.conftest import STEPS


def upper(dataset):
    return dataset.map(lambda example: {**example, "inputs": tf.strings.upper(example["inputs"])})


def read(task, split="train"):
    return list(task.get_dataset(split=split, use_cached=True, shuffle=False))


@pytest.fixture
def folder(output_dir):
    return Path(output_dir, "lines")


CHANGES = {
    "preprocessors were split_line, tokenize, append_eos, and are split_line, upper, tokenize": {
        "steps": [STEPS[0], upper, *STEPS[1:]]
    },
    "vocabulary of feature 'inputs' changed": {
        "output_features": {name: Feature(ByteVocabulary(extra_ids=3)) for name in ("inputs", "targets")}
    },
    "output feature 'inputs' changed": {
        "output_features": {name: Feature(ByteVocabulary(), add_eos=False) for name in ("inputs", "targets")}
    },
    "the source changed": {"rows": 11},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_cache_of_a_task_that_changed_is_refused(make_task, write_caches, folder, change):
    write_caches(make_task())
    task = make_task(**CHANGES[change])
    with pytest.raises(
        CacheError, match=f"'lines', split 'train', at {folder} is of another task: .*{change}.*stale=True"
    ):
        read(task)
    with pytest.raises(CacheError, match=f"{change}.*run `evalkit cache` with --overwrite"):
        write_caches(task)
    write_caches(task, overwrite=True)
    read(task)


def test_a_preprocessor_whose_code_changed(make_task, write_caches):
    def step(word):
        def greet(dataset):
            return dataset.map(lambda line: {"line": tf.strings.join([word, line])})

        return greet

    write_caches(make_task(steps=[step("hello ")], output_features={}))
    with pytest.raises(CacheError, match=r"preprocessor 'greet' \(number 1\) changed"):
        read(make_task(steps=[step("goodbye ")], output_features={}))


def test_another_version_of_evalkit(make_task, write_caches, monkeypatch):
    task = make_task()
    write_caches(task)
    monkeypatch.setattr(evalkit, "__version__", "99.0")
    with pytest.raises(CacheError, match="the version changed from .* to 99.0"):
        read(task)


def test_what_comes_after_the_placeholder_may_change(make_task, write_caches):
    task = make_task(steps=STEPS[:1], preprocessors=[STEPS[0], CacheDatasetPlaceholder(), *STEPS[1:]])
    write_caches(task)
    features = {name: Feature(ByteVocabulary(extra_ids=3)) for name in ("inputs", "targets")}
    other = make_task(preprocessors=[STEPS[0], CacheDatasetPlaceholder(), upper, *STEPS[1:]], output_features=features)
    assert read(other)[0]["inputs_pretokenized"] == b"QUESTION 0"


def test_a_stale_cache_is_used_on_request(make_task, write_caches, output_dir, caplog):
    write_caches(make_task())
    task = make_task(steps=[STEPS[0], upper, *STEPS[1:]])
    add_global_cache_dirs([output_dir], accept_stale=True)
    with caplog.at_level(logging.WARNING, "absl"):
        assert read(task)[0]["inputs_pretokenized"] == b"question 0"
    assert "is of another task: the preprocessors were" in caplog.text
    set_global_cache_dirs([output_dir])
    with pytest.raises(CacheError, match="is of another task"):
        read(task)


def test_a_source_that_is_not_there_did_not_change(make_task, write_caches, tmp_path):
    task = make_task()
    write_caches(task)
    for path in tmp_path.glob("lines-*.txt"):
        path.unlink()
    assert len(read(task)) == 10


def test_a_part_that_can_no_longer_be_fingerprinted(make_task, write_caches):
    write_caches(make_task(steps=STEPS[:1], output_features={}))
    with open(__file__) as file:
        task = make_task(
            steps=[lambda dataset: dataset.map(lambda line: {"line": line if file else ""})], output_features={}
        )
        with pytest.raises(FingerprintError, match="Task 'lines', preprocessor '<lambda>'"):
            read(task)


def test_a_cache_of_another_task(make_task, write_caches, folder):
    write_caches(make_task("others"))
    folder.parent.joinpath("others").rename(folder)
    with pytest.raises(
        CacheError, match="'lines', split 'train', at .* is of another task: it was written for task 'others'"
    ):
        read(make_task())


def test_a_split_that_was_not_cached(make_task, write_caches):
    task = make_task(splits=["train", "test"])
    write_caches(task, splits=["train"])
    with pytest.raises(CacheError, match="do not exist for task 'lines', split 'test': there is no .*info.test.json"):
        read(task, "test")


def damage(folder, what):
    """Damages one file, and gives its name."""
    path = folder / "train.tfrecord-00003-of-00064"
    if what == "is missing":
        path.unlink()
    elif what == "has .* bytes instead of":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path = folder / what
        path.unlink()
    return path.name


@pytest.mark.parametrize("what", ["is missing", "has .* bytes instead of", "stats.train.json", "manifest.train.json"])
def test_a_cache_that_is_not_whole(make_task, write_caches, folder, what):
    task = make_task()
    write_caches(task)
    name = damage(folder, what)
    for act in (read, write_caches):
        with pytest.raises(CacheError, match=f"'lines', split 'train'.*{name}"):
            act(task)
        if what == "stats.train.json":
            break  # the first thing that a split has to have to be complete
    assert write_caches(task, overwrite=True)["train"] == "written"
    read(task)


def test_several_files_that_are_missing(make_task, write_caches, folder):
    task = make_task()
    write_caches(task)
    for path in folder.glob("train.tfrecord*"):
        path.unlink()
    with pytest.raises(CacheError, match="train.tfrecord-00002-of-00064 is missing, and 61 more files. Restore"):
        read(task)


def test_a_file_that_was_tampered_with_is_found_when_it_is_read(make_task, write_caches, folder):
    task = make_task()
    write_caches(task)
    path = folder / "train.tfrecord-00003-of-00064"
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    message = "'lines', split 'train': its offline cache is not as it was written; .*train.tfrecord-00003-of-00064'"
    with pytest.raises(CacheError, match=message), task.named_read_errors("train", use_cached=True):
        read(task)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"format": 2}, "it has format 2, this evalkit reads format 1"),
        ({"format": 1}, "KeyError: 'task_name'"),
        ({"files": {"a": 3}}, "TypeError"),
        ({"fingerprint": 3}, "Not a task fingerprint: 3"),
    ],
)
def test_a_manifest_that_is_none(make_task, write_caches, folder, content, message):
    task = make_task()
    write_caches(task)
    path = folder / "manifest.train.json"
    known = {} if content == {"format": 1} else json.loads(path.read_text())
    path.write_text(json.dumps({**known, **content}))
    with pytest.raises(CacheError, match=f"'lines', split 'train': .*manifest.train.json is no manifest: .*{message}"):
        read(task)


def test_files_of_nobody_are_not_overwritten(make_task, write_caches, folder):
    task = make_task()
    folder.mkdir(parents=True)
    (folder / "train.tfrecord-00000-of-00009").write_text("precious")
    (folder / "notes.txt").write_text("precious")
    with pytest.raises(
        CacheError, match="Task 'lines', split 'train': .* has files of this split that no run of evalkit"
    ):
        write_caches(task)
    write_caches(task, overwrite=True)
    assert (folder / "notes.txt").read_text() == "precious"
    assert not (folder / "train.tfrecord-00000-of-00009").exists()


def test_a_cache_of_seqio_is_left(make_task, write_caches, folder):
    task = make_task()
    write_caches(task)
    for path in folder.glob("manifest.*"):
        path.unlink()
    for path in folder.glob("info.*"):
        info = json.loads(path.read_text())
        del info["evalkit_version"]
        path.write_text(json.dumps(info))
    changed = make_task(steps=[STEPS[0], upper, *STEPS[1:]])
    assert len(read(changed)) == 10
    assert write_caches(changed) == {"train": "up to date"}
    assert write_caches(changed, overwrite=True) == {"train": "written"}


def test_a_half_written_cache_of_the_task_as_it_was_is_not_gone_on_with(make_task, write_caches, folder, contents):
    write_caches(make_task())
    expected = contents(folder)
    bad = [
        *STEPS,
        lambda dataset: dataset.map(lambda example: {**example, "x": tf.ensure_shape(example["inputs"], [1])}),
    ]
    with pytest.raises(evalkit.errors.PreprocessorError):
        write_caches(make_task(steps=bad), overwrite=True, settings=CacheSettings(min_files=7))
    assert list((folder / ".caching").iterdir())
    assert set(write_caches(make_task()).values()) == {"written"}
    assert contents(folder) == expected


def test_overwriting_one_split_keeps_the_other_readable(make_task, write_caches, folder):
    task = make_task(splits=["train", "test"])
    write_caches(task)
    before = (folder / "manifest.test.json").read_bytes()
    write_caches(task, splits=["train"], overwrite=True)
    assert (folder / "manifest.test.json").read_bytes() == before
    assert len(read(task, "test")) == 10


def test_a_directory_that_cannot_be_written(make_task, write_caches, output_dir):
    Path(output_dir).write_text("a file")
    with pytest.raises(CacheError, match="Cannot write .*caches/lines/.caching"):
        write_caches(make_task())


def test_unknown_parts_are_not_compared():
    unknown = evalkit.data.fingerprint.UNKNOWN
    old = evalkit.data.fingerprint.TaskFingerprint(
        unknown, (("a", unknown), ("b", "1")), (("x", "1"),), (("x", unknown),), "1"
    )
    new = dataclasses.replace(old, source="2", preprocessors=(("a", "2"), ("b", "2")), vocabularies=(("x", "2"),))
    assert new.differences(old) == ["preprocessor 'b' (number 2) changed"]
    assert old.unknown_parts == ["source", "preprocessor 'a'", "vocabulary of feature 'x'"]
