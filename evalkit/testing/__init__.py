"""Testing tools for task authors; each is loaded when it is first used, since pytest loads this package at every start.

* `run_task` and `check_task`: a task end to end on a few rows, and what every task must keep.
* `assert_examples` and its kin: examples compared, with differences that can be read.
* `inject`: rows in the place of a task's source.
* `scoped_registries`: a block that leaves no task behind. With pytest none is needed: evalkit brings a plugin
  (`pytest_plugin`) that does it for each test.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_MODULES = {
    "evalkit.data.registry": "scoped_registries",
    "evalkit.testing.comparison": (
        "assert_contains assert_dataset assert_datasets_differ assert_datasets_equal assert_examples "
        "assert_values_equal"
    ),
    "evalkit.testing.conformance": "check_task",
    "evalkit.testing.injection": "inject inject_example",
    "evalkit.testing.single_examples": (
        "dataset_of_ids encode_text examples_as_text judge_outputs predict_text preprocess_and_judge "
        "preprocess_example preprocess_examples"
    ),
    "evalkit.testing.table_vocabulary": "TableVocabulary",
    "evalkit.testing.task_run": "TaskRun run_task",
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}

if TYPE_CHECKING:
    from evalkit.data.registry import scoped_registries as scoped_registries
    from evalkit.testing.comparison import assert_contains as assert_contains
    from evalkit.testing.comparison import assert_dataset as assert_dataset
    from evalkit.testing.comparison import assert_datasets_differ as assert_datasets_differ
    from evalkit.testing.comparison import assert_datasets_equal as assert_datasets_equal
    from evalkit.testing.comparison import assert_examples as assert_examples
    from evalkit.testing.comparison import assert_values_equal as assert_values_equal
    from evalkit.testing.conformance import check_task as check_task
    from evalkit.testing.injection import inject as inject
    from evalkit.testing.injection import inject_example as inject_example
    from evalkit.testing.single_examples import dataset_of_ids as dataset_of_ids
    from evalkit.testing.single_examples import encode_text as encode_text
    from evalkit.testing.single_examples import examples_as_text as examples_as_text
    from evalkit.testing.single_examples import judge_outputs as judge_outputs
    from evalkit.testing.single_examples import predict_text as predict_text
    from evalkit.testing.single_examples import preprocess_and_judge as preprocess_and_judge
    from evalkit.testing.single_examples import preprocess_example as preprocess_example
    from evalkit.testing.single_examples import preprocess_examples as preprocess_examples
    from evalkit.testing.table_vocabulary import TableVocabulary as TableVocabulary
    from evalkit.testing.task_run import TaskRun as TaskRun
    from evalkit.testing.task_run import run_task as run_task


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'evalkit.testing' has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
