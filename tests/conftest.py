"""What holds for every test: quiet TensorFlow and strict JAX on the CPU.

That no test leaves a task behind is the work of evalkit's own pytest plugin, `evalkit.testing.pytest_plugin`.
"""

from __future__ import annotations

import os
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")  # broadcasting is written out, never guessed

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As a shell starts what it runs in the background; the processes that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
