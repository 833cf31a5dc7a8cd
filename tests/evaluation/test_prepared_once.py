"""Examples are prepared once, and found again on disk only by an Evaluator of the same examples."""

import shutil

import pytest
import tensorflow as tf

import evalkit
from evalkit import preprocessors
from tests.evaluation.small_task import answer_targets


def targets_of(evaluator):
    return [row["targets_pretokenized"] for row in evaluator.cached_task_datasets["spanish"].as_numpy_iterator()]


@pytest.mark.parametrize("use_memory_cache", [True, False])
def test_every_example_is_prepared_once(make_task, make_evaluator, counted, use_memory_cache):
    converted = []

    class Counting(evalkit.FeatureConverter):
        TASK_FEATURES = evalkit.EncDecFeatureConverter.TASK_FEATURES
        MODEL_FEATURES = evalkit.EncDecFeatureConverter.MODEL_FEATURES
        PACKING_FEATURE_DTYPES = {}

        def _convert_features(self, ds, task_feature_lengths):
            def count(tokens):
                converted.append(1)
                return tokens

            def convert(features):
                tokens = tf.py_function(count, [features["targets"]], tf.int32)
                names = self.MODEL_FEATURES
                return {name: tf.cast(tf.ensure_shape(tokens, [7]), names[name].dtype) for name in names}

            return self._pack_or_pad(ds, task_feature_lengths).map(convert)

        def get_model_feature_lengths(self, task_feature_lengths):
            return {name: task_feature_lengths["targets"] for name in self.MODEL_FEATURES}

    task = make_task(preprocessors=[counted.count, preprocessors.tokenize, preprocessors.append_eos])
    evaluator = make_evaluator(task, feature_converter=Counting(pack=False), use_memory_cache=use_memory_cache)
    for step in range(3):
        evaluator.evaluate(step=step, predict_fn=answer_targets)[0].result()
    assert (counted.examples(), len(converted)) == (5, 5)


def test_prepared_examples_are_found_again_on_disk(make_task, make_evaluator, counted, tmp_path):
    task = make_task(preprocessors=[counted.count, preprocessors.tokenize, preprocessors.append_eos])
    for _ in range(3):
        evaluator = make_evaluator(task, use_memory_cache=False, cache_dir=str(tmp_path))
        assert evaluator.evaluate(predict_fn=answer_targets)[0].result() == {"spanish": {"exact": 1.0}}
    assert counted.examples() == 5


@pytest.mark.parametrize(
    "change",
    [
        {"sequence_length": {"targets": 3}},
        {"num_examples": 3},
        {"seed": 1},
        {"feature_converter": evalkit.DecoderFeatureConverter(pack=False)},
    ],
)
def test_a_store_of_other_examples_is_not_taken(make_task, make_evaluator, tmp_path, change):
    make_evaluator(use_memory_cache=False, cache_dir=str(tmp_path))
    before = len(list(tmp_path.rglob("manifest.json")))
    make_evaluator(use_memory_cache=False, cache_dir=str(tmp_path), **change)
    assert len(list(tmp_path.rglob("manifest.json"))) > before


def test_a_changed_preprocessor_is_not_served_the_old_examples(make_task, make_evaluator, tmp_path):
    def task_with(suffix):
        def add(dataset):
            return dataset.map(lambda row: {**row, "targets": row["targets"] + suffix})

        return make_task(preprocessors=[add, preprocessors.tokenize])

    first = make_evaluator(task_with("?"), use_memory_cache=False, cache_dir=str(tmp_path))
    second = make_evaluator(task_with("!"), use_memory_cache=False, cache_dir=str(tmp_path))
    assert targets_of(first)[0] == b"uno?" and targets_of(second)[0] == b"uno!"


def test_a_temporary_store_goes_with_its_evaluator(make_task, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    evaluator = evalkit.Evaluator(make_task(), evalkit.EncDecFeatureConverter(pack=False), use_memory_cache=False)
    assert list(tmp_path.rglob("*.bin"))
    evaluator.close()
    del evaluator
    assert not list(tmp_path.rglob("*.bin"))


def test_both_forms_hold_the_same_examples_when_one_was_deleted(make_task, make_evaluator, tmp_path):
    task = make_task(shuffle_buffer_size=5)
    for _ in range(3):  # without a seed each reading has another order
        evaluator = make_evaluator(task, shuffle=True, seed=None, use_memory_cache=False, cache_dir=str(tmp_path))
        assert evaluator.evaluate(predict_fn=answer_targets)[0].result() == {"spanish": {"exact": 1.0}}
        shutil.rmtree(tmp_path / "task")
