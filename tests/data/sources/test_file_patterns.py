"""Listing files by pattern."""

from __future__ import annotations

from evalkit.data import list_files


def test_globs_are_expanded_in_order(tmp_path):
    for name in ("b-1", "b-0", "a-0"):
        (tmp_path / name).touch()
    patterns = [f"{tmp_path}/b-*", f"{tmp_path}/none@2", f"{tmp_path}/a-[0-9]"]
    expected = [f"{tmp_path}/{name}" for name in ("b-0", "b-1", "none@2", "a-0")]
    assert list_files(patterns) == expected
    assert list_files(patterns[0]) == expected[:2]


def test_a_glob_is_looked_up_once(tmp_path):
    (tmp_path / "a-0").touch()
    assert list_files(f"{tmp_path}/a-*") == [f"{tmp_path}/a-0"]
    (tmp_path / "a-1").touch()
    assert list_files([f"{tmp_path}/a-*"]) == [f"{tmp_path}/a-0"]
    assert len(list_files(f"{tmp_path}/a*")) == 2
