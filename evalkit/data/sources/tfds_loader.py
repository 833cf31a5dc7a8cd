"""TensorFlow Datasets, opened when they are needed and not before.

Tasks are defined by the thousand and used by the handful, so naming a data set must cost nothing. A loader holds
names; the builder behind a name is made at the first question that needs it, and shared by all loaders that mean the
same one.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, final

import tensorflow as tf
import tensorflow_datasets as tfds

from evalkit import errors
from evalkit.data.shard import ShardInfo
from evalkit.data.sources.tfds_builders import Key, builder_key, forget, is_made, not_found, shared_builder
from evalkit.data.sources.tfds_settings import TfdsSplit, check_versioned, overrides


@final
class LazyTfdsLoader:
    """A data set of TFDS by name, folder and split names; its methods and arguments are seqio's.

    >>> LazyTfdsLoader("glue/cola:2.0.0", split_map={"validation": "train[:1%]"})
    LazyTfdsLoader(name=glue/cola:2.0.0, data_dir=None, split_map={'validation': 'train[:1%]'}, decoders=None)
    """

    def __init__(
        self,
        name: str | None = None,
        data_dir: str | None = None,
        split_map: Mapping[str, str] | Mapping[str, TfdsSplit] | None = None,
        decoders: Any = None,
        builder_kwargs: dict[str, Any] | None = None,
        read_only: bool = False,
    ) -> None:
        """Names a data set; nothing is opened.

        Args:
          name: with a version (`:1.0.0`, or `:1.*.*`); None if the splits are `TfdsSplit`, or `data_dir` is the folder
            of one prepared data set.
          data_dir: where the data set is, or will be put; None for TFDS's folder.
          split_map: from the names of splits here to those of the data set, to slices, or to `TfdsSplit`.
          decoders: `tfds.decode.Decoder` by feature.
          builder_kwargs: for `tfds.builder`.
          read_only: whether a data set that is not prepared is an error instead of being downloaded and prepared.

        Raises:
          ArgumentError: a name without a version, or `TfdsSplit` together with `name` or `data_dir`.
        """
        check_versioned(name)
        self._name = name
        self._data_dir = data_dir
        self._own_data_dir_override: str | None = None
        self._split_map = split_map
        self._decoders = decoders
        self._builder_kwargs = builder_kwargs
        self._read_only = read_only
        self._has_tfds_splits = any(isinstance(split, TfdsSplit) for split in (split_map or {}).values())
        if self._has_tfds_splits and (name or data_dir):
            raise errors.ArgumentError(
                "If split values are instances of `TfdsSplit`, `name` and `data_dir` must be `None`."
            )

    @property
    def name(self) -> str | None:
        """The name as it was given."""
        return self._name

    def set_decoders(self, decoders: Any) -> None:
        """Replaces the decoders."""
        self._decoders = decoders

    @property
    def tfds_splits(self) -> Mapping[str, TfdsSplit] | None:
        """The splits, where they come from several data sets."""
        return self._split_map if self._has_tfds_splits else None  # type: ignore[return-value]

    @property
    def data_dir(self) -> str | None:
        """The folder: this loader's override, else the process's, else the one that was given."""
        if self._has_tfds_splits:
            return None
        return self._own_data_dir_override or overrides.data_dir or self._data_dir

    def override_data_dir(self, data_dir: str) -> None:
        """Makes this loader read from `data_dir`."""
        self._own_data_dir_override = data_dir

    @property
    def read_config(self) -> Any:
        """A `tfds.ReadConfig` of the caller's own."""
        return tfds.ReadConfig() if overrides.read_config is None else copy.copy(overrides.read_config)

    def get_split_params(self, split: str | None = None) -> tuple[str | None, str | None]:
        """Name and folder of the data set that `split` is from.

        Raises:
          ArgumentError: the splits come from several data sets, and this is none of them.
        """
        if self.tfds_splits is None:
            return self.name, self.data_dir
        found = self.tfds_splits.get(split or "")
        if found is None:
            raise errors.ArgumentError(
                f"`LazyTfdsLoader` refers to several data sets; which is told by one of the splits "
                f"{', '.join(map(repr, self.tfds_splits))}, found {split!r}."
            )
        return found.dataset, found.data_dir

    def is_memoized(self, split: str | None = None) -> bool:
        """Whether the builder is there already."""
        return is_made(self._key(split))

    def resolved_tfds_name(self, split: str | None = None) -> str | None:
        """The name; with config and version filled in, once the builder is there."""
        if not self.is_memoized(split):
            return self.get_split_params(split)[0]
        resolved: str = self.builder_of(split).get_reference().tfds_name(include_version=True)
        return resolved

    def builder_cls(self, split: str | None = None) -> Any:
        """The class of the builder; None where it is not imported."""
        dataset, _ = self.get_split_params(split)
        bare, _ = tfds.core.naming.parse_builder_name_kwargs(dataset)
        try:
            return tfds.builder_cls(str(bare))
        except ValueError:
            return None

    @property
    def builder(self) -> Any:
        """The builder of the data set.

        Raises:
          ArgumentError: the splits come from several data sets.
          SourceError: there is no such data set.
        """
        return self.builder_of(None)

    @property
    def info(self) -> Any:
        """What TFDS knows of the data set."""
        return self.builder.info

    def builder_of(self, split: str | None) -> Any:
        """The builder of the data set that `split` is from.

        Raises:
          ArgumentError: the splits come from several data sets, and this is none of them.
          SourceError: there is no such data set.
        """
        return shared_builder(self._key(split), self._builder_kwargs)

    def files(self, split: str) -> Sequence[Any]:
        """TFDS's instructions for reading the files of `split`.

        Raises:
          ArgumentError: there is no such split, or the name does not say which of several configs is meant.
          SourceError: the split has no files.
        """
        builder = self.builder_of(split)
        if self.name is not None and "/" not in self.name and builder.BUILDER_CONFIGS:
            configs = ", ".join(config.name for config in builder.BUILDER_CONFIGS)
            raise errors.ArgumentError(
                f"Dataset '{self.name}' has multiple configs. Name one, as in 'dataset/config:version': {configs}."
            )
        files: Sequence[Any] = self.split_info(split).file_instructions
        if not files:
            raise errors.SourceError(
                f"Split {split!r} of TFDS data set {self.name!r} has no files in {builder.data_path}. Prepare it again."
            )
        return files

    def split_info(self, split: str) -> Any:
        """What TFDS knows of `split`: its size and its files.

        Raises:
          ArgumentError: there is no such split.
          SourceError: the data set is not prepared.
        """
        builder, mapped = self.builder_of(split), self.mapped_split(split)
        if not builder.info.splits:
            raise errors.SourceError(
                f"TFDS data set {self.get_split_params(split)[0]!r} is not prepared in {builder.data_path}. Run its "
                "builder's download_and_prepare(), or correct tfds_data_dir."
            )
        try:
            return builder.info.splits[mapped]
        except (KeyError, ValueError) as error:
            raise errors.ArgumentError(
                f"TFDS data set {self.get_split_params(split)[0]!r} has no split {mapped!r}; it has "
                f"{', '.join(map(repr, builder.info.splits))}."
            ) from error

    def load(
        self, split: str | None, shuffle_files: bool, seed: int | None = None, shard_info: ShardInfo | None = None
    ) -> tf.data.Dataset:
        """The examples of `split`; a data set that is not prepared is downloaded and prepared, unless `read_only`.

        Args:
          split: a name of `split_map`, if there is one, else of the data set.
          shuffle_files: whether to shuffle the files.
          seed: makes that order repeatable.
          shard_info: the part that is wanted, in files.

        Raises:
          SourceError: there is no such data set, or it cannot be prepared.
        """
        read_config = self.read_config
        read_config.shuffle_seed = seed
        read_config.skip_prefetch = True
        read_config.input_context = shard_info and tf.distribute.InputContext(
            num_input_pipelines=shard_info.num_shards, input_pipeline_id=shard_info.index
        )
        how = {"shuffle_files": shuffle_files, "read_config": read_config, "decoders": self._decoders}
        name, data_dir = self.get_split_params(split)
        mapped = self.mapped_split(split)
        if self._read_only or name is None or self._is_prepared(split):
            return self.builder_of(split).as_dataset(split=mapped, **how)
        # A folder that was asked for is not looked past, and TFDS refuses to be given it together with try_gcs.
        try:
            return tfds.load(
                name,
                split=mapped,
                data_dir=data_dir,
                download=True,
                try_gcs=data_dir is None,
                builder_kwargs=self._builder_kwargs,
                **how,
            )
        except tfds.core.DatasetNotFoundError:
            raise not_found(name, data_dir) from None

    def size(self, split: str) -> int | None:
        """How many examples `split` has; None where TFDS does not know (it says 0).

        Raises:
          ArgumentError: there is no such split.
          SourceError: the data set is not prepared.
        """
        return self.split_info(split).num_examples or None

    def mapped_split(self, split: str | None) -> str | None:
        """The name of `split` in the data set.

        Raises:
          ArgumentError: there is no such split.
        """
        if not self._split_map:
            return split
        if split is None or split not in self._split_map:
            raise errors.ArgumentError(
                f"TFDS data set {self.name!r} has no split {split!r} here; it has "
                f"{', '.join(map(repr, self._split_map))}."
            )
        mapped = self._split_map[split]
        return mapped.split if isinstance(mapped, TfdsSplit) else mapped

    def __str__(self) -> str:
        return f"LazyTfdsLoader(name={self.name}, data_dir={self.data_dir})"

    def __repr__(self) -> str:
        return (
            f"LazyTfdsLoader(name={self.name}, data_dir={self.data_dir}, split_map={self._split_map}, "
            f"decoders={self._decoders})"
        )

    def _key(self, split: str | None) -> Key:
        return builder_key(*self.get_split_params(split), self._builder_kwargs)

    def _is_prepared(self, split: str | None) -> bool:
        try:
            prepared: bool = self.builder_of(split).is_prepared()
        except errors.SourceError:
            return False
        if not prepared:
            forget(self._key(split))  # what it knows will be out of date once it is prepared
        return prepared
