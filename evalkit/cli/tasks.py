"""evalkit tasks: what is registered, and what a task's examples look like on their way to the model.

`list` shows every task and mixture; a word after it keeps only the names that contain it. `show NAME` shows where the
task was registered, its features and metrics, the lengths of its examples, and the first few of them three times: raw,
tokenised, and converted to what the model sees. `where` prints, as a table with tabs, which line registered each task
and which lines led there. evalkit's ready-made tasks are always there; --import brings yours.

examples:
  evalkit tasks list
  evalkit tasks list --import=my_tasks mine
  evalkit tasks show gsm8k
  evalkit tasks show gsm8k --split=train --num_examples=1 --converter=PrefixLMFeatureConverter
  evalkit tasks where --import=my_tasks mine > where.tsv
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from absl import app, flags

from evalkit.cli import table
from evalkit.cli.show_task import define_show_flags, show
from evalkit.cli.task_modules import define_import_flag, load_task_modules
from evalkit.data.name_table import MIXTURES, TASKS
from evalkit.data.provenance import RegistrationLog
from evalkit.data.registry import MixtureRegistry, TaskRegistry
from evalkit.evaluation.task_metrics import metric_name


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `evalkit tasks`."""
    define_import_flag(values)
    define_show_flags(values)


def run(values: flags.FlagValues, positional: Sequence[str]) -> None:
    """Lists, shows, or says where from."""
    log = RegistrationLog()
    actions: dict[str, Callable[[], None]] = {
        "list": lambda: list_tasks("".join(positional[1:])),
        "show": lambda: show(values, positional[1]),
        "where": lambda: print(log.to_tsv("".join(positional[1:])), end=""),
    }
    wanted = positional[0] if positional else ""
    if wanted not in actions or len(positional) > 2 or (wanted == "show" and len(positional) != 2):
        raise app.UsageError("expected `evalkit tasks list|where [PART OF A NAME]` or `evalkit tasks show NAME`")
    with log:
        load_task_modules(values)
    actions[wanted]()


def list_tasks(part: str) -> None:
    """Prints a table of the tasks and mixtures whose name contains `part`."""
    tasks = [TaskRegistry.get(name) for name in sorted(TASKS.names()) if part in name]
    rows = [
        [
            task.name,
            ", ".join(task.splits),
            ", ".join(map(metric_name, task.metric_objs)) or None,
            TASKS.site(task.name),
        ]
        for task in tasks
    ]
    mixtures = [(name, MixtureRegistry.get(name)) for name in sorted(MIXTURES.names()) if part in name]
    rows += [
        [name, ", ".join(mixture.splits), f"of {len(mixture.tasks)} tasks", MIXTURES.site(name)]
        for name, mixture in mixtures
    ]
    print(table.render(["name", "splits", "metrics", "registered at"], rows))
    print(f"\n{len(tasks)} tasks, {len(mixtures)} mixtures. `evalkit tasks show NAME` shows examples of one.")
