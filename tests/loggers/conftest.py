"""What the loggers' tests share: a disk that fills up, two ways of it, and how event files are read back."""

from __future__ import annotations

import pathlib
import resource
import subprocess

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util


@pytest.fixture(params=["disk", "limit"])
def small_disk(request, tmp_path):
    """A directory in which 64 KiB have room, and the text of the error that ends it."""
    if request.param == "limit":
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
        yield tmp_path, "File too large"
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        return
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)], capture_output=True)
    if mount.returncode:
        pytest.skip(f"no file system may be mounted here: {mount.stderr.decode().strip()}")
    yield tmp_path, "No space left on device"
    subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.fixture
def read_events():
    """From a run's folder to `[(step, tag, plugin, array)]`, read by TensorBoard's own loader in its order of files."""

    def read(folder):
        events = []
        for path in sorted(pathlib.Path(folder).iterdir()):
            for event in EventFileLoader(str(path)).Load():
                for value in event.summary.value:
                    plugin = value.metadata.plugin_data.plugin_name
                    events.append((event.step, value.tag, plugin, tensor_util.make_ndarray(value.tensor)))
        return events

    return read
