"""Texts to ids: the same examples, whether the vocabulary encodes in the graph or in Python, a batch at a time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import errors
from evalkit.data.feature import Feature
from evalkit.preprocessors import append_eos, append_eos_after_trim, tokenize, tokenize_and_append_eos
from evalkit.preprocessors.batched_tokenization import BATCH_SIZE
from evalkit.vocabularies import ByteVocabulary, PassThroughVocabulary, Vocabulary


class PythonBytes(Vocabulary):
    """The ids of ByteVocabulary, made in Python; counts its calls."""

    eos_id, unk_id, _base_vocab_size = 1, 2, 259
    batches = 0

    def _encode(self, s):
        if s == "bad":
            raise RuntimeError("refused")
        return [byte + 3 for byte in s.encode()]

    def _decode(self, ids):
        return ByteVocabulary().decode(ids)

    def _encode_batch(self, texts):
        self.batches += 1
        return super()._encode_batch(texts)


def features(vocabulary):
    return {"inputs": Feature(vocabulary, add_eos=False), "targets": Feature(vocabulary)}


def rows(*texts):
    return tf.data.Dataset.from_tensor_slices(
        {"inputs": list(texts), "targets": [text.upper() for text in texts], "id": list(range(len(texts)))}
    )


def plain(value):
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, tf.RaggedTensor):
        return value.to_list()
    if isinstance(value, tf.SparseTensor):
        value = tf.sparse.to_dense(value)
    return np.asarray(value).tolist()


def examples(dataset):
    return [plain(example) for example in dataset]


BOTH = pytest.mark.parametrize("vocabulary", [ByteVocabulary(), PythonBytes()], ids=["in graph", "in python"])


@BOTH
def test_features_become_ids_and_keep_their_text_beside_them(vocabulary):
    tokenized = tokenize(rows("ab", ""), features(vocabulary))
    assert examples(tokenized) == [
        {
            "inputs": [100, 101],
            "inputs_pretokenized": b"ab",
            "targets": [68, 69],
            "targets_pretokenized": b"AB",
            "id": 0,
        },
        {"inputs": [], "inputs_pretokenized": b"", "targets": [], "targets_pretokenized": b"", "id": 1},
    ]
    assert tokenized.element_spec == {
        "inputs": tf.TensorSpec([None], tf.int32),
        "inputs_pretokenized": tf.TensorSpec([], tf.string),
        "targets": tf.TensorSpec([None], tf.int32),
        "targets_pretokenized": tf.TensorSpec([], tf.string),
        "id": tf.TensorSpec([], tf.int32),
    }
    assert len(tokenized) == 2


@BOTH
def test_texts_need_not_be_kept_and_eos_may_be_added(vocabulary):
    for tokenized in (
        tokenize(rows("a"), features(vocabulary), copy_pretokenized=False, with_eos=True),
        tokenize_and_append_eos(rows("a"), features(vocabulary), copy_pretokenized=False),
        append_eos(tokenize(rows("a"), features(vocabulary), copy_pretokenized=False), features(vocabulary)),
    ):
        assert examples(tokenized) == [{"inputs": [100], "targets": [68, 1], "id": 0}]


@BOTH
def test_of_several_texts_only_the_last_of_each_list_gets_eos(vocabulary):
    dataset = tf.data.Dataset.from_tensors(
        {
            "inputs": tf.ragged.constant([["a"], [], ["b", "c"]]),
            "targets": ["A", "B"],
            "cube": tf.constant([[["d"], ["e"]]]),
        }
    )
    wanted = {name: Feature(vocabulary) for name in ("inputs", "targets", "cube")}
    assert examples(tokenize(dataset, wanted, copy_pretokenized=False, with_eos=True)) == [
        {"inputs": [[[100, 1]], [], [[101], [102, 1]]], "targets": [[68], [69, 1]], "cube": [[[[103, 1]], [[104, 1]]]]}
    ]
    assert examples(tokenize(dataset, wanted, copy_pretokenized=False)) == [
        {"inputs": [[[100]], [], [[101], [102]]], "targets": [[68], [69]], "cube": [[[[103]], [[104]]]]}
    ]


@settings(max_examples=8, deadline=None)
@given(st.lists(st.text(max_size=6), min_size=1, max_size=40), st.booleans(), st.none() | st.integers(1, 5))
def test_batches_change_neither_order_nor_examples(texts, copy, longest):
    texts = texts * (1 + 300 // len(texts)) if len(texts) > 30 else texts  # more than one batch, now and then
    texts = [text for text in texts if text != "bad"]

    def pipeline(vocabulary):
        tokenized = tokenize(rows(*texts), features(vocabulary), copy)
        return append_eos_after_trim(tokenized, features(vocabulary), {"targets": longest})

    in_graph, in_python = pipeline(ByteVocabulary()), pipeline(PythonBytes())
    assert examples(in_python) == examples(in_graph)
    assert in_python.element_spec == in_graph.element_spec
    assert in_python.cardinality() == in_graph.cardinality()


def odd_example(index):
    return {
        "inputs": f"text {index}",
        "vector": np.arange(index % 4),
        "matrix": np.ones((index % 3, index % 2 + 1), np.float32),
        "anything": np.ones((1,) * (index % 3)),
        "words": ["a"] * (index % 2),
        "ragged": tf.ragged.constant([[1] * (index % 3), [2]]),
        "nested": {"flag": index % 2 == 0, "name": f"n{index}"},
    }


ODD_TYPES = {
    "inputs": tf.TensorSpec([], tf.string),
    "vector": tf.TensorSpec([None], tf.int64),
    "matrix": tf.TensorSpec([None, None], tf.float32),
    "anything": tf.TensorSpec(None, tf.float64),
    "words": tf.TensorSpec([None], tf.string),
    "ragged": tf.RaggedTensorSpec([2, None], tf.int32, ragged_rank=1),
    "nested": {"flag": tf.TensorSpec([], tf.bool), "name": tf.TensorSpec([], tf.string)},
}


def test_other_features_pass_with_their_exact_types_and_shapes():
    dataset = tf.data.Dataset.from_generator(lambda: map(odd_example, range(300)), output_signature=ODD_TYPES)
    tokenized = tokenize(dataset, features(PythonBytes()), copy_pretokenized=False)
    expected = tokenize(dataset, features(ByteVocabulary()), copy_pretokenized=False)
    assert tokenized.element_spec == expected.element_spec
    assert tokenized.cardinality() == tf.data.UNKNOWN_CARDINALITY
    for found, wanted in zip(tokenized, expected, strict=True):
        assert plain(found) == plain(wanted)
        assert found["matrix"].shape == wanted["matrix"].shape


def test_sparse_tensors_pass():
    sparse = tf.sparse.from_dense([[0, 1], [2, 0]])
    dataset = tf.data.Dataset.from_tensor_slices({"targets": ["a", "b"], "sparse": sparse})
    found = examples(tokenize(dataset, features(PythonBytes()), copy_pretokenized=False))
    assert found == [{"targets": [100], "sparse": [0, 1]}, {"targets": [101], "sparse": [2, 0]}]


def test_python_is_called_once_a_batch():
    vocabulary = PythonBytes()
    count = 2 * BATCH_SIZE + 1
    list(append_eos(tokenize(rows(*["a"] * count), {"inputs": Feature(vocabulary)}), {"inputs": Feature(vocabulary)}))
    assert vocabulary.batches == 3


def test_endless_datasets_are_read_as_far_as_needed():
    endless = rows("a", "b").repeat()
    tokenized = tokenize(endless, features(PythonBytes()))
    assert tokenized.cardinality() == tf.data.INFINITE_CARDINALITY
    assert [example["id"] for example in tokenized.take(3).as_numpy_iterator()] == [0, 1, 0]


def test_what_comes_between_tokenizing_and_eos_is_respected():
    wanted = {"targets": Feature(PythonBytes())}
    tokenized = tokenize(rows("ab", "c"), wanted, copy_pretokenized=False)
    reversed_ids = tokenized.map(lambda example: {**example, "targets": example["targets"][::-1]})
    assert [example["targets"] for example in examples(append_eos(reversed_ids, wanted))] == [[69, 68, 1], [70, 1]]


def test_eos_that_is_asked_for_twice_is_appended_twice():
    wanted = {"targets": Feature(PythonBytes())}
    once = append_eos(tokenize(rows("a"), wanted, copy_pretokenized=False), wanted)
    assert examples(append_eos(once, wanted))[0]["targets"] == [68, 1, 1]
    assert examples(once)[0]["targets"] == [68, 1]


def test_eos_of_features_that_were_ids_already_is_not_forgotten():
    dataset = rows("a").map(lambda example: {**example, "more": [7, 8]})
    wanted = {"targets": Feature(PythonBytes()), "more": Feature(PassThroughVocabulary(9, eos_id=5))}
    tokenized = tokenize(dataset, {"targets": wanted["targets"]}, copy_pretokenized=False)
    assert examples(append_eos(tokenized, wanted)) == [{"inputs": b"a", "targets": [68, 1], "id": 0, "more": [7, 8, 5]}]


def test_users_operations_are_traced_as_python_control_flow():
    """Vocabularies written for seqio may rely on AutoGraph in `encode_tf`."""

    class Known(Vocabulary):
        eos_id, unk_id, _base_vocab_size = 1, 2, 9

        def encode_tf(self, s):
            ids = tf.constant([2])
            if tf.equal(s, "a"):
                ids = tf.constant([3, 4])
            return ids

        def _encode(self, s):
            raise NotImplementedError

        def _decode(self, ids):
            raise NotImplementedError

        def _encode_tf(self, s):
            raise NotImplementedError

    tokenized = tokenize(rows("a", "b"), {"inputs": Feature(Known())}, copy_pretokenized=False)
    assert [example["inputs"] for example in examples(tokenized)] == [[3, 4], [2]]


def test_ids_pass_a_pass_through_vocabulary():
    dataset = tf.data.Dataset.from_tensors({"inputs": [1, 2]})
    assert examples(tokenize(dataset, {"inputs": Feature(PassThroughVocabulary(9))}, False)) == [{"inputs": [1, 2]}]


def test_a_text_that_cannot_be_encoded_is_named_with_its_feature():
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        list(tokenize(rows("a", "bad"), features(PythonBytes())))
    assert "tokenize: feature 'inputs': PythonBytes cannot encode the text b'bad': RuntimeError: refused" in str(
        caught.value
    )


@BOTH
def test_numbers_are_refused_before_anything_is_read(vocabulary):
    with pytest.raises(
        errors.FeatureError, match=r"feature 'inputs' must be text for \w+, found TensorSpec.*PassThrough"
    ):
        tokenize(tf.data.Dataset.from_tensors({"inputs": [1, 2]}), features(vocabulary))


def test_eos_of_a_vocabulary_without_one_is_refused():
    with pytest.raises(errors.FeatureError, match=r"tokenize: feature 'inputs' asks for EOS"):
        tokenize(
            tf.data.Dataset.from_tensors({"inputs": [1]}), {"inputs": Feature(PassThroughVocabulary(9))}, True, True
        )


def test_examples_must_be_dictionaries():
    with pytest.raises(errors.FeatureError, match=r"tokenize needs examples that are dictionaries"):
        tokenize(tf.data.Dataset.from_tensors("a"), features(ByteVocabulary()))


def test_reading_again_gives_the_same(tmp_path):
    tokenized = tokenize(rows(*map(str, range(600))), features(PythonBytes()))
    first, second = (list(itertools.islice(tokenized.as_numpy_iterator(), 600)) for _ in range(2))
    assert [example["id"] for example in first] == list(range(600))
    assert [example["inputs"].tolist() for example in first] == [example["inputs"].tolist() for example in second]
