"""Few-shot prompts: from examples that come with shots (`FewshotDataSource`) to one text each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from evalkit import errors
from evalkit.preprocessors.examples import feature_specs, require_feature


def fewshot_preprocessor(
    dataset: tf.data.Dataset,
    inputs_prefix: str = "",
    targets_prefix: str = "",
    example_separator: str = "\n\n",
    prompt: str = "",
    reverse: bool = False,
) -> tf.data.Dataset:
    """Makes `inputs` of the prompt, the shots and the question, and `targets` of the answer.

    A shot is written `inputs_prefix + inputs + targets_prefix + targets + example_separator`. The question ends with
    `targets_prefix` without the white space at its end, so that the model begins with the white space. Other
    features of the example pass unchanged. Examples that come in batches, one list of shots to a batch, are
    taken apart.

    Args:
      dataset: examples `{"train": {"inputs": [n], "targets": [n]}, "eval": {"inputs": …, "targets": …, …}}`, all
        text; without "train", there are no shots.
      inputs_prefix: stands before each question.
      targets_prefix: stands between each question and its answer.
      example_separator: stands after each shot, and after `prompt`.
      prompt: stands first, for instance an instruction.
      reverse: whether the last shot is written first. With fixed shots, more shots then come before those that there
        were.

    Raises:
      FeatureError: the examples have other parts, or one lacks `inputs` or `targets` or has them as something other
        than text.

    Example:
      >>> example = {"train": {"inputs": ["1+1"], "targets": ["2"]}, "eval": {"inputs": "2+2", "targets": "4", "id": 7}}
      >>> dataset = tf.data.Dataset.from_tensors(example)
      >>> next(fewshot_preprocessor(dataset, "Q: ", " A: ", "; ").as_numpy_iterator())
      {'inputs': b'Q: 1+1 A: 2; Q: 2+2 A:', 'targets': b'4', 'id': np.int32(7)}
    """
    specs = feature_specs(dataset, "fewshot_preprocessor")
    require_feature("eval", specs, "fewshot_preprocessor")
    for part in ("train", "eval"):
        if part in specs:
            _require_texts(part, specs[part])

    def shots_of(example: Mapping[str, Any]) -> Any:
        if "train" not in example:
            return ""
        questions = inputs_prefix + example["train"]["inputs"]
        shots = questions + (targets_prefix + example["train"]["targets"] + example_separator)
        return tf.strings.reduce_join(tf.reverse(shots, [0]) if reverse else shots)

    def write(example: Mapping[str, Any]) -> dict[str, Any]:
        shots = shots_of(example)
        if prompt:
            shots = prompt + example_separator + shots
        return {
            **example["eval"],
            "inputs": shots + inputs_prefix + example["eval"]["inputs"] + targets_prefix.rstrip(),
        }

    written = dataset.map(write, num_parallel_calls=tf.data.AUTOTUNE)
    return written.unbatch() if written.element_spec["inputs"].shape.rank else written


def _require_texts(part: str, specs: Any) -> None:
    if not isinstance(specs, Mapping):
        raise errors.FeatureError(
            f"fewshot_preprocessor: {part!r} must be a dictionary with 'inputs' and 'targets', found {specs}. Make one "
            f"with the {part}_preprocessors of FewshotDataSource."
        )
    for name in ("inputs", "targets"):
        require_feature(name, specs, f"fewshot_preprocessor, {part!r}")
        if getattr(specs[name], "dtype", None) != tf.string:
            raise errors.FeatureError(
                f"fewshot_preprocessor: {name!r} of {part!r} must be text, found {specs[name]}. Put tokenize after "
                "fewshot_preprocessor, and write numbers as text before it."
            )
