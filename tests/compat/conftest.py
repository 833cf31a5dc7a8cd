"""Both libraries, for the tests that compare them."""

from __future__ import annotations

import pytest

from tests.compat.libraries import Libraries

# They say `import seqio`, as their readers' libraries do, and are run in processes in which that means evalkit.
collect_ignore = ["inference_library.py", "seqio_task_module.py"]


@pytest.fixture(scope="session")
def libraries(tmp_path_factory):
    """seqio and evalkit, each in a process that takes cases."""
    both = Libraries(tmp_path_factory.mktemp("libraries"))
    yield both
    both.stop()
