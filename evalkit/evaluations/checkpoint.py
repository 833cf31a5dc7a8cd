"""A checkpoint that Orbax wrote: found, checked to be whole, and restored where it is wanted."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from typing import Any, Self, final

import jax
import orbax.checkpoint as ocp
import tensorflow as tf
from jax.sharding import Mesh, SingleDeviceSharding

from evalkit.errors import ArgumentError, CheckpointError, ModelError
from evalkit.inference.arguments import whole_number
from evalkit.inference.model import Tree
from evalkit.inference.parameters import check_parameters
from evalkit.inference.sharding import DataSharding

_TREE = "_METADATA"  # Orbax writes it into the folder of each tree of arrays, at the end
_TIMES = "_CHECKPOINT_METADATA"  # when it was written
_UNFINISHED = ".orbax-checkpoint-tmp"
_SMALL = 64 * 1024  # bytes; files up to this size count by their content


@final
@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A finished checkpoint.

    Attributes:
      path: the folder of the tree of arrays.
      step: of the training.
      identity: 64 hexadecimal digits, of the names and sizes of its files and of what stands in the small ones. Orbax
        names files with arrays at random and notes when it wrote them, so another checkpoint has another identity,
        also under the same path; a copy has the same.
    """

    path: str
    step: int
    identity: str

    @classmethod
    def find(cls, path: str | os.PathLike[str], step: int | None = None) -> Self:
        """Finds the checkpoint in `path`.

        Args:
          path: the folder of a CheckpointManager, of one of its steps, of an item in a step, or of a tree that was
            saved by itself.
          step: which step of a CheckpointManager, None for the last that is finished; or the step of the tree, where
            the name of no folder tells it.

        Raises:
          ArgumentError: the step is not known, or another one than the folder says.
          CheckpointError: there is no checkpoint, it is not finished, or there are several.
        """
        folder = os.fspath(path).rstrip("/")
        folder = folder if "://" in folder else os.path.abspath(folder)
        entries = _folders(folder)
        if not _is_tree(folder) and any(map(_is_step, entries)):
            folder = os.path.join(folder, _chosen_step(folder, entries, step))
        tree = _tree_in(folder)
        return cls(tree, _step_of(tree, folder, step), _identity(tree))

    def restore(self, template: Tree, params_at: str, mesh: Mesh | None) -> Tree:
        """Reads parameters; what else is in the checkpoint is not read.

        Args:
          template: arrays or `jax.ShapeDtypeStruct`; arrays are cast to its dtypes, and lie where its shardings say.
          params_at: where in the checkpoint the parameters are: names with "/" between them, "" for all of it.
          mesh: where an array lies, on each device all of it, that has no sharding in `template`; None is one device.

        Raises:
          CheckpointError: the checkpoint does not hold such parameters, or is damaged; names the path in the tree.
        """
        keys = params_at.split("/") if params_at else []
        found = self._described()
        for depth, key in enumerate(keys):
            if not isinstance(found, dict) or key not in found:
                there = ", ".join(map(repr, found)) if isinstance(found, dict) else "an array"
                raise CheckpointError(
                    f"Checkpoint {self.path} has no {'/'.join(keys[: depth + 1])!r}; found {there}. Pass as "
                    "`params_at` where the parameters are."
                )
            found = found[key]
        try:
            check_parameters("the model", template, found)
        except ModelError as error:
            raise CheckpointError(f"Checkpoint {self.path} is of another structure. {error}") from error
        wanted = jax.tree.map(lambda leaf: _placed(leaf, mesh), template)
        arguments = jax.tree.map(
            lambda leaf: ocp.ArrayRestoreArgs(sharding=leaf.sharding, global_shape=leaf.shape, dtype=leaf.dtype), wanted
        )
        for key in reversed(keys):
            wanted, arguments = {key: wanted}, {key: arguments}
        with ocp.PyTreeCheckpointer() as checkpointer:
            try:
                restored = checkpointer.restore(
                    self.path, args=ocp.args.PyTreeRestore(wanted, arguments, partial_restore=True)
                )
            except Exception as error:
                raise CheckpointError(
                    f"Checkpoint {self.path} is damaged, or a part of it is missing: {error}"
                ) from error
        for key in keys:
            restored = restored[key]
        return restored

    def _described(self) -> Any:
        """The tree, with shapes in the place of arrays."""
        with ocp.PyTreeCheckpointer() as checkpointer:
            try:
                metadata = checkpointer.metadata(self.path).item_metadata
            except Exception as error:
                raise CheckpointError(f"What is in checkpoint {self.path} cannot be told: {error}") from error
        if metadata is None:
            raise CheckpointError(f"Checkpoint {self.path} is damaged: a part of it is missing. Save it again.")
        return metadata.tree


def _placed(leaf: Any, mesh: Mesh | None) -> jax.ShapeDtypeStruct:
    axes = () if mesh is None else mesh.axis_names
    everywhere = DataSharding(mesh, axes).replicated or SingleDeviceSharding(jax.devices()[0])
    sharding = getattr(leaf, "sharding", None) or everywhere
    placed: jax.ShapeDtypeStruct = jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)  # type: ignore[no-untyped-call]
    return placed


def _folders(folder: str) -> list[str]:
    """The names of the folders in `folder`."""
    if _UNFINISHED in os.path.basename(folder):
        raise CheckpointError(f"Checkpoint {folder} is not finished: it is being written, or its writing was cut off.")
    if not tf.io.gfile.isdir(folder):
        unfinished = tf.io.gfile.glob(f"{folder}{_UNFINISHED}*")
        note = f" It is being written, or its writing was cut off: there is {unfinished[0]}." if unfinished else ""
        raise CheckpointError(f"There is no checkpoint {folder}: no such folder.{note}")
    names = (name.rstrip("/") for name in tf.io.gfile.listdir(folder))
    return sorted(name for name in names if tf.io.gfile.isdir(os.path.join(folder, name)))


def _is_tree(folder: str) -> bool:
    return bool(tf.io.gfile.exists(os.path.join(folder, _TREE)))


def _is_step(name: str) -> bool:
    return name.partition(_UNFINISHED)[0].isdecimal()


def _chosen_step(folder: str, entries: list[str], step: int | None) -> str:
    finished = {int(name): name for name in entries if name.isdecimal()}
    unfinished = sorted({int(name.partition(_UNFINISHED)[0]) for name in entries if _is_step(name)} - set(finished))
    if step is None and finished:
        return finished[max(finished)]
    if step is None or step not in finished:
        raise CheckpointError(
            f"There is no finished checkpoint {'' if step is None else f'of step {step} '}in {folder}. Finished are "
            f"{sorted(finished) or 'none'}, not finished {unfinished or 'none'}."
        )
    return finished[step]


def _step_of(tree: str, folder: str, step: int | None) -> int:
    names = (os.path.basename(folder), os.path.basename(os.path.dirname(tree)))
    told = next((int(name) for name in names if name.isdecimal()), None)
    found = told if step is None else whole_number("step", step, least=0)
    if found is None:
        raise ArgumentError(f"The folders of the checkpoint {tree} do not tell of which step it is. Pass `step`.")
    if told not in (None, found):
        raise ArgumentError(
            f"The checkpoint {tree} is of step {told}, as its folder says; step is {found}. Leave it out."
        )
    return found


def _tree_in(folder: str) -> str:
    if _is_tree(folder):
        return folder
    entries = _folders(folder)
    trees = [name for name in entries if _is_tree(os.path.join(folder, name))]
    if len(trees) > 1:
        raise CheckpointError(
            f"There are several trees in checkpoint {folder}: {', '.join(trees)}. Pass the path of one."
        )
    if not trees:
        raise CheckpointError(
            f"{folder} is no finished checkpoint: there is no {_TREE} in it, nor in one of its folders "
            f"({', '.join(entries) or 'it has none'})."
        )
    return os.path.join(folder, trees[0])


def _identity(tree: str) -> str:
    files = sorted(os.path.join(folder, name) for folder, _, names in tf.io.gfile.walk(tree) for name in names)
    of_step = os.path.join(os.path.dirname(tree), _TIMES)  # where the tree is an item of a step
    digest = hashlib.sha256()
    for path in [*files, *([of_step] if tf.io.gfile.exists(of_step) else [])]:
        size = tf.io.gfile.stat(path).length
        content = b""
        if size <= _SMALL:
            with tf.io.gfile.GFile(path, "rb") as file:
                content = file.read()
        told = f"{os.path.relpath(path, tree)}:{size}:{len(content)}:"
        digest.update(told.encode("utf-8", "surrogateescape") + content)
    return digest.hexdigest()
