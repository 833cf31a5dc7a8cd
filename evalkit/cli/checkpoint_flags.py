"""What `evalkit evaluate` and `evalkit sweep` have in common: flags, the model, and how results are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self, final

from absl import flags
from tqdm import tqdm

from evalkit.cli import table
from evalkit.cli.task_modules import define_import_flag, imported, load_task_modules
from evalkit.errors import ArgumentError, ArgumentTypeError, DefinitionError, EvalkitError, nearest_names
from evalkit.training.checkpoint_model import CheckpointModel
from evalkit.training.sweep import CheckpointSweep
from evalkit.training.sweep_report import SweepEntry
from evalkit.training.sweep_run import Progress

_ALWAYS = ("total", "correct", "wrong")


def define_checkpoint_flags(values: flags.FlagValues) -> None:
    """Defines the flags that both commands have."""
    define_import_flag(values)
    flags.DEFINE_list("tasks", None, "tasks or mixtures, with commas between them", required=True, flag_values=values)
    flags.DEFINE_string(
        "model",
        None,
        "module:function; the function takes nothing and returns an evalkit.training.CheckpointModel",
        required=True,
        flag_values=values,
    )
    flags.DEFINE_string("split", None, "by default of each task validation, or else test", flag_values=values)
    flags.DEFINE_integer("num_examples", None, "only the first so many", lower_bound=1, flag_values=values)
    flags.DEFINE_integer(
        "batch_size", 128, "for how many examples outputs are kept at a time", lower_bound=1, flag_values=values
    )
    flags.DEFINE_bool("use_cached", False, "read the tasks' offline caches", flag_values=values)
    flags.DEFINE_string("log_dir", None, "where TensorBoard finds the metrics; by default beside the results",
                        flag_values=values)  # fmt: skip


def sweep_of(values: flags.FlagValues, results_dir: str) -> CheckpointSweep:
    """The sweep that the flags describe.

    Raises:
      ArgumentError: --model or --import names what is not there; and what the constructor raises.
      DefinitionError: a module or the function raised.
    """
    load_task_modules(values)
    return CheckpointSweep(
        built_model(values.model),
        values.tasks,
        results_dir,
        split=values.split,
        num_examples=values.num_examples,
        batch_size=values.batch_size,
        use_cached=values.use_cached,
        log_dir=values.log_dir,
    )


def built_model(name: str) -> CheckpointModel:
    """Calls the function that `module:function` names.

    Raises:
      ArgumentError: there is no such module or function.
      ArgumentTypeError: it returned something else.
      DefinitionError: the module or the function raised.
    """
    module_name, colon, function_name = name.partition(":")
    if not (module_name and colon and function_name):
        raise ArgumentError(f"--model={name}: expected module:function, such as my_model:build.")
    module = imported(module_name, "--model")
    build: Callable[[], Any] | None = getattr(module, function_name, None)
    if not callable(build):
        near = nearest_names(function_name, vars(module))
        raise ArgumentError(
            f"--model={name}: {module_name} has no function {function_name!r}."
            + (f" Nearest: {', '.join(map(repr, near))}." if near else "")
        )
    try:
        model = build()
    except EvalkitError:
        raise
    except Exception as error:
        raise DefinitionError(f"--model={name}: the function raised {type(error).__name__}: {error}.") from error
    if not isinstance(model, CheckpointModel):
        raise ArgumentTypeError(
            f"--model={name}: the function returned {type(model).__name__}; expected an "
            "evalkit.training.CheckpointModel."
        )
    return model


@final
class ProgressBars:
    """A bar for the examples of each task and checkpoint; called with what a sweep tells."""

    def __init__(self) -> None:
        """Shows nothing yet."""
        self._bar: Any = None
        self._shown: tuple[int, str, str] | None = None

    def __call__(self, progress: Progress) -> None:
        """Moves the bar, or begins the next one."""
        now = (progress.step, progress.task, progress.kind)
        if now != self._shown:
            self.close()
            left = "" if progress.num_left == 1 else f", {progress.num_left} checkpoints left"
            title = f"step {progress.step}, {progress.task} ({progress.kind}{left})"
            self._bar = tqdm(total=progress.num_examples, desc=title, unit=" examples", initial=progress.num_done)
            self._shown = now
        self._bar.update(progress.num_done - self._bar.n)

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._shown = None, None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def render(entries: Sequence[SweepEntry]) -> str:
    """The entries of one task as a table, a row each: metrics, and what became of the examples."""
    metrics = list(dict.fromkeys(name for entry in entries for name in entry.metrics))
    counts = [entry.counts.as_dict() for entry in entries]
    shown = [kind for kind in counts[0] if kind in _ALWAYS or any(each[kind] for each in counts)]
    rows = [
        [entry.step, *map(entry.metrics.get, metrics), *map(each.get, shown), *(["failed"] if entry.failures else [""])]
        for entry, each in zip(entries, counts, strict=True)
    ]
    header = ["step", *metrics, *(f"n_{kind}" if kind in metrics else kind for kind in shown), ""]
    if not any(entry.failures for entry in entries):
        header, rows = header[:-1], [row[:-1] for row in rows]
    return table.render(header, rows)
