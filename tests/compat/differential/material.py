"""What cases name and both libraries are given: vocabularies, features and preprocessors; runs in both interpreters."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import sentencepiece
import tensorflow as tf

WORDS = ("the", "seven", "Ärger", "naïve", "12", "x=3", "日本", "run", "runs", "#### 4", "", "yes", "no", "🙂", "a-b")
VOCABULARY_SIZES = {"byte": 259, "byte with extra ids": 359, "sentencepiece": 300, "sentencepiece with extra ids": 400}
MODEL = "vocabulary.model"
TABLES: dict[str, Callable[[ModuleType], Any]] = {
    "pass through": lambda lib: lib.PassThroughVocabulary(size=400, eos_id=1),
    "code points": lambda lib: lib.vocabularies.FullCodepointVocabulary(),
    "some code points": lambda lib: lib.vocabularies.PartialCodepointVocabulary(sorted(map(ord, set("the runs12日Ä")))),
    "one word": lambda lib: lib.vocabularies.UnigramVocabulary(["the", "runs", "日本"]),
    "words": lambda lib: lib.vocabularies.UnigramVocabulary(["the", "runs", "日本", "#"], split_on_space=True),
}
"""Vocabularies that look ids up, by what cases call them."""


def train_vocabulary(folder: Path) -> None:
    """Writes the SentencePiece model that both are given."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(" ".join(words) for words in itertools.permutations(WORDS, 3)),
        model_prefix=str(folder / Path(MODEL).stem),
        vocab_size=300,
        hard_vocab_limit=False,
        byte_fallback=True,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
        num_threads=1,
    )


def vocabulary(lib: ModuleType, kind: str, folder: Path) -> Any:
    """The vocabulary that a case calls `kind`."""
    extra_ids = 100 if kind.endswith("extra ids") else 0
    if kind in TABLES:
        return TABLES[kind](lib)
    if kind.startswith("byte"):
        return lib.ByteVocabulary(extra_ids=extra_ids)
    return lib.SentencePieceVocabulary(str(folder / MODEL), extra_ids=extra_ids)


def features(lib: ModuleType, described: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The output features that a case describes as `{name: {"vocabulary": …, "add_eos": …, …}}`."""
    return {
        name: lib.Feature(**{**parts, "vocabulary": vocabulary(lib, parts["vocabulary"], folder)})
        for name, parts in described.items()
    }


def step(lib: ModuleType, name: str, arguments: Mapping[str, Any]) -> Callable[..., tf.data.Dataset]:
    """The preprocessor that a case calls `name`: one of the library's, or one of the maps below."""
    given = dict(arguments)
    if "feature_converter" in given:
        kind, its_arguments = given["feature_converter"]
        given["feature_converter"] = getattr(lib, kind)(**its_arguments)
    functions: dict[str, Any] = {**own_steps(lib), **vars(lib.preprocessors)}
    function = functions[name]
    return functools.partial(function, **given) if given else function


def own_steps(lib: ModuleType) -> dict[str, Any]:
    """Preprocessors as a task's author writes them, random ones too; they change every int32 feature of rank 1."""

    def changed(example: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
        return {
            name: change(value) if value.dtype == tf.int32 and value.shape.rank == 1 else value
            for name, value in example.items()
        }

    @lib.map_over_dataset
    def add(example, amount):
        return changed(example, lambda ids: ids + amount)

    @lib.map_over_dataset(num_seeds=1)
    def noise(example, seed, most=50):
        return changed(
            example, lambda ids: ids + tf.random.stateless_uniform(tf.shape(ids), seed, 0, most, dtype=tf.int32)
        )

    @lib.map_over_dataset(num_seeds=3)
    def shuffle_words(example, seeds, sequence_length=None):
        length = (sequence_length or {}).get("targets") or 100
        for seed in seeds[:2]:
            example = changed(example, lambda ids, seed=seed: lib.utils.stateless_shuffle(ids, seed))
        return changed(example, lambda ids: tf.concat([ids, tf.cast([1 + seeds[2][0] % length], tf.int32)], axis=0))

    def twice(dataset):
        return dataset.flat_map(lambda example: tf.data.Dataset.from_tensors(example).repeat(2))

    def keep_some(dataset, remainder):
        return dataset.enumerate().filter(lambda index, _: index % 3 != remainder).map(lambda _, example: example)

    return {
        "add": add,
        "noise": noise,
        "shuffle_words": shuffle_words,
        "twice": twice,
        "keep_some": keep_some,
        "trim_dataset": lib.utils.trim_dataset,
        "trim_and_pad_dataset": lib.utils.trim_and_pad_dataset,
        "trim_and_pack_dataset": lib.utils.trim_and_pack_dataset,
    }
