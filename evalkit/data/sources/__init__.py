"""Where raw examples come from; `source` has the interface, one file a format beside it."""

from evalkit.data.sources.file_patterns import list_files as list_files
from evalkit.data.sources.files import FileDataSource as FileDataSource
from evalkit.data.sources.function import FunctionDataSource as FunctionDataSource
from evalkit.data.sources.in_memory import InMemoryDataSource as InMemoryDataSource
from evalkit.data.sources.jsonl import JsonLinesDataSource as JsonLinesDataSource
from evalkit.data.sources.protos import ProtoDataSource as ProtoDataSource
from evalkit.data.sources.read_errors import named_read_errors as named_read_errors
from evalkit.data.sources.source import DataSource as DataSource
from evalkit.data.sources.text_lines import TextLineDataSource as TextLineDataSource
from evalkit.data.sources.tf_examples import TFExampleDataSource as TFExampleDataSource
from evalkit.data.sources.tfds import LazyTfdsLoader as LazyTfdsLoader
from evalkit.data.sources.tfds import TfdsDataSource as TfdsDataSource
from evalkit.data.sources.tfds import TfdsSplit as TfdsSplit
from evalkit.data.sources.tfds import set_tfds_data_dir_override as set_tfds_data_dir_override
from evalkit.data.sources.tfds import set_tfds_read_config_override as set_tfds_read_config_override
