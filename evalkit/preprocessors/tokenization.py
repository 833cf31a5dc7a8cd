"""From text features to id features.

How depends on the vocabulary. One whose encoding is made of TensorFlow operations (`encodes_in_graph`) is mapped over
the examples. One that encodes in Python is called once per batch of examples, see `batched_tokenization`; the result is
the same, example by example.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from evalkit import errors
from evalkit.preprocessors.batched_tokenization import BatchedTokenization
from evalkit.preprocessors.end_of_sequence import Ending, append_to_last_rows
from evalkit.preprocessors.examples import OutputFeatures, eos_id, feature_specs
from evalkit.vocabularies import ByteVocabulary, SentencePieceVocabulary, Vocabulary


def tokenize(
    dataset: tf.data.Dataset,
    output_features: OutputFeatures,
    copy_pretokenized: bool = True,
    with_eos: bool = False,
) -> tf.data.Dataset:
    """Encodes the output features that the examples have; other features pass unchanged.

    A scalar text becomes int32 `[length]`. A feature of texts of rank 1 or more, dense or ragged, becomes ragged with
    one dimension more. The order of examples is kept. With a vocabulary that encodes in Python, up to 256 examples are
    read ahead.

    Args:
      dataset: examples as dictionaries.
      output_features: the vocabulary of each feature, by name.
      copy_pretokenized: whether to keep the text of a feature `f` as `f_pretokenized`.
      with_eos: whether to append EOS to features that ask for it (`add_eos`); of several texts in one list, only to the
        last.

    Raises:
      FeatureError: a feature is not text, or shall end with an EOS that its vocabulary does not have. A text that
        cannot be encoded raises when it is read: a tf.errors.InvalidArgumentError that names the feature and the text.

    Example:
      >>> from evalkit.data.feature import Feature
      >>> dataset = tf.data.Dataset.from_tensors({"targets": "ab", "id": 7})
      >>> features = {"targets": Feature(ByteVocabulary())}
      >>> example = next(tokenize(dataset, features, with_eos=True).as_numpy_iterator())
      >>> {name: value if name != "targets" else value.tolist() for name, value in example.items()}
      {'targets_pretokenized': b'ab', 'targets': [100, 101, 1], 'id': np.int32(7)}
    """
    specs = feature_specs(dataset, "tokenize")
    features = {name: output_features[name] for name in specs if name in output_features}
    for name, feature in features.items():
        _require_text(name, specs[name], feature.vocabulary)
    endings = {
        name: eos_id(name, feature, "tokenize") for name, feature in features.items() if with_eos and feature.add_eos
    }

    def encoded_in_graph(name: str, value: Any) -> Any:
        ids = features[name].vocabulary.encode_tf(value)
        return append_to_last_rows(ids, endings[name]) if name in endings else ids

    def finish(example: Mapping[str, Any], encoded: Mapping[str, Any]) -> dict[str, Any]:
        finished = {}
        for name, value in example.items():
            if name in features and copy_pretokenized:
                finished[f"{name}_pretokenized"] = value
            if name in features:
                value = encoded[name] if name in encoded else encoded_in_graph(name, value)
            finished[name] = value
        return finished

    in_python = {
        name: feature.vocabulary for name, feature in features.items() if _is_batchable(specs[name], feature.vocabulary)
    }
    if in_python:
        rest = {name: Ending(eos) for name, eos in endings.items() if name in in_python}
        return BatchedTokenization(dataset, in_python, finish, rest).examples()
    return dataset.map(lambda example: finish(example, {}), num_parallel_calls=tf.data.AUTOTUNE)


def tokenize_and_append_eos(
    dataset: tf.data.Dataset, output_features: OutputFeatures, copy_pretokenized: bool = True
) -> tf.data.Dataset:
    """`tokenize` with EOS."""
    return tokenize(dataset, output_features, copy_pretokenized, with_eos=True)


def _is_batchable(spec: Any, vocabulary: Any) -> bool:
    """Whether a feature is one text per example, of a vocabulary that encodes in Python."""
    return isinstance(vocabulary, Vocabulary) and not vocabulary.encodes_in_graph and spec.shape.rank == 0


def _require_text(name: str, spec: Any, vocabulary: Any) -> None:
    """Raises FeatureError for a feature that a vocabulary cannot encode; a user's operations may take anything."""
    is_ours = isinstance(vocabulary, ByteVocabulary | SentencePieceVocabulary)
    takes_text = is_ours or (isinstance(vocabulary, Vocabulary) and not vocabulary.encodes_in_graph)
    if takes_text and getattr(spec, "dtype", None) != tf.string:
        raise errors.FeatureError(
            f"tokenize: feature {name!r} must be text for {type(vocabulary).__name__}, found {spec}. Has it been "
            "tokenised before? A feature that holds ids already takes a PassThroughVocabulary."
        )
