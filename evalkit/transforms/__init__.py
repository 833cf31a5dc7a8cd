"""Transforms of `tf.data` datasets of examples: lengths, packing, seeds. Nothing here knows a task."""

from evalkit.transforms.arguments import add_kwargs_to_transform as add_kwargs_to_transform
from evalkit.transforms.autoregressive import make_autoregressive_inputs as make_autoregressive_inputs
from evalkit.transforms.autoregressive import shift_right_by_one as shift_right_by_one
from evalkit.transforms.lengths import trim_and_pad_dataset as trim_and_pad_dataset
from evalkit.transforms.lengths import trim_dataset as trim_dataset
from evalkit.transforms.packing import trim_and_pack_dataset as trim_and_pack_dataset
from evalkit.transforms.seeds import map_over_dataset as map_over_dataset
from evalkit.transforms.seeds import map_seed_manager as map_seed_manager
from evalkit.transforms.seeds import stateless_shuffle as stateless_shuffle
