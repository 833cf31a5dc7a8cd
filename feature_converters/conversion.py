"""The steps that converters share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from evalkit.converter import FeatureConverter
from evalkit.transforms.windows import Window, map_examples, select, takes_windows

TOKENS = FeatureConverter.FeatureSpec(dtype=tf.int32)


def bring_to_lengths_and_convert(
    ds: tf.data.Dataset,
    lengths: Mapping[str, Any],
    pack_or_pad: Callable[[tf.data.Dataset, Mapping[str, Any]], tf.data.Dataset],
    convert_example: Callable[[Window], Window],
) -> tf.data.Dataset:
    """Packs or pads, then converts every row.

    A conversion of ours is known to look at the features in `lengths` only, so others are dropped first; a user's,
    which overrides it, may want them, and gets them.
    """
    wanted = select(ds, list(lengths)) if takes_windows(convert_example) else ds
    return map_examples(pack_or_pad(wanted, lengths), convert_example)
