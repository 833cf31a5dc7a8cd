"""What `pip install evalkit` puts into an environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """The files of the checkout that belong to the repository, relative to its root."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout: which files belong to the package is not known")
    return [Path(name) for name in listing.stdout.split("\0") if name and (ROOT / name).exists()]


@pytest.fixture(scope="module")
def wheel_names(tracked, tmp_path_factory) -> list[str]:
    """The names of the files in a wheel, built from a copy since a build writes beside its sources."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "checkout"
    for path in tracked:
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, source / path, follow_symlinks=False)
    options = ["--no-deps", "--no-build-isolation", "--no-cache-dir", "--wheel-dir", str(folder)]
    command = [sys.executable, "-m", "pip", "wheel", *options, str(source)]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    [wheel] = folder.glob("evalkit-*.whl")
    return zipfile.ZipFile(wheel).namelist()


@pytest.mark.parametrize("folder", ["tasks", "feature_converters"])
def test_the_folders_beside_evalkit_install_inside_it(wheel_names, tracked, folder):
    modules = [path for path in tracked if path.parts[0] == folder and path.suffix == ".py"]
    assert modules
    assert {f"evalkit/{path.as_posix()}" for path in modules} <= set(wheel_names)


def test_nothing_lands_beside_evalkit(wheel_names):
    assert {name.split("/")[0].split("-")[0] for name in wheel_names} == {"evalkit"}


def test_the_types_are_published(wheel_names):
    assert "evalkit/py.typed" in wheel_names


def test_the_command_is_installed(wheel_names):
    assert any(name.endswith(".dist-info/entry_points.txt") for name in wheel_names)
