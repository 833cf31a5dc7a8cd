"""What the table "Smaller differences" of the page "Coming from seqio" says, each as something to try.

Runs in both interpreters. A function is named for its row, and returns what came of it, as text.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import tensorflow as tf
from absl import logging as absl_logging

from tests.compat.exact import builtin

Lib = ModuleType


def run(lib: Lib, case: str, folder: Path) -> str:
    """What came of the row called `case`."""
    del folder
    lib.TaskRegistry.reset()
    lib.MixtureRegistry.reset()
    return outcome(lambda: TRIALS[case](lib))


def outcome(call: Callable[[], Any]) -> str:
    """What `call` returns, or the builtin that the error is which it raises."""
    try:
        return str(call())
    except Exception as error:  # noqa: BLE001 - what went wrong is the outcome
        return builtin(error)


def count(targets, predictions):
    return {"outputs": len(predictions), "ids": sum(map(len, predictions))}


def add_task(lib: Lib, name: str = "task", rows: int = 3, metrics: Any = (count,), **more: Any) -> Any:
    """Targets are `[2]`, `[3, 3]` and so on."""

    def dataset_fn(split, shuffle_files, seed=None):
        del split, shuffle_files, seed
        return tf.data.Dataset.range(rows).map(
            lambda n: {"inputs": [1], "targets": tf.fill([n + 1], tf.cast(n + 2, tf.int32))}
        )

    feature = lib.Feature(lib.PassThroughVocabulary(9), add_eos=False)
    arguments = {
        "source": lib.FunctionDataSource(dataset_fn, splits=["validation"]),
        "preprocessors": [],
        "output_features": {"inputs": feature, "targets": feature},
        "metric_fns": list(metrics),
    }
    return lib.TaskRegistry.add(name, **{**arguments, **more})


def evaluator(lib: Lib, task: Any = "task", **arguments: Any) -> Any:
    return lib.Evaluator(task, **{"feature_converter": lib.EncDecFeatureConverter(pack=False), **arguments})


def ask(its_evaluator: Any, model: Callable[[Any], Any]) -> str:
    future, _ = its_evaluator.evaluate(compute_metrics=True, step=1, predict_fn=model)
    [metrics] = future.result().values()
    return ", ".join(f"{value} {name}" for name, value in metrics.items())


def right(dataset: Any) -> list[tuple[int, list[int]]]:
    return [(int(index), example["decoder_target_tokens"].tolist()) for index, example in dataset.as_numpy_iterator()]


def ragged_outputs(lib: Lib) -> Any:
    add_task(lib)
    return ask(evaluator(lib), lambda dataset: [(index, [7] * (index + 1)) for index, _ in right(dataset)])


def tuple_of_pairs(lib: Lib) -> Any:
    add_task(lib)
    return ask(evaluator(lib), lambda dataset: tuple(right(dataset)))


def padding_of_the_last_batch(lib: Lib) -> Any:
    add_task(lib)
    return ask(evaluator(lib), lambda dataset: [*right(dataset), (-1, [7, 7, 7])])


def missing_model_function(lib: Lib) -> Any:
    """Whether the model was asked before anybody noticed."""

    def scored(targets, scores):
        return {"scored": len(scores)}

    add_task(lib, metrics=[count, scored])
    asked: list[Any] = []
    its_evaluator = evaluator(lib)
    error = outcome(lambda: ask(its_evaluator, lambda dataset: asked.append(dataset) or right(dataset)))
    return f"{error}, {'after' if asked else 'before'} the model was asked"


def examples_read_before(lib: Lib, **arguments: Any) -> str:
    """How many examples are read before an Evaluator refuses."""
    read: list[int] = []

    def seen(example):
        tf.py_function(lambda: read.append(1), [], [])
        return example

    def note(dataset):
        return dataset.map(seen)

    add_task(lib, preprocessors=[note])
    error = outcome(lambda: evaluator(lib, **arguments))
    return f"{error} after {len(read)} examples"


def packing_in_an_evaluator(lib: Lib) -> str:
    return examples_read_before(lib, feature_converter=lib.EncDecFeatureConverter(pack=True))


def loggers_without_a_folder(lib: Lib) -> str:
    return examples_read_before(lib, logger_cls=[lib.JSONLogger])


def log_folder_that_is_not_there(lib: Lib) -> Any:
    add_task(lib)
    with tempfile.TemporaryDirectory() as folder:
        return ask(evaluator(lib, logger_cls=[lib.JSONLogger], log_dir=f"{folder}/logs/run"), right)


def step_0(lib: Lib) -> str:
    """What the log says."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    before = absl_logging.get_verbosity()
    absl_logging.set_verbosity(absl_logging.INFO)
    logging.getLogger("absl").addHandler(handler)
    lib.PyLoggingLogger("unused")("task", 0, {"exact": lib.metrics.Scalar(1.0)}, None, None, None)
    logging.getLogger("absl").removeHandler(handler)
    absl_logging.set_verbosity(before)
    return lines[-1].partition(":")[0]


def evaluating_a_task_object(lib: Lib) -> Any:
    return ask(evaluator(lib, add_task(lib)), right)


def evaluating_without_conversion(lib: Lib) -> Any:
    add_task(lib)
    its_evaluator = evaluator(lib, feature_converter=lib.PassThroughFeatureConverter())
    return ask(its_evaluator, lambda dataset: [(int(index), [7]) for index, _ in dataset.as_numpy_iterator()])


def source_function_without_a_seed(lib: Lib) -> Any:
    def dataset_fn(split, shuffle_files):
        return tf.data.Dataset.from_tensors({"inputs": [1], "targets": [2]})

    add_task(lib, source=lib.FunctionDataSource(dataset_fn, splits=["validation"]))
    return ask(evaluator(lib), right)


def metric_with_other_arguments(lib: Lib) -> str:
    """When anybody notices."""

    def other(outputs):
        return {}

    found = outcome(lambda: add_task(lib, metrics=[other]) and "registered")
    return found if found != "registered" else f"registered; {outcome(lambda: evaluator(lib))} later"


def metric_without_a_result(lib: Lib) -> str:
    """What the error says."""

    def forgets(targets, predictions):
        pass

    add_task(lib, metrics=[forgets])
    try:
        return str(ask(evaluator(lib), right))
    except Exception as error:  # noqa: BLE001 - its message is asked for
        told = [error, *getattr(error, "exceptions", ())]
        return "forgets is named" if any("'forgets'" in str(each) for each in told) else "forgets is not named"


def failure_without_a_thread(lib: Lib) -> str:
    """What the next evaluation does after a metric failed, with `async_compute_metrics=False`."""
    failures = [ZeroDivisionError("once")]

    def fails_once(targets, predictions):
        if failures:
            raise failures.pop()
        return {"outputs": len(predictions)}

    add_task(lib, metrics=[fails_once])
    its_evaluator = evaluator(lib, async_compute_metrics=False)
    outcome(lambda: ask(its_evaluator, right))
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(outcome(lambda: ask(its_evaluator, right))), daemon=True)
    thread.start()
    thread.join(timeout=3)
    return found[0] if found else "waits forever"


def split_without_examples(lib: Lib) -> str:
    """Whether the error says which."""
    add_task(lib, "nothing_in_it", rows=0)
    try:
        return ask(evaluator(lib, "nothing_in_it"), right)
    except Exception as error:  # noqa: BLE001 - its message is asked for
        named = all(word in str(error) for word in ("nothing_in_it", "validation"))
        return f"{builtin(error)} that {'names' if named else 'does not name'} task and split"


def unknown_name(lib: Lib) -> str:
    add_task(lib, "gsm8k_chain")
    try:
        return str(lib.get_mixture_or_task("gsm8k_chian"))
    except Exception as error:  # noqa: BLE001 - its message is asked for
        return f"{builtin(error)} that {'names' if 'gsm8k_chain' in str(error) else 'does not name'} the nearest"


def name_of_a_mixture(lib: Lib) -> str:
    add_task(lib)
    return outcome(lambda: lib.MixtureRegistry.add("a name/!", [("task", 1)]) and "registered")


def examples_of_unknown_number(lib: Lib) -> Any:
    add_task(lib, "a")
    add_task(lib, "b")
    lib.MixtureRegistry.add("mixture", ["a", "b"], default_rate=1)
    return lib.get_mixture_or_task("mixture").num_input_examples("validation")


def rate_function_of_a_nested_mixture(lib: Lib) -> Any:
    task = add_task(lib)
    lib.MixtureRegistry.add("inner", [("task", 1)])
    lib.MixtureRegistry.add("outer", [("inner", lambda mixture: 3)])
    return lib.get_mixture_or_task("outer").get_rate(task)


def class_of_a_replaced_task(lib: Lib) -> str:
    class Mine(lib.Task):
        pass

    return type(add_task(lib, task_cls=Mine).replace(name="another")).__name__


def features_in_a_set(lib: Lib) -> Any:
    feature = lib.Feature(lib.ByteVocabulary())
    return len({feature, lib.Feature(lib.ByteVocabulary())})


TRIALS: dict[str, Callable[[Lib], Any]] = {
    "outputs of different lengths": ragged_outputs,
    "a tuple of pairs, instead of a list": tuple_of_pairs,
    "the padding of the last batch, with index -1": padding_of_the_last_batch,
    "a model function that is missing": missing_model_function,
    "`pack=True` in an Evaluator of 3 examples": packing_in_an_evaluator,
    "loggers without `log_dir`, 3 examples": loggers_without_a_folder,
    "a `log_dir` that is not there": log_folder_that_is_not_there,
    "step 0 in the log": step_0,
    "a Task in place of its name": evaluating_a_task_object,
    "`PassThroughFeatureConverter` in an Evaluator": evaluating_without_conversion,
    "a source function without `seed`, evaluated": source_function_without_a_seed,
    "a metric function with other arguments": metric_with_other_arguments,
    "a metric function `forgets` that returns nothing": metric_without_a_result,
    "the evaluation after a failure, with `async_compute_metrics=False`": failure_without_a_thread,
    "a split without examples": split_without_examples,
    "looking up `gsm8k_chian` where there is `gsm8k_chain`": unknown_name,
    "a mixture called `a name/!`": name_of_a_mixture,
    "`num_input_examples` of a mixture where nobody knows": examples_of_unknown_number,
    "a rate function of a nested mixture": rate_function_of_a_nested_mixture,
    "the class of `task.replace(…)`, for a subclass `Mine`": class_of_a_replaced_task,
    "how many members a set of two equal features has": features_in_a_set,
}
