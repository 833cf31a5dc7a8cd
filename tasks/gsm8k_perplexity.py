"""How likely a model finds the worked solutions of GSM8K: perplexity of a token, and bits per byte.

Data, source and licence as in `evalkit.tasks.gsm8k`. The model reads the question and a line break, and is scored on
the solution: `score_fn` gives the log-likelihood of `targets` in nats. Both figures are of the whole corpus, the sum
over all solutions divided by the sum of their lengths, not a mean of means:

* `token_perplexity` is exp(-sum of scores / sum of tokens), for models of one vocabulary;
* `bits_per_byte` is -sum of scores / (ln 2 * sum of UTF-8 bytes), for models of any vocabulary.

There is no EOS behind the solution, so the tokens and bytes that are counted are just those that are scored. That
holds for solutions that the Evaluator has cut to a length as well, but for a last character that was cut in half.

    >>> import math
    >>> from evalkit.testing import run_task
    >>> rows = [{"question": "How many legs have 2 cats?", "answer": "#### 8"}]
    >>> run_task("gsm8k_perplexity", rows, scores=[-6 * math.log(4)]).metrics
    {'token_perplexity': 4.0, 'bits_per_byte': 2.0}
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from typing import Any

from evalkit import preprocessors
from evalkit.data.feature import Feature
from evalkit.data.registry import TaskRegistry
from evalkit.data.task import Task
from evalkit.metrics.function import MetricFunction
from evalkit.metrics.likelihood import bits_per_byte, token_perplexity
from evalkit.tasks.gsm8k import source_of
from evalkit.vocabularies.byte import ByteVocabulary
from evalkit.vocabularies.vocabulary import Vocabulary


def scored_ids(text: str, example: Mapping[str, Any], is_target: bool = False) -> list[int]:
    """The ids of the solution that the model was asked for."""
    del text, is_target
    ids: list[int] = example["targets"].tolist()
    return ids


def scored_text(text: str, example: Mapping[str, Any], vocabulary: Vocabulary, is_target: bool = False) -> str:
    """The text that the model was asked for: the solution, or what its ids say if they were cut."""
    ids = scored_ids(text, example, is_target)
    was_cut = len(ids) < len(vocabulary.encode(text))
    return vocabulary.decode(ids) if was_cut else text


def register(name: str, data_dir: str | os.PathLike[str] | None = None, vocabulary: Vocabulary | None = None) -> Task:
    """Registers the solutions under `name`: `inputs` is the question and a line break, `targets` the solution; no EOS.

    Args:
      name: of the task.
      data_dir: the folder with `train.jsonl` and `test.jsonl`; None reads TFDS.
      vocabulary: of both features; None takes bytes.

    Raises:
      DuplicateNameError: the name is taken.
    """
    vocabulary = vocabulary or ByteVocabulary()
    feature = Feature(vocabulary, add_eos=False)
    return TaskRegistry.add(
        name,
        source=source_of(data_dir),
        preprocessors=[
            functools.partial(
                preprocessors.preprocess_tensorflow_examples, inputs_format="{question}\n", targets_format="{answer}"
            ),
            preprocessors.tokenize,
        ],
        output_features={"inputs": feature, "targets": feature},
        metric_objs=[
            MetricFunction(token_perplexity, postprocess_fn=scored_ids),
            MetricFunction(bits_per_byte, postprocess_fn=functools.partial(scored_text, vocabulary=vocabulary)),
        ],
    )


GSM8K_PERPLEXITY = register("gsm8k_perplexity", os.environ.get("GSM8K_DIR") or None)
"""GSM8K's solutions, to be scored."""
