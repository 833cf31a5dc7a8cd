"""A task with sentinels: what the model is asked, and that its answer is judged without them."""

from __future__ import annotations

import functools

import pytest
import tensorflow as tf

import evalkit
from evalkit import errors, preprocessors
from evalkit.data import Feature, FunctionDataSource, TaskRegistry
from evalkit.derived import add_task_with_sentinels
from evalkit.metrics import MetricFunction, PassthroughLegacyMetric
from evalkit.vocabularies import PassThroughVocabulary

ENDED = {name: Feature(PassThroughVocabulary(100, eos_id=1)) for name in ("inputs", "targets")}


def read(task, **lengths):
    [example] = task.get_dataset(lengths or None, shuffle=False).take(1).as_numpy_iterator()
    return example["inputs"].tolist(), example["targets"].tolist()


def long(split, shuffle_files):
    return tf.data.Dataset.from_tensors({"inputs": list(range(10, 16)), "targets": [20, 21, 22, 23]})


@pytest.fixture
def add_ended(add_task):
    """Registers a task whose features end with EOS, in the way that is said."""

    def add(last, features=ENDED):
        return add_task(source=FunctionDataSource(long, ["train"]), output_features=features, preprocessors=[last])

    return add


def test_sentinels_stand_after_inputs_and_before_targets(add_task):
    add_task()
    new = add_task_with_sentinels("full", num_sentinels=2)
    assert TaskRegistry.get("full_2_sentinel") is new
    assert read(new) == ([0, 0, 99, 98], [99, 98, 0])


def test_everything_else_stays(add_task, check_nothing_is_lost):
    task = add_task()
    new = add_task_with_sentinels("full")
    check_nothing_is_lost(new, task, changed=["preprocessors", "postprocess_fn", "metric_objs"])
    assert [type(metric) for metric in new.metric_objs] == [type(metric) for metric in task.metric_objs]
    assert len(new.preprocessors) == len(task.preprocessors) + 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("glue", "glue_1_sentinel"),
        ("glue_dev", "glue_1_sentinel_dev"),
        ("glue_train_dev", "glue_1_sentinel_train_dev"),
        ("glue_dev.v1", "glue_1_sentinel_dev.v1"),
        ("glue.v1", "glue_1_sentinel.v1"),
    ],
)
def test_the_end_of_the_name_stays_at_the_end(add_task, name, expected):
    add_task(name)
    assert add_task_with_sentinels(name).name == expected


@pytest.mark.parametrize(
    ("lengths", "inputs", "targets"),
    [
        ({}, [10, 11, 12, 13, 14, 15, 99, 98, 1], [99, 98, 20, 21, 22, 23, 1]),
        ({"inputs": 9, "targets": 7}, [10, 11, 12, 13, 14, 15, 99, 98, 1], [99, 98, 20, 21, 22, 23, 1]),
        ({"inputs": 8, "targets": 5}, [10, 11, 12, 13, 14, 99, 98, 1], [99, 98, 20, 21, 1]),
        ({"inputs": 3, "targets": 3}, [99, 98, 1], [99, 98, 1]),
    ],
)
def test_what_is_too_long_is_cut_but_no_sentinel(add_ended, lengths, inputs, targets):
    add_ended(preprocessors.append_eos_after_trim)
    assert read(add_task_with_sentinels("full", 2), **lengths) == (inputs, targets)


def test_inputs_without_eos_need_no_room_for_it(add_ended):
    inputs = Feature(PassThroughVocabulary(100), add_eos=False)
    add_ended(preprocessors.append_eos_after_trim, {**ENDED, "inputs": inputs})
    assert read(add_task_with_sentinels("full", 2), inputs=4) == ([10, 11, 99, 98], [99, 98, 20, 21, 22, 23, 1])


def test_a_length_without_room_is_refused(add_ended):
    add_ended(preprocessors.append_eos_after_trim)
    with pytest.raises(
        errors.ArgumentError, match=r"sequence_length\['inputs'\] is 2, which leaves no room for the 3 tok"
    ):
        add_task_with_sentinels("full", 2).get_dataset({"inputs": 2}, shuffle=False)


def test_after_another_end_sentinels_come_last(add_ended):
    add_ended(preprocessors.append_eos)
    new = add_task_with_sentinels("full", 1)
    assert read(new) == ([10, 11, 12, 13, 14, 15, 1, 99], [99, 20, 21, 22, 23, 1])
    assert not new.preprocessors_requiring_sequence_length  # seqio's step asks for lengths that it does not use


class Words(evalkit.Vocabulary):
    """Ids of which the last are called after their number."""

    eos_id, unk_id, _base_vocab_size = 1, None, 100

    def _encode(self, s):
        raise NotImplementedError

    def _decode(self, ids):
        return " ".join(f"<{99 - i}>" if i > 90 else chr(i + 64) for i in ids if i > 1)

    def _encode_tf(self, s):
        raise NotImplementedError

    def _decode_tf(self, ids):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("vocabulary", "decoded", "expected"),
    [
        (Words(), "<0> <1> Rome", "Rome"),
        (Words(), "Rome <0> <1>", "Rome <0> <1>"),
        (Words(), "<0> Rome", "<0> Rome"),
        (Words(), ["<0> <1> Rome", "Paris"], ["Rome", "Paris"]),
        (Words(), b"<0> <1> bytes", b"<0> <1> bytes"),
        (PassThroughVocabulary(100), [99, 98, 5], [5]),
        (PassThroughVocabulary(100), [99, 5], [99, 5]),
        (PassThroughVocabulary(100), [[99, 98, 5], [6]], [[5], [6]]),
    ],
)
def test_answers_are_judged_without_sentinels(add_task, vocabulary, decoded, expected):
    features = {"inputs": Feature(PassThroughVocabulary(100)), "targets": Feature(vocabulary)}

    def note(answer, example=None, is_target=False):
        return (answer, example, is_target)

    add_task(output_features=features, postprocess_fn=note)
    new = add_task_with_sentinels("full", 2)
    assert new.postprocess_fn(decoded, example={"id": 1}, is_target=True) == (expected, {"id": 1}, True)
    add_task("bare", output_features=features, postprocess_fn=None)
    assert add_task_with_sentinels("bare", 2).postprocess_fn(decoded) == expected


def same_as(name):
    """A metric function whose value is called `name`."""

    def same(targets, predictions):
        return {name: sum(map(str.__eq__, targets, predictions)) / len(targets)}

    return same


def test_a_model_that_answers_with_sentinels_is_right(add_task):
    features = {
        "inputs": Feature(PassThroughVocabulary(100), add_eos=False),
        "targets": Feature(Words(), add_eos=False),
    }
    lower = PassthroughLegacyMetric.from_metric_fn(same_as("lower"), postprocess_fn=lambda text, **_: text.lower())
    plain = MetricFunction(same_as("plain"))
    add_task(output_features=features, postprocess_fn=None, metric_fns=[same_as("same")], metric_objs=[lower, plain])

    def answer(dataset):
        return [(int(index), [99, *range(2, 5)]) for index, _ in dataset]

    def targets(dataset):
        return dataset.map(lambda example: {**example, "targets": [2, 3, 4], "targets_pretokenized": "B C D"})

    task = TaskRegistry.get("full").replace(name="asked", preprocessors=[targets])
    TaskRegistry.add_provider("asked", task)
    new = add_task_with_sentinels("asked")
    evaluator = evalkit.Evaluator(new, evalkit.EncDecFeatureConverter(pack=False), eval_split="train")
    results = evaluator.evaluate(predict_fn=answer)[0].result()
    evaluator.close()
    assert results == {"asked_1_sentinel": {"lower": 1.0, "plain": 1.0, "same": 1.0}}


def test_a_metric_that_is_no_function_stays_as_it_is(add_task):
    class Count(evalkit.Metric):
        model_output_type = evalkit.ModelOutputType.PREDICTION

        def from_model_output(self, *args, **kwargs):
            return self

        def compute(self):
            return {}

    count = Count()
    add_task(metric_objs=[count], metric_fns=[])
    assert add_task_with_sentinels("full").metric_objs == [count]


@pytest.mark.parametrize("number", [0, -1])
def test_there_is_at_least_one_sentinel(add_task, number):
    add_task()
    with pytest.raises(errors.ArgumentError, match=f"Task 'full': num_sentinels must be at least 1, found {number}"):
        add_task_with_sentinels("full", number)


def test_a_task_needs_both_features(add_task):
    add_task(output_features={"targets": Feature(PassThroughVocabulary(9))})
    with pytest.raises(errors.ArgumentError, match="Task 'full' has no output feature 'inputs' .* it has targets"):
        add_task_with_sentinels("full")


def test_the_new_name_must_be_free(add_task):
    add_task()
    add_task_with_sentinels("full")
    with pytest.raises(
        errors.DuplicateNameError, match="'full_1_sentinel' is already registered, at .*test_sentinels.py"
    ):
        add_task_with_sentinels("full")
    with pytest.raises(errors.UnknownNameError, match="No task named 'nul'"):
        add_task_with_sentinels("nul")


def test_several_postprocessed_alike_are_postprocessed_once(add_task):
    """The Evaluator tells postprocess functions apart by equality, and needs their hash."""
    add_task()
    one, other = (add_task_with_sentinels("full", n) for n in (1, 2))
    again = one.replace(name="again")
    assert one.postprocessor == again.postprocessor != other.postprocessor
    assert len({one.postprocessor, again.postprocessor, other.postprocessor}) == 2
    assert functools.partial(one.postprocessor)([99, 5]) == [50]
