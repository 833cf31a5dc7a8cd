"""Prompts: what stands where."""

from __future__ import annotations

import pytest
import tensorflow as tf

from evalkit import errors
from evalkit.preprocessors import fewshot_preprocessor

SHOTS = {"inputs": ["1+1", "2+2"], "targets": ["two", "four"]}
QUESTION = {"inputs": "3+3", "targets": "six", "id": 7}


def write(example, **kwargs):
    return list(fewshot_preprocessor(tf.data.Dataset.from_tensors(example), **kwargs).as_numpy_iterator())


@pytest.mark.parametrize(
    ("arguments", "prompt"),
    [
        ({}, "1+1two\n\n2+2four\n\n3+3"),
        ({"inputs_prefix": "Q: ", "targets_prefix": "\nA: "}, "Q: 1+1\nA: two\n\nQ: 2+2\nA: four\n\nQ: 3+3\nA:"),
        ({"targets_prefix": "=", "example_separator": ", "}, "1+1=two, 2+2=four, 3+3="),
        ({"targets_prefix": "=", "example_separator": ", ", "reverse": True}, "2+2=four, 1+1=two, 3+3="),
        ({"targets_prefix": "=", "example_separator": "; ", "prompt": "Add"}, "Add; 1+1=two; 2+2=four; 3+3="),
    ],
)
def test_shots_and_question_are_written_one_after_the_other(arguments, prompt):
    assert write({"train": SHOTS, "eval": QUESTION}, **arguments) == [
        {"inputs": prompt.encode(), "targets": b"six", "id": 7}
    ]


def test_without_shots_there_are_a_prompt_and_the_question():
    [example] = write({"eval": QUESTION}, inputs_prefix="Q: ", targets_prefix=" A: ", prompt="Add")
    assert example["inputs"] == b"Add\n\nQ: 3+3 A:"
    [example] = write({"eval": QUESTION})
    assert example["inputs"] == b"3+3"


def test_batches_are_taken_apart():
    batch = {"inputs": ["3+3", "4+4"], "targets": ["six", "eight"], "id": [7, 8]}
    first, second = write({"train": SHOTS, "eval": batch}, targets_prefix="=", example_separator=" ")
    assert first == {"inputs": b"1+1=two 2+2=four 3+3=", "targets": b"six", "id": 7}
    assert second == {"inputs": b"1+1=two 2+2=four 4+4=", "targets": b"eight", "id": 8}


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ({"inputs": "3+3", "targets": "six"}, "no feature 'eval'. They have .'inputs', 'targets'."),
        ({"train": "1+1", "eval": QUESTION}, "'train' must be a dictionary .* the train_preprocessors of Fewshot"),
        ({"train": SHOTS, "eval": {"inputs": "3+3"}}, "'eval': the examples have no feature 'targets'"),
        ({"train": {"inputs": ["1+1"]}, "eval": QUESTION}, "'train': the examples have no feature 'targets'"),
        ({"eval": {"inputs": [51, 43], "targets": "six"}}, "'inputs' of 'eval' must be text.* Put tokenize after"),
    ],
)
def test_examples_of_another_form_are_refused(example, message):
    with pytest.raises(errors.FeatureError, match=f"fewshot_preprocessor.*{message}"):
        write(example)
