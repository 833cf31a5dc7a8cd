"""A task module written for seqio, with the calls of its README: it registers, gives datasets and evaluates unchanged.

Only its first import line is evalkit's. The data come from a small TFDS builder, as there.
"""

from __future__ import annotations

import functools
import json
from typing import ClassVar

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from evalkit.compat import seqio

PHRASES = [("good morning", "guten morgen"), ("thank you", "danke"), ("one more", "noch eins"), ("yes", "ja")]


class ToyPhrases(tfds.core.GeneratorBasedBuilder):
    """English and German, as a TFDS translation set has them."""

    VERSION = tfds.core.Version("1.0.0")
    url_infos: ClassVar[dict[str, str]] = {}  # nothing to download

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.Translation(languages=("en", "de")))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(), "validation": self._generate_examples()}

    def _generate_examples(self):
        yield from ((number, {"en": en, "de": de}) for number, (en, de) in enumerate(PHRASES))


@seqio.map_over_dataset
def with_languages(example, source_language, target_language):
    """A preprocessor of the module's own: which way to translate goes before the text."""
    prefix = f"translate {source_language} to {target_language}: "
    return {"inputs": tf.strings.join([prefix, example["inputs"]]), "targets": example["targets"]}


def lower(text, **unused):
    return text.lower()


def exact(targets, predictions):
    return {"exact": seqio.metrics.Scalar(100 * np.mean([t == p for t, p in zip(targets, predictions, strict=True)]))}


def negative_log_likelihood(targets, scores):
    return {"nll": -float(np.mean(scores))}


VOCABULARY = seqio.ByteVocabulary()
OUTPUT_FEATURES = {
    "inputs": seqio.Feature(vocabulary=VOCABULARY, add_eos=False, dtype=tf.int32),
    "targets": seqio.Feature(vocabulary=VOCABULARY, add_eos=True, dtype=tf.int32),
}


def register(source_language: str, target_language: str) -> None:
    seqio.TaskRegistry.add(
        f"phrases_{source_language}_{target_language}",
        source=seqio.TfdsDataSource(tfds_name="toy_phrases:1.0.0"),
        preprocessors=[
            functools.partial(
                seqio.preprocessors.rekey, key_map={"inputs": source_language, "targets": target_language}
            ),
            functools.partial(with_languages, source_language=source_language, target_language=target_language),
            seqio.preprocessors.tokenize,
            seqio.CacheDatasetPlaceholder(),
            seqio.preprocessors.append_eos,
        ],
        output_features=OUTPUT_FEATURES,
        postprocess_fn=lower,
        metric_fns=[exact, negative_log_likelihood],
    )


@pytest.fixture
def phrases(tmp_path):
    """Both directions and their mixture, on data that TFDS has prepared."""
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    ToyPhrases(data_dir=str(tmp_path)).download_and_prepare(download_config=config)
    seqio.set_tfds_data_dir_override(str(tmp_path))
    register("en", "de")
    register("de", "en")
    seqio.MixtureRegistry.add("phrases", [("phrases_en_de", 2), "phrases_de_en"], default_rate=1)
    yield
    seqio.set_tfds_data_dir_override(None)


def test_a_task_gives_its_examples(phrases):
    dataset = seqio.get_mixture_or_task("phrases_en_de").get_dataset(
        sequence_length={"inputs": 64, "targets": 6}, split="validation", shuffle=False
    )
    examples = {example["inputs_pretokenized"]: example for example in dataset.as_numpy_iterator()}
    example = examples[b"translate en to de: good morning"]
    assert VOCABULARY.decode(example["inputs"].tolist()) == "translate en to de: good morning"
    assert VOCABULARY.decode(example["targets"].tolist()) == "guten "  # cut to six ids before its EOS
    assert len(dataset) == len(PHRASES)


def test_a_mixture_gives_model_features(phrases):
    dataset = seqio.get_dataset(
        mixture_or_task_name="phrases",
        task_feature_lengths={"inputs": 40, "targets": 16},
        dataset_split="train",
        shuffle=True,
        seed=1,
        num_epochs=1,
        feature_converter=seqio.EncDecFeatureConverter(pack=False),
    )
    example = next(dataset.as_numpy_iterator())
    assert {name: value.shape for name, value in example.items()} == {
        "encoder_input_tokens": (40,),
        "decoder_target_tokens": (16,),
        "decoder_input_tokens": (16,),
        "decoder_loss_weights": (16,),
    }


def test_an_evaluator_evaluates_the_mixture(phrases, tmp_path):
    evaluator = seqio.Evaluator(
        mixture_or_task_name="phrases",
        feature_converter=seqio.EncDecFeatureConverter(pack=False),
        eval_split="validation",
        sequence_length=None,
        logger_cls=[seqio.PyLoggingLogger, seqio.TensorBoardLogger, seqio.JSONLogger],
        log_dir=str(tmp_path / "logs"),
    )

    def predict_fn(dataset: tf.data.Dataset):
        """Right on every second example."""
        outputs = [(index, example["decoder_target_tokens"].tolist()) for index, example in dataset.as_numpy_iterator()]
        return [(index, ids if index % 2 else [5] * len(ids)) for index, ids in reversed(outputs)]

    def score_fn(dataset: tf.data.Dataset):
        return [(index, -float(index)) for index, _ in dataset.as_numpy_iterator()]

    future, _ = evaluator.evaluate(compute_metrics=True, step=10, predict_fn=predict_fn, score_fn=score_fn)
    metrics = future.result()
    evaluator.close()
    assert {task: values["exact"].value for task, values in metrics.items()} == {
        "phrases_en_de": 50,
        "phrases_de_en": 50,
    }
    assert metrics["phrases_en_de"]["nll"] == 1.5
    rows = (tmp_path / "logs" / "phrases_en_de-000010.jsonl").read_text().splitlines()
    assert sorted(json.loads(row)["target"] for row in rows) == sorted(german for _, german in PHRASES)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("dataset_providers", "Task"),
        ("evaluation", "Evaluator"),
        ("feature_converters", "FeatureConverter"),
        ("loggers", "JSONLogger"),
        ("metrics", "Scalar"),
        ("preprocessors", "tokenize"),
        ("utils", "map_over_dataset"),
        ("vocabularies", "ByteVocabulary"),
    ],
)
def test_names_are_in_the_modules_that_seqio_has_them_in(module, name):
    assert hasattr(getattr(seqio, module), name)
    assert name in ("Scalar", "tokenize") or getattr(seqio, name) is getattr(getattr(seqio, module), name)


def test_what_evalkit_lacks_fails_at_once():
    with pytest.raises(AttributeError, match="PyGloveTunableMixture"):
        getattr(seqio, "PyGloveTunableMixture")  # noqa: B009 - what `seqio.PyGloveTunableMixture` does
