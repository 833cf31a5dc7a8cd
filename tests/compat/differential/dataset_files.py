"""The files of cases: lines of text, TFExamples, and the folders of offline caches as seqio 0.0.20 writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tensorflow as tf

SEPARATOR = "\t"


def write_files(folder: Path, case: dict[str, Any]) -> None:
    """All that the tasks of a case read."""
    for task in case["tasks"]:
        source, rows = task["source"], task["source"]["rows"]
        parts = [rows[part :: source["files"]] for part in range(source["files"])]
        if source["kind"] == "lines":
            for number, part in enumerate(parts):
                lines = "".join(f"{row['question']}{SEPARATOR}{row['answer']}\n" for row in part)
                (folder / f"{task['name']}-{number}.txt").write_text(lines, encoding="utf-8")
        if source["kind"] == "tf examples":
            for number, part in enumerate(parts):
                write_records(folder / f"{task['name']}-{number}.tfrecord", part)
        if case["arguments"].get("use_cached"):
            write_cache(folder / "cache" / task["name"], task["split"], parts)


def write_records(path: Path, rows: list[dict[str, Any]]) -> None:
    """A feature is text, or a list of integers."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in rows:
            writer.write(tf.train.Example(features=tf.train.Features(feature=_features(row))).SerializeToString())


def _features(row: dict[str, Any]) -> dict[str, tf.train.Feature]:
    return {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        if isinstance(value, str)
        else tf.train.Feature(int64_list=tf.train.Int64List(value=value))
        for name, value in row.items()
    }


def write_cache(folder: Path, split: str, parts: list[list[dict[str, Any]]]) -> None:
    """Examples as they are after tokenising: ids are 3 more than bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("inputs", "targets")
    described = {name: {"shape": [None], "dtype": "int32"} for name in names}
    described |= {f"{name}_pretokenized": {"shape": [], "dtype": "string"} for name in names}
    for number, part in enumerate(parts):
        rows = [
            {f"{name}_pretokenized": row[field] for name, field in zip(names, ("question", "answer"), strict=True)}
            for row in part
        ]
        for row in rows:
            row |= {name: [byte + 3 for byte in row[f"{name}_pretokenized"].encode()] for name in names}
        write_records(folder / f"{split}.tfrecord-{number:05}-of-{len(parts):05}", rows)
    info = {"features": described, "num_shards": len(parts), "seqio_version": "0.0.20"}
    (folder / f"info.{split}.json").write_text(json.dumps(info))
    (folder / f"stats.{split}.json").write_text(json.dumps({"examples": sum(map(len, parts))}))
    (folder / "COMPLETED").write_text("")
