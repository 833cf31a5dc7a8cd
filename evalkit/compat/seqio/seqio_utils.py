"""seqio's module `utils`: transforms of datasets, seeds, and the settings of the process."""

from typing import Any

from evalkit.data import Feature as Feature
from evalkit.data import add_global_cache_dirs as add_global_cache_dirs
from evalkit.data import dict_to_tfexample as dict_to_tfexample
from evalkit.data import flatten_dict as flatten_dict
from evalkit.data import get_global_cache_dirs as get_global_cache_dirs
from evalkit.data import list_files as list_files
from evalkit.data import mixing_rate_num_characters as mixing_rate_num_characters
from evalkit.data import mixing_rate_num_examples as mixing_rate_num_examples
from evalkit.data import set_global_cache_dirs as set_global_cache_dirs
from evalkit.data import tfexample_ragged_length_key as tfexample_ragged_length_key
from evalkit.data import tfexample_sparse_indices_key as tfexample_sparse_indices_key
from evalkit.data import tfexample_to_dict as tfexample_to_dict
from evalkit.data import unflatten_dict as unflatten_dict
from evalkit.data.cache_files import info_path, stats_path, task_folder, tfrecord_prefix
from evalkit.data.signature import function_name as function_name
from evalkit.data.sources import LazyTfdsLoader as LazyTfdsLoader
from evalkit.data.sources import TfdsSplit as TfdsSplit
from evalkit.data.sources import set_tfds_data_dir_override as set_tfds_data_dir_override
from evalkit.data.sources import set_tfds_read_config_override as set_tfds_read_config_override
from evalkit.transforms import add_kwargs_to_transform as add_kwargs_to_transform
from evalkit.transforms import make_autoregressive_inputs as make_autoregressive_inputs
from evalkit.transforms import map_over_dataset as map_over_dataset
from evalkit.transforms import map_seed_manager as map_seed_manager
from evalkit.transforms import stateless_shuffle as stateless_shuffle
from evalkit.transforms import trim_and_pack_dataset as trim_and_pack_dataset
from evalkit.transforms import trim_and_pad_dataset as trim_and_pad_dataset
from evalkit.transforms import trim_dataset as trim_dataset
from evalkit.vocabularies import Vocabulary as Vocabulary

get_cached_info_path = info_path
get_cached_stats_path = stats_path
get_cached_tfrecord_prefix = tfrecord_prefix
get_task_dir_from_name = task_folder
TFDict = dict[str, Any]  # of tensors
NestedTFDict = dict[str, Any]
