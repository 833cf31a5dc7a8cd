"""Checkpoints in a folder to which another process writes. EVALKIT_RACES=100 races as often; the default is quicker."""

from __future__ import annotations

import os
import shutil
import sys
import threading

import jax
import numpy as np
import pytest

from evalkit.errors import ArgumentError, CheckpointError, CheckpointLostError
from evalkit.evaluations.checkpoint import Checkpoint
from evalkit.training.checkpoint_folder import CheckpointFolder, folder_of, restore_whole
from tests.training.bigrams import TEMPLATE, model, save
from tests.training.racing_writer import uniform, writer

RACES = int(os.environ.get("EVALKIT_RACES", "10"))


@pytest.mark.parametrize("kind", ["database", "files"])
def test_of_checkpoints_that_come_and_go_no_part_is_read(tmp_path, kind):
    template = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), uniform(0))
    folder, whole, lost, partial, seen = CheckpointFolder(tmp_path), 0, 0, 0, set()
    process = writer(tmp_path, RACES, kind)
    try:
        while process.is_alive():
            for checkpoint in folder.finished():
                seen.add(checkpoint.step)
                try:
                    params = restore_whole(checkpoint, lambda found: found.restore(template, "params", None))
                except CheckpointLostError:
                    lost += 1
                else:
                    whole += 1
                    partial += not all((np.asarray(leaf) == checkpoint.step).all() for leaf in params.values())
    finally:
        process.kill()
        process.join()
    assert process.exitcode == 0
    sys.stdout.write(f"{kind}: {len(seen)} checkpoints, {whole} read, {lost} lost meanwhile, {partial} in part\n")
    assert partial == 0
    assert whole >= RACES // 4
    assert folder.finished()[-1].step == RACES


def test_checkpoints_by_step_and_what_is_none_of_them(tmp_path):
    save(tmp_path, 3, 20)
    (tmp_path / "40.orbax-checkpoint-tmp-7").mkdir()
    for name in ("50", "notes_2024/more", "runs_7/100/default", "logs"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("notes_2024/more/notes.txt", "runs_7/100/default/_METADATA"):
        (tmp_path / name).touch()
    for name in ("60", "70/default"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "commit_success.txt").touch()
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "20").rename(tmp_path / "checkpoint_20")
    folder = CheckpointFolder(tmp_path)
    assert [checkpoint.step for checkpoint in folder.finished()] == [3, 20]
    assert list(folder.unreadable) == [60, 70]
    folder.check()


def test_what_is_being_deleted_is_not_unreadable(tmp_path):
    folder = CheckpointFolder(save(tmp_path, 5, 6))
    (tmp_path / "6" / "default" / "_METADATA").unlink()
    deletion = threading.Timer(0.1, shutil.rmtree, [tmp_path / "6"])
    deletion.start()
    assert [checkpoint.step for checkpoint in folder.settled()] == [5]
    assert not folder.unreadable
    deletion.join()


def test_of_two_checkpoints_of_a_step_one_counts(tmp_path):
    save(tmp_path, 5, 6)
    (tmp_path / "6").rename(tmp_path / "checkpoint_5")
    folder = CheckpointFolder(tmp_path)
    assert [(found.step, found.path) for found in folder.finished()] == [(5, str(tmp_path / "5" / "default"))]


def test_the_folder_of_a_checkpoint(tmp_path):
    [of_step] = CheckpointFolder(save(tmp_path, 5)).finished()
    assert folder_of(of_step) == str(tmp_path)
    (tmp_path / "5" / "default").rename(tmp_path / "checkpoint_7")
    assert folder_of(Checkpoint.find(tmp_path / "checkpoint_7", 7)) == str(tmp_path)
    assert folder_of(Checkpoint.find(tmp_path / "checkpoint_7", 8)) == str(tmp_path)


def test_a_checkpoint_in_the_place_of_another_is_another(tmp_path):
    save(tmp_path / "a", 5)
    folder = CheckpointFolder(tmp_path / "a")
    [before] = folder.finished()
    assert folder.finished() == [before]
    shutil.rmtree(tmp_path / "a" / "5")
    save(tmp_path / "b", 5)
    shutil.move(tmp_path / "b" / "5", tmp_path / "a" / "5")
    [after] = folder.finished()
    assert after.identity != before.identity
    with pytest.raises(CheckpointLostError, match="deleted or replaced while it was read"):
        restore_whole(before, model().restore)


def test_a_checkpoint_that_goes_while_it_is_read(tmp_path):
    [checkpoint] = CheckpointFolder(save(tmp_path, 5)).finished()

    def read_and_lose(found):
        params = model().restore(found)
        shutil.rmtree(tmp_path / "5")
        return params

    with pytest.raises(CheckpointLostError, match="Nothing of it is used"):
        restore_whole(checkpoint, read_and_lose)


def test_a_checkpoint_that_is_damaged_is_not_lost(tmp_path):
    save(tmp_path, 5)
    for path in (tmp_path / "5" / "default").rglob("*"):
        if path.is_file() and "d" in path.parts:
            path.unlink()
    [checkpoint] = CheckpointFolder(tmp_path).finished()
    with pytest.raises(CheckpointError, match="is damaged") as caught:
        restore_whole(checkpoint, lambda found: found.restore(TEMPLATE, "params", None))
    assert not isinstance(caught.value, CheckpointLostError)


def test_what_is_wrong_with_a_folder_without_checkpoints(tmp_path):
    with pytest.raises(CheckpointError, match="There is no folder"):
        CheckpointFolder(tmp_path / "no").check()
    with pytest.raises(CheckpointError, match="is empty"):
        CheckpointFolder(tmp_path).check()
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(CheckpointError, match=r"with a file _METADATA in them; found notes\.txt"):
        CheckpointFolder(tmp_path).check()
    (tmp_path / "7").mkdir()
    with pytest.raises(CheckpointError, match=r"with a file _METADATA in them; found 7, notes\.txt"):
        CheckpointFolder(tmp_path).check()
    (tmp_path / "7" / "commit_success.txt").touch()
    with pytest.raises(CheckpointError, match=r"no finished checkpoint in .* Of step 7"):
        CheckpointFolder(tmp_path).check()
    with pytest.raises(ArgumentError, match="is a single checkpoint"):
        CheckpointFolder(save(tmp_path / "run", 9) / "9").check()
