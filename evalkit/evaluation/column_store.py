"""Columns in a folder: written once, whole or not at all, and opened again without reading the examples.

    <folder>/<feature>.values.bin ...   the arrays
    <folder>/manifest.json              what they are, how long, their checksums; written last

A folder without a manifest is an interrupted write and is never read. Opening compares the size and the checksum of
each file with the manifest, so that a damaged store gives an error and not a number.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
import tensorflow as tf

from evalkit.columns import Columns
from evalkit.errors import CacheError
from evalkit.evaluation.column_reader import column_of, file_name, read_columns
from evalkit.evaluation.column_storage import FolderStorage, map_array

FORMAT = 1
"""Of the folder; a store of another format is refused."""

MANIFEST = "manifest.json"
PARTS = ("values", "lengths", "shapes", "bytes")


@final
@dataclasses.dataclass(frozen=True)
class StoredColumns:
    """What a folder holds: the columns, mapped, their specs, the writer's notes, and a digest of it all."""

    columns: Columns
    element_spec: Mapping[str, Any]
    notes: Mapping[str, Any]
    digest: str


def write_store(folder: Path, dataset: Any, notes: Mapping[str, Any]) -> StoredColumns:
    """Reads `dataset` into `folder`, which must not exist, and opens it.

    Args:
      folder: appears only when complete; what was written before an interruption is removed by the next write.
      dataset: a finite `tf.data.Dataset` of dictionaries of dense tensors.
      notes: kept in the manifest, as JSON.

    Raises:
      CacheError: the folder cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise CacheError(f"Cannot write the store {folder}: {error.strerror}. Choose another cache_dir.") from error
    try:
        columns = read_columns(dataset, FolderStorage(partial))
        if not columns.num_examples:
            return StoredColumns(columns, dataset.element_spec, notes, "")  # nothing is not worth a folder
        manifest = {
            "format": FORMAT,
            "num_examples": columns.num_examples,
            "features": {name: _describe(spec) for name, spec in dataset.element_spec.items()},
            "files": {path.name: {"size": path.stat().st_size, "crc32": _checksum(path)} for path in partial.iterdir()},
            "notes": dict(notes),
        }
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        try:
            partial.rename(folder)
        except OSError:
            if not (folder / MANIFEST).exists():  # another process may have been faster; its store holds the same
                raise
    except OSError as error:
        raise CacheError(
            f"Writing the store {folder} failed: {error.strerror}. Free space, or choose another."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return open_store(folder)


def open_store(folder: Path) -> StoredColumns:
    """Maps the columns of a complete store.

    Raises:
      CacheError: the folder is not a store, or a file of it is missing, cut or changed.
    """
    path = folder / MANIFEST
    remedy = f"Delete {folder} to have it written again."
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        found = manifest["format"]
    except (OSError, ValueError, KeyError) as error:
        raise CacheError(
            f"{path} is not the manifest of a store ({type(error).__name__}: {error}). {remedy}"
        ) from error
    if found != FORMAT:
        raise CacheError(f"{path} has format {found}, this evalkit reads format {FORMAT}. {remedy}")
    for name, facts in manifest["files"].items():
        _verify(folder / name, facts, remedy)
    spec = {name: tf.TensorSpec(facts["shape"], facts["dtype"]) for name, facts in manifest["features"].items()}
    columns = {name: _open_column(folder, name, spec[name], manifest["files"]) for name in spec}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return StoredColumns(Columns(columns), spec, manifest["notes"], digest)


def _describe(spec: Any) -> dict[str, Any]:
    return {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}


def _open_column(folder: Path, feature: str, spec: Any, files: Mapping[str, Any]) -> Any:
    dtypes = {"values": np.uint8 if spec.dtype == tf.string else spec.dtype.as_numpy_dtype}
    paths = {part: f"{file_name(feature)}.{part}.bin" for part in PARTS}
    arrays = {
        part: map_array(folder / path, np.dtype(dtypes.get(part, np.int64)))
        for part, path in paths.items()
        if path in files
    }
    return column_of(arrays, tuple(spec.shape.as_list()))


def _verify(path: Path, facts: Mapping[str, int], remedy: str) -> None:
    if not path.is_file():
        raise CacheError(f"{path} is missing from its store. {remedy}")
    size = path.stat().st_size
    if size != facts["size"]:
        raise CacheError(f"{path} has {size:,} bytes, its manifest says {facts['size']:,}. {remedy}")
    if _checksum(path) != facts["crc32"]:
        raise CacheError(f"{path} was changed after it was written (its checksum differs). {remedy}")


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return checksum
