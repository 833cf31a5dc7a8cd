"""What native libraries write while they load is shown only if loading fails."""

from __future__ import annotations

import os

import pytest

from evalkit.cli import native_messages


def test_messages_are_held_back(capfd):
    with native_messages.held_back():
        os.write(native_messages.STDERR, b"hello from C++\n")
    os.write(native_messages.STDERR, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_messages_are_let_out_if_the_block_raises(capfd):
    with pytest.raises(ImportError), native_messages.held_back():
        os.write(native_messages.STDERR, b"libcuda is broken\n")
        raise ImportError("no library")
    assert capfd.readouterr().err == "libcuda is broken\n"
