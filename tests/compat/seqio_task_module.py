"""What seqio's own command imports to find the task that it shall cache."""

import seqio

from tests.compat.differential import caches

caches.register(seqio)
