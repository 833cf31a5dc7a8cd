"""A task on one raw example, with the arguments of seqio's test tools."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from evalkit import ByteVocabulary, EncDecFeatureConverter, MixtureRegistry, TaskRegistry, map_over_dataset
from evalkit.errors import ArgumentError, FeatureError, UnknownNameError
from evalkit.testing import (
    TableVocabulary,
    assert_examples,
    dataset_of_ids,
    encode_text,
    examples_as_text,
    judge_outputs,
    predict_text,
    preprocess_and_judge,
    preprocess_example,
    preprocess_examples,
)

CHAD = {"country": "Chad", "capital": "N'Djamena"}
IDS = [*ByteVocabulary().encode("Chad"), 1]


@pytest.fixture(autouse=True)
def registered(judged):
    """The task with a metric of each kind, under the name "capitals"."""
    TaskRegistry.add_provider("capitals", judged, override=True)


def test_one_raw_example_is_preprocessed():
    example = preprocess_example("capitals", {"train": CHAD})
    assert (example["inputs"].tolist(), example["targets_pretokenized"]) == (IDS, b"N'Djamena")
    assert [list(each) for each in preprocess_examples("capitals", {"train": CHAD})] == [list(example)]


def test_lengths_cut():
    example = preprocess_example("capitals", {"train": CHAD}, sequence_length={"inputs": 2, "targets": 3})
    assert (len(example["inputs"]), len(example["targets"])) == (2, 3)


@pytest.mark.parametrize("raw_data", [{}, {"train": CHAD, "test": CHAD}])
def test_one_split_is_preprocessed(raw_data):
    with pytest.raises(ArgumentError, match="One split of raw data can be preprocessed, found"):
        preprocess_examples("capitals", raw_data)


@pytest.mark.parametrize("count", [0, 2])
def test_one_example_is_made_of_one(judged, count):
    steps = [*judged.preprocessors, lambda dataset: dataset.repeat(2).take(count)]
    TaskRegistry.add_provider("capitals", judged.replace(preprocessors=steps), override=True)
    with pytest.raises(AssertionError, match=f"Task 'capitals' made {count} examples of one; expected 1"):
        preprocess_example("capitals", {"test": CHAD})
    assert len(list(preprocess_examples("capitals", {"test": CHAD}))) == count


@pytest.mark.parametrize("raw_data", [{"test": CHAD}, {"train": {**CHAD, "capital": "?"}, "validation": CHAD}])
@pytest.mark.parametrize("converter", [None, EncDecFeatureConverter(pack=False)])
def test_outputs_are_judged(raw_data, converter):
    metrics = judge_outputs(
        "capitals", raw_data, predict_output=["N'Djamena"], score_output=[-1.5], feature_encoder=converter
    )
    assert metrics == {"exact": 1.0, "mean_score": -1.5}
    assert judge_outputs("capitals", raw_data, predict_output=["?"]) == {"exact": 0.0}
    assert judge_outputs("capitals", raw_data, "inputs", ["chad"]) == {"exact": 1.0}


def test_outputs_that_the_task_does_not_need_are_left(judged):
    TaskRegistry.add_provider("capitals", judged.replace(metric_fns=judged.score_metric_fns), override=True)
    assert judge_outputs("capitals", {"test": CHAD}, predict_output=["?"], score_output=[-1]) == {"mean_score": -1.0}
    with pytest.raises(ArgumentError, match="Task 'capitals': no outputs were given"):
        judge_outputs("capitals", {"test": CHAD}, predict_output=["?"])


@pytest.mark.parametrize("raw_data", [{}, {"train": CHAD, "test": CHAD}])
def test_one_split_is_judged(raw_data):
    with pytest.raises(ArgumentError, match="The split 'validation' is evaluated, or the only one; found"):
        judge_outputs("capitals", raw_data, predict_output=["?"])


@pytest.mark.parametrize("feature", ["targets", "targets_pretokenized"])
def test_the_targets_judged_against_themselves(feature):
    example, metrics = preprocess_and_judge("capitals", {"train": CHAD}, output_feature_name=feature)
    assert example["targets_pretokenized"] == b"N'Djamena"
    assert metrics == {"exact": 1.0}


def test_one_seed_preprocesses_and_judges(judged):
    @map_over_dataset(num_seeds=1)
    def draw(example, seed):
        return {"inputs": example["inputs"], "targets": tf.random.stateless_uniform([8], seed, 40, 99, tf.int32)}

    TaskRegistry.add_provider("capitals", judged.replace(preprocessors=[*judged.preprocessors, draw]), override=True)
    for seed in (1, 2):
        assert preprocess_and_judge("capitals", {"test": CHAD}, seed=seed)[1] == {"exact": 1.0}


def test_text_as_ids(judged):
    MixtureRegistry.add("mixture", [(judged, 1)])
    for name in ("capitals", "mixture"):
        assert encode_text(name, "ab") == [100, 101]
        assert predict_text(name, "ab", "inputs") == [(0, [100, 101])]
    with pytest.raises(UnknownNameError, match="Nearest names: 'capitals'"):
        encode_text("capital", "ab")


def test_a_dataset_of_ids():
    dataset = dataset_of_ids([{"inputs": [3, 4], "targets": [5], "more": [6]}])
    assert_examples(dataset, [{"inputs": np.array([3, 4], np.int32), "targets": np.array([5], np.int32)}])
    assert dataset.element_spec["inputs"].shape.as_list() == [None]
    dataset = dataset_of_ids(
        [{"inputs": [[0.5]]}], output_types={"inputs": tf.float32}, output_shapes={"inputs": [None, 1]}
    )
    assert_examples(dataset, [{"inputs": np.array([[0.5]], np.float32)}])


def test_examples_as_text():
    dataset = tf.data.Dataset.from_tensor_slices({"text": ["naïve"], "texts": [["a", "b"]], "ids": [[1, 2]]})
    [example] = examples_as_text(dataset)
    assert example["text"] == "naïve"
    assert (example["texts"].tolist(), example["ids"].tolist()) == ([b"a", b"b"], [1, 2])


def test_a_vocabulary_that_is_a_table():
    vocabulary = TableVocabulary({"yes": [3], "not now": [4, 5]}, vocab_size=100)
    assert (vocabulary.vocab_size, vocabulary.eos_id, vocabulary.unk_id) == (100, 1, None)
    assert vocabulary.encode_tf(tf.constant("not now")).numpy().tolist() == [4, 5]
    assert vocabulary.decode([4, 5, 1, 3]) == "not now"
    assert vocabulary.decode_tf(tf.constant([[3, 0], [4, 5]])).numpy().tolist() == [b"yes", b"not now"]
    assert TableVocabulary({}).vocab_size == 2
    assert vocabulary == TableVocabulary({"yes": [3], "not now": [4, 5]}, vocab_size=100)
    assert vocabulary != TableVocabulary({"yes": [3]}, vocab_size=100)
    with pytest.raises(FeatureError, match="has no text 'no'; it has 'yes', 'not now'"):
        vocabulary.encode("no")
    with pytest.raises(FeatureError, match=r"has no text with the ids \[3, 4\]"):
        vocabulary.decode([3, 4])
