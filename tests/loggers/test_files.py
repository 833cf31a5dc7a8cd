"""Files that are whole at any moment."""

from __future__ import annotations

import json

import pytest

from evalkit.loggers.files import LocalFiles


@pytest.fixture
def files():
    return LocalFiles()


def test_lines_are_appended(tmp_path, files):
    path = tmp_path / "lines.jsonl"
    for number in range(3):
        files.append_line(str(path), b"%d\n" % number)
    assert path.read_bytes() == b"0\n1\n2\n"


@pytest.mark.parametrize("cut", [b'{"step": 3, "a', b"{", b'{"text": "' + b"x" * 200_000])
def test_a_line_that_was_cut_is_dropped_with_a_warning(tmp_path, files, caplog, cut):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step":1}\n{"step":2}\n' + cut)
    files.append_line(str(path), b'{"step":3}\n')
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2, 3]
    assert f"{path} ended in the middle of a line; its last {len(cut)} bytes are dropped." in caplog.text


def test_a_file_that_is_nothing_but_a_cut_line_begins_anew(tmp_path, files):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"st')
    files.append_line(str(path), b'{"step":1}\n')
    assert path.read_bytes() == b'{"step":1}\n'


def test_a_whole_line_without_its_end_is_kept(tmp_path, files, caplog):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step":1}\n{"step":2}')
    files.append_line(str(path), b'{"step":3}\n')
    assert path.read_bytes() == b'{"step":1}\n{"step":2}\n{"step":3}\n'
    assert not caplog.records


def test_appending_reads_no_more_than_the_end(tmp_path, files):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"this is no JSON, and nobody asks\n" * 10_000)
    files.append_line(str(path), b'{"step":1}\n')
    assert path.read_bytes().endswith(b'nobody asks\n{"step":1}\n')


def test_a_line_that_has_no_room_is_not_there_at_all(small_disk, files):
    directory, reason = small_disk
    path = directory / "metrics.jsonl"
    files.append_line(str(path), b'{"step":1}\n')
    with pytest.raises(OSError, match=reason):
        files.append_line(str(path), b"x" * 100_000 + b"\n")
    assert path.read_bytes() == b'{"step":1}\n'
    files.append_line(str(path), b'{"step":2}\n')  # there is room for this one
    assert path.read_bytes() == b'{"step":1}\n{"step":2}\n'


def test_a_file_is_replaced_when_the_block_ends(tmp_path, files):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"old")
    with files.replacing(str(path)) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_everything_as_it_was(tmp_path, files, error):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"old")
    with pytest.raises(error), files.replacing(str(path)) as file:
        file.write(b"new")
        raise error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_replacement_that_has_no_room_leaves_everything_as_it_was(small_disk, files):
    directory, reason = small_disk
    path = directory / "rows.jsonl"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match=reason), files.replacing(str(path)) as file:
        for _ in range(100):
            file.write(b"x" * 1000)
    assert path.read_bytes() == b"old"
    assert list(directory.iterdir()) == [path]
