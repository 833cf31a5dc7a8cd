r"""GSM8K: grade school mathematics in words, 7,473 problems to train on and 1,319 to test on.

Source: Cobbe et al. 2021, "Training Verifiers to Solve Math Word Problems" (arXiv 2110.14168), MIT licence,
https://github.com/openai/grade-school-math. Where to read it from:

* the folder with `train.jsonl` and `test.jsonl` (fields `question`, `answer`) that the environment variable `GSM8K_DIR`
  names when this module is imported;
* else TFDS (`gsm8k`), where `tfds build gsm8k` has downloaded it.

`register` registers it once more, from a folder or with a vocabulary of your own.

**How an answer is judged.** The final answer is the number after the last `####` (as in the data set) or after the last
`A:` that begins a line (as in the authors' model outputs). Signs of dollars and thousands, leading zeros, and zeros at
the end of decimals make no difference. No marker, or something other than one number after it, is unparsed, which is
never right: correct + wrong + unparsed = n.

    >>> final_answer("She makes 9 * 2 = $<<9*2=18>>18 a day.\n#### 18")
    '18'
    >>> final_answer("A: $1,080.50"), final_answer("A: 7/14"), final_answer("It is 18.")
    ('1080.5', None, None)

These rules give the verdict that the authors published on each of 4 x 1,319 outputs (`tests/tasks/test_gsm8k.py`).
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from evalkit import preprocessors
from evalkit.data.feature import Feature
from evalkit.data.registry import TaskRegistry
from evalkit.data.sources.jsonl import JsonLinesDataSource
from evalkit.data.sources.source import DataSource
from evalkit.data.sources.tfds import TfdsDataSource
from evalkit.data.task import Task
from evalkit.errors import SourceError
from evalkit.metrics.answers import graded_answers
from evalkit.vocabularies.byte import ByteVocabulary
from evalkit.vocabularies.vocabulary import Vocabulary

SIZES = {"train": 7473, "test": 1319}
"""How many problems each split has."""

TFDS_NAME = "gsm8k:1.0.0"

_MARKER = re.compile(r"####|^[ \t]*A:", re.MULTILINE)
_NUMBER = re.compile(
    r"\s*(?P<sign>-?)\s*\$?\s*(?P<minus>-?)(?P<whole>(?:\d[\d,]*+)?)(?:\.(?P<decimals>\d++))?+"
    r"(?!\s*(?:[-+*/^\d]|\.\d|thousand|million|billion|trillion))"  # then it is an expression, or not the whole number
)


def final_answer(text: str) -> str | None:
    """The final answer in a solution, in one spelling per number ("18", "-3", "1080.5"); None if there is none."""
    markers = list(_MARKER.finditer(text))
    found = _NUMBER.match(text, markers[-1].end()) if markers else None
    if found is None:
        return None
    whole, decimals = found["whole"].replace(",", "").lstrip("0"), (found["decimals"] or "").rstrip("0")
    if not found["whole"] and not found["decimals"]:
        return None
    number = (whole or "0") + (f".{decimals}" if decimals else "")
    return f"-{number}" if (found["sign"] or found["minus"]) and number != "0" else number


def extract_answer(solution: str, example: Mapping[str, Any] | None = None, is_target: bool = False) -> str | None:
    """The task's postprocess function: `final_answer`, which a target must have.

    Raises:
      SourceError: a target has no final answer.
    """
    del example
    answer = final_answer(solution)
    if is_target and answer is None:
        raise SourceError(
            f"The solution {solution[-60:]!r} has no final answer; expected '#### ' and a number at its end."
        )
    return answer


def register(name: str, data_dir: str | os.PathLike[str] | None = None, vocabulary: Vocabulary | None = None) -> Task:
    """Registers GSM8K under `name`: `inputs` is the question, `targets` the worked solution, both end with EOS.

    Args:
      name: of the task.
      data_dir: the folder with `train.jsonl` and `test.jsonl`; None reads TFDS.
      vocabulary: of both features; None takes bytes.

    Raises:
      DuplicateNameError: the name is taken.
    """
    feature = Feature(vocabulary or ByteVocabulary(), add_eos=True)
    return TaskRegistry.add(
        name,
        source=source_of(data_dir),
        preprocessors=[
            functools.partial(preprocessors.rekey, key_map={"inputs": "question", "targets": "answer"}),
            preprocessors.tokenize,
            preprocessors.append_eos,
        ],
        output_features={"inputs": feature, "targets": feature},
        postprocess_fn=extract_answer,
        metric_fns=[graded_answers],
    )


def source_of(data_dir: str | os.PathLike[str] | None) -> DataSource:
    """The problems, as `question` and `answer`: from a folder, or None from TFDS."""
    if data_dir is None:
        return TfdsDataSource(TFDS_NAME, splits=list(SIZES))
    return JsonLinesDataSource(
        {split: str(Path(data_dir) / f"{split}.jsonl") for split in SIZES},
        features={"question": tf.string, "answer": tf.string},
    )


GSM8K = register("gsm8k", os.environ.get("GSM8K_DIR") or None)
