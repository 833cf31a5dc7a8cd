from __future__ import annotations

import pytest
import tensorflow as tf

from evalkit import errors
from evalkit.data.sources import TextLineDataSource, named_read_errors


def source_of(tmp_path, content, **options):
    (tmp_path / "lines.txt").write_bytes(content)
    return TextLineDataSource({"test": str(tmp_path / "lines.txt")}, **options)


def read(source):
    return list(source.get_dataset("test", shuffle=False).as_numpy_iterator())


def test_lines_are_scalar_strings_without_their_ends(tmp_path):
    source = source_of(tmp_path, "to be\nor näh\r\n\nlast".encode())
    assert read(source) == [b"to be", "or näh".encode(), b"", b"last"]
    assert source.get_dataset("test").element_spec == tf.TensorSpec([], tf.string)


def test_header_lines_are_skipped_and_not_checked(tmp_path):
    assert read(source_of(tmp_path, b"h\xe9ader\na\nb\n", skip_header_lines=1)) == [b"a", b"b"]


def test_an_empty_file_has_no_lines(tmp_path):
    assert read(source_of(tmp_path, b"")) == []


# What Python's strict decoder refuses: a stray byte, a cut character, half of a surrogate pair, an overlong form, a
# number beyond Unicode.
@pytest.mark.parametrize("bad", [b"caf\xe9", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"])
def test_a_line_that_is_not_utf8_stops_the_reading_and_is_named(tmp_path, bad):
    source = source_of(tmp_path, b"id\n" + b"fine\n" * 300 + bad + b"\n" + b"fine\n" * 5, skip_header_lines=1)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"line 302 of .*lines\.txt is not UTF-8"):
        read(source)
    with pytest.raises(errors.SourceError, match=r"cannot be read: .*line 302 of .*lines\.txt is not UTF-8"):
        with named_read_errors(source, "test"):
            read(source)


# Rare, but all of it is UTF-8: a zero byte, a byte order mark, a code point that will never be a character, an emoji.
@pytest.mark.parametrize("good", [b"a\x00b", b"\xef\xbb\xbfa", b"\xef\xbf\xbe", b"\xf0\x9f\x98\x80"])
def test_all_of_utf8_passes(tmp_path, good):
    assert read(source_of(tmp_path, good + b"\n")) == [good]


def test_header_lines_cannot_be_negative():
    with pytest.raises(errors.ArgumentError, match="skip_header_lines must be at least 0, found -1"):
        TextLineDataSource({"test": "a"}, skip_header_lines=-1)


def test_str_shows_the_patterns_and_the_fingerprint_knows_the_header(tmp_path):
    source = source_of(tmp_path, b"a\nb\n")
    assert str(source) == f"TextLineDataSource({{'test': '{tmp_path}/lines.txt'}})"
    assert "skip_header_lines=0" in repr(source)
    assert source.fingerprint("test") != source_of(tmp_path, b"a\nb\n", skip_header_lines=1).fingerprint("test")
