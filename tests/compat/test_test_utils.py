"""seqio's `test_utils`: a test module as T5 and T5X have them, and pytest's view of it."""

from __future__ import annotations

import tensorflow as tf

from evalkit.compat import seqio

NAMES = "test_postprocessing, test_preprocessing, test_preprocessing_single, test_task"


def test_pytest_takes_none_of_its_functions_for_a_test(pytester):
    pytester.makepyfile(
        f"""
        from evalkit.compat.seqio.test_utils import {NAMES}

        def test_mine():
            assert callable(test_task)
        """
    )
    options = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    pytester.runpytest_inprocess(*options).assert_outcomes(passed=1)
    pytester.runpytest_inprocess(*options, seqio.test_utils.__file__).assert_outcomes()


def test_a_test_as_it_is_written_for_seqio():
    test_utils = seqio.test_utils

    @seqio.map_over_dataset
    def translate(example):
        return {"inputs": tf.strings.join(["translate: ", example["en"]]), "targets": example["de"]}

    dataset = translate(tf.data.Dataset.from_tensor_slices({"en": ["That is good."], "de": ["Das ist gut."]}))
    test_utils.assert_dataset(dataset, {"inputs": "translate: That is good.", "targets": "Das ist gut."})
    for example in test_utils.dataset_as_text(dataset):
        assert example["inputs"].startswith("translate: ")

    def noise_to_sentinel(tokens, is_noise, vocabulary):
        return tf.where(is_noise, vocabulary.vocab_size - 1, tokens)

    vocabulary = test_utils.MockVocabulary({"foo": [10]}, vocab_size=1000)
    assert noise_to_sentinel(tf.constant([10, 11]), tf.constant([True, False]), vocabulary).numpy().tolist() == [
        999,
        11,
    ]
    features = {"inputs": [7, 8, 5], "targets": [3, 9]}
    converted = seqio.EncDecFeatureConverter(pack=False)(
        test_utils.create_default_dataset([features]), {"inputs": 4, "targets": 3}
    )
    test_utils.assert_dataset(
        converted,
        {
            "encoder_input_tokens": [7, 8, 5, 0],
            "decoder_target_tokens": [3, 9, 0],
            "decoder_input_tokens": [0, 3, 9],
            "decoder_loss_weights": [1, 1, 0],
        },
        expected_dtypes={"encoder_input_tokens": tf.int32},
    )
