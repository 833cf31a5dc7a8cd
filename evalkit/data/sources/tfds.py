"""Data sets of TensorFlow Datasets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

import tensorflow as tf

from evalkit import errors
from evalkit.data.content_hash import fingerprint
from evalkit.data.shard import ShardInfo
from evalkit.data.sources.source import DataSource
from evalkit.data.sources.tfds_loader import LazyTfdsLoader as LazyTfdsLoader
from evalkit.data.sources.tfds_settings import TfdsSplit as TfdsSplit
from evalkit.data.sources.tfds_settings import set_tfds_data_dir_override as set_tfds_data_dir_override
from evalkit.data.sources.tfds_settings import set_tfds_read_config_override as set_tfds_read_config_override


@final
class TfdsDataSource(DataSource):
    """Examples of a TFDS data set, which is looked for when it is first used.

    >>> source = TfdsDataSource("glue/cola:2.0.0", splits={"validation": "train[:1%]"})
    >>> tuple(source.splits)
    ('validation',)
    """

    def __init__(
        self,
        tfds_name: str | None = None,
        tfds_data_dir: str | None = None,
        splits: Iterable[str] | Mapping[str, str] | Mapping[str, TfdsSplit] | None = None,
        caching_permitted: bool = True,
        decoders: Any = None,
        tfds_builder_kwargs: dict[str, Any] | None = None,
        read_only: bool = False,
    ) -> None:
        """Names a data set; nothing is opened.

        Args:
          tfds_name: name and version (`glue/cola:2.0.0`); None if the splits are `TfdsSplit`, or `tfds_data_dir` is the
            folder of one prepared data set.
          tfds_data_dir: the folder to look in; None for TFDS's.
          splits: the names of the splits; or from such names to those of the data set, to slices of them
            (`train[:1%]`), or to `TfdsSplit`; None for all that the data set has.
          caching_permitted: whether the examples may be written to an offline cache.
          decoders: `tfds.decode.Decoder` by feature, such as `tfds.decode.SkipDecoding()`.
          tfds_builder_kwargs: for `tfds.builder`.
          read_only: whether a data set that is not prepared is an error instead of being downloaded and prepared.

        Raises:
          ArgumentError: a name without a version, or `TfdsSplit` together with a name or folder.
        """
        if splits is None or isinstance(splits, Mapping):
            split_map = dict(splits or {})
        else:
            split_map = {split: split for split in splits}
        self._decoders = decoders
        self._tfds_dataset = LazyTfdsLoader(
            tfds_name,
            data_dir=tfds_data_dir,
            split_map=split_map or None,
            decoders=decoders,
            builder_kwargs=tfds_builder_kwargs,
            read_only=read_only,
        )
        super().__init__(split_map, caching_permitted=caching_permitted)

    @property
    def splits(self) -> Sequence[str]:
        """The names of the splits; where none were given, those of the data set, which is opened for it."""
        return self._splits or tuple(self.tfds_dataset.info.splits)

    @property
    def tfds_dataset(self) -> LazyTfdsLoader:
        """The data set behind this source."""
        return self._tfds_dataset

    @property
    def supports_arbitrary_sharding(self) -> bool:
        """No: at most as many shards as files."""
        return False

    def num_input_examples(self, split: str) -> int | None:
        """How many examples `split` has, according to TFDS.

        Raises:
          ArgumentError: there is no such split.
          SourceError: the data set is not prepared.
        """
        self.check_split(split)
        return self.tfds_dataset.size(split)

    def list_shards(self, split: str) -> Sequence[str]:
        """The files of `split`.

        Raises:
          ArgumentError: there is no such split.
          SourceError: the data set is not prepared, or has no files.
        """
        self.check_split(split)
        instructions = self.tfds_dataset.files(split)
        return [file["filename"] if isinstance(file, Mapping) else file.filename for file in instructions]

    def get_dataset(
        self, split: str = "train", shuffle: bool = True, seed: int | None = None, shard_info: ShardInfo | None = None
    ) -> tf.data.Dataset:
        """The examples of `split`; see `LazyTfdsLoader.load`.

        Args:
          split: one of `splits`.
          shuffle: whether to shuffle the files.
          seed: makes that order repeatable; None for another one each time.
          shard_info: the part that is wanted: every `num_shards`-th file.

        Raises:
          ArgumentError: there is no such split.
          SourceError: there is no such data set, or there are fewer files than shards.
        """
        if self._splits:
            self.check_split(split)
        if shard_info is not None and shard_info.num_shards > 1:
            num_files = len(self.list_shards(split))
            if num_files < shard_info.num_shards:
                raise errors.SourceError(
                    f"Dataset has too few files to shard. Split {split!r} of {self.tfds_dataset.name!r} has "
                    f"{num_files} files for {shard_info.num_shards} shards. Ask for at most {num_files}, or shard "
                    "the examples with tf.data.Dataset.shard."
                )
        return self.tfds_dataset.load(split, shuffle_files=shuffle, seed=seed, shard_info=shard_info)

    def fingerprint(self, split: str) -> str | None:
        """A hash of the data set's full name and version, its folder, the split, its sizes and the decoders.

        TFDS promises that a version of a data set does not change.

        Returns:
          The hash; None where the content of a decoder cannot be told.
        """
        self.check_split(split)
        loader = self.tfds_dataset
        info = loader.split_info(split)
        sizes = (list(info.shard_lengths), int(info.num_bytes))
        folder = str(loader.builder_of(split).data_path)
        name = (loader.resolved_tfds_name(split), folder, loader.mapped_split(split))
        try:
            return fingerprint(("TfdsDataSource", name, sizes, self._decoders))
        except errors.FingerprintError:
            return None

    def __str__(self) -> str:
        return f"TfdsDataSource(tfds_dataset={self.tfds_dataset})"

    def __repr__(self) -> str:
        splits = self._splits or "all"
        return (
            f"TfdsDataSource(tfds_dataset={self.tfds_dataset}, splits={splits}, "
            f"caching_permitted={self.caching_permitted})"
        )
