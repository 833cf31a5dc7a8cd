r"""BIG-Bench Hard: three of its subjects, 250 questions each, by generation and as multiple choice by score.

Source: Suzgun et al. 2022, "Challenging BIG-Bench Tasks and Whether Chain-of-Thought Can Solve Them" (arXiv
2210.09261), MIT licence, https://github.com/suzgunmirac/BIG-Bench-Hard. The files are read from the folder that the
environment variable `BBH_DIR` names when this module is imported; without it, reading a task is an error that says so.
`register` and `register_choices` register a subject once more, from a folder, with a vocabulary or with shots.

* `bbh_<subject>` asks "Q: <question>", line break, "A:", and judges the answer that is found in what is generated.
* `bbh_<subject>_choices` has an example for each answer that a question offers, after the same prompt. The score is
  the log-likelihood of a space and the answer, and the best score of a question is the model's choice.

Published results are mostly with three worked-out shots, which the files do not have. `num_shots` shows the first
questions of the file with bare answers instead, and asks the others.

**How an answer is found.** An answer is True or False (in any case), or a capital letter: "(B)", "B)" or "B".

1. What comes after a line that begins with `Q:` is a question of the model's own, and is ignored.
2. The answer stands behind the last "answer is" or "answer:". Other words of its line may follow a letter with
   its parenthesis, but not a second one.
3. Without these words, the answer is all that stands in the first line.

Quotes, asterisks, dollars, colons and a full stop around it make no difference. Anything else is unparsed, which is
never right: correct + wrong + unparsed = n.

    >>> final_answer("It is not 1936, so the answer is (B) 12/25/1937."), final_answer("**true**")
    ('(B)', 'True')
    >>> final_answer("The answer is (A) or (B)."), final_answer("not ( True ) is False"), final_answer("C.")
    (None, None, '(C)')
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from evalkit import preprocessors
from evalkit.data.feature import Feature
from evalkit.data.fewshot_source import FewshotDataSource
from evalkit.data.registry import TaskRegistry
from evalkit.data.sources.source import DataSource
from evalkit.data.task import Task
from evalkit.metrics.answers import graded_answers
from evalkit.metrics.multiple_choice import Choice, multiple_choice_accuracy, multiple_choice_accuracy_by_length
from evalkit.tasks.bbh_questions import SHOTS, BbhDataSource
from evalkit.vocabularies.byte import ByteVocabulary
from evalkit.vocabularies.vocabulary import Vocabulary

SUBJECTS = ("boolean_expressions", "date_understanding", "logical_deduction_three_objects")
"""The subjects that are registered; others of BIG-Bench Hard with options, or True and False, can be as well."""

_NEXT_QUESTION = re.compile(r"^[ \t]*Q:", re.MULTILINE)
_MARKER = re.compile(r"\banswer(?:\s+is\b|:)", re.IGNORECASE)
_AROUND = r"[\s:*_`\"'$]*"
_LABEL, _LETTER, _TRUTH = r"\(?(?P<label>[A-Z])\)", "(?P<letter>[A-Z])", "(?P<truth>(?i:true|false))"
_ALONE = re.compile(rf"{_AROUND}(?:{_LABEL}|{_LETTER}|{_TRUTH})\.?{_AROUND}\.?")
_BEHIND_MARKER = re.compile(rf"{_AROUND}(?:{_LABEL}(?!.*\b[A-Z]\))|(?:{_LETTER}|{_TRUTH})(?=\W*$|\.\s))", re.MULTILINE)


def final_answer(text: str) -> str | None:
    """The answer in an output, written as the data set writes it ("(B)", "True"); None if there is none."""
    text = _NEXT_QUESTION.split(text, maxsplit=1)[0]
    markers = list(_MARKER.finditer(text))
    if markers:
        found = _BEHIND_MARKER.match(text, markers[-1].end())
    else:
        found = _ALONE.fullmatch(text.strip().partition("\n")[0])
    if found is None:
        return None
    letter = found["label"] or found["letter"]
    return f"({letter})" if letter else found["truth"].capitalize()


def extract_answer(text: str, example: Mapping[str, Any] | None = None, is_target: bool = False) -> str | None:
    """The postprocess function of the tasks that generate: `final_answer` of an output; a target is one already."""
    del example
    return text if is_target else final_answer(text)


def choice_of(text: str, example: Mapping[str, Any], is_target: bool = False) -> Choice:
    """The postprocess function of the multiple-choice tasks; lengths are in bytes, without the space before."""
    del is_target
    return Choice(int(example["question"]), bool(example["is_correct"]), len(text.strip().encode()))


def one_example_a_choice(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Makes an example of each of a question's `choices`; `targets` is a space and the choice."""

    def expand(example: Mapping[str, Any]) -> tf.data.Dataset:
        choices = example["choices"]
        return tf.data.Dataset.from_tensor_slices(
            {
                "inputs": tf.fill(tf.shape(choices), example["inputs"]),
                "targets": tf.strings.join([" ", choices]),
                "is_correct": choices == example["targets"],
                "question": tf.fill(tf.shape(choices), example["question"]),
            }
        )

    return dataset.flat_map(expand)


def register(
    name: str,
    subject: str,
    data_dir: str | os.PathLike[str] | None = None,
    vocabulary: Vocabulary | None = None,
    num_shots: int = 0,
) -> Task:
    """Registers a subject under `name`, to be answered by generation; `targets` is the answer, and EOS.

    Args:
      name: of the task.
      subject: the name of its file, without `.json`.
      data_dir: the folder with the file; None for a task that says where to get it when it is read.
      vocabulary: of both features; None takes bytes.
      num_shots: how many questions, the first of the file, are shown with their answers and not asked.

    Raises:
      DuplicateNameError: the name is taken.
      ArgumentError: `num_shots` is negative.
    """
    vocabulary = vocabulary or ByteVocabulary()
    return TaskRegistry.add(
        name,
        source=_source(subject, data_dir, num_shots),
        preprocessors=[*_prompt(num_shots), preprocessors.tokenize, preprocessors.append_eos],
        output_features={"inputs": Feature(vocabulary, add_eos=False), "targets": Feature(vocabulary, add_eos=True)},
        postprocess_fn=extract_answer,
        metric_fns=[graded_answers],
    )


def register_choices(
    name: str,
    subject: str,
    data_dir: str | os.PathLike[str] | None = None,
    vocabulary: Vocabulary | None = None,
    num_shots: int = 0,
) -> Task:
    """Registers a subject under `name`, as multiple choice by score; arguments and errors as for `register`."""
    feature = Feature(vocabulary or ByteVocabulary(), add_eos=False)
    return TaskRegistry.add(
        name,
        source=_source(subject, data_dir, num_shots),
        preprocessors=[*_prompt(num_shots), one_example_a_choice, preprocessors.tokenize],
        output_features={"inputs": feature, "targets": feature},
        postprocess_fn=choice_of,
        metric_fns=[multiple_choice_accuracy, multiple_choice_accuracy_by_length],
    )


def _source(subject: str, data_dir: str | os.PathLike[str] | None, num_shots: int) -> DataSource:
    source = BbhDataSource(subject, data_dir, num_shots)
    if not num_shots:
        return source
    return FewshotDataSource(source, num_shots, train_split=SHOTS, eval_on_fixed_exemplars=True)


def _prompt(num_shots: int) -> list[Any]:
    write = functools.partial(preprocessors.fewshot_preprocessor, inputs_prefix="Q: ", targets_prefix="\nA: ")
    return [write] if num_shots else [_without_shots, write]


def _without_shots(dataset: tf.data.Dataset) -> tf.data.Dataset:
    return dataset.map(lambda example: {"eval": example})


BBH = {subject: register(f"bbh_{subject}", subject, os.environ.get("BBH_DIR") or None) for subject in SUBJECTS}
"""The tasks that generate, by subject."""

BBH_CHOICES = {
    subject: register_choices(f"bbh_{subject}_choices", subject, os.environ.get("BBH_DIR") or None)
    for subject in SUBJECTS
}
"""The multiple-choice tasks, by subject."""
