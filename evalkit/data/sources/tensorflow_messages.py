"""What TensorFlow's error messages say, without what they wrap around it."""

from __future__ import annotations

import re

# Graph nodes, names of iterators, the op that was called.
_WRAPPING = re.compile(
    r"\{\{.*?\}\}|Error in user-defined function passed to .*?iterator: \S+ |\[Op:.*|assertion failed: ", re.DOTALL
)


def sentence(message: str) -> str:
    """What is wrong, from an error message of TensorFlow, without a full stop.

    >>> sentence("{{function_node __wrapped__IteratorGetNext}} corrupted record at 12 [Op:IteratorGetNext] name: ")
    'corrupted record at 12'
    """
    return " ".join(_WRAPPING.sub("", message).split()).replace("[[]]", "").strip(" .[]")
