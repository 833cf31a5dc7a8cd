"""evalkit cache: writes the examples of tasks to disk once, so that training need not tokenise them again.

Caches every split of the registered tasks whose whole name matches --tasks and that have a CacheDatasetPlaceholder.
Interrupted, even killed, the same command goes on where it was, and the files come out the same. A cache that is there
and matches its task is left; one that does not is an error, unless --overwrite. --verify reads what was written, and
compares checksums.

What stands after -- goes to Apache Beam as pipeline options. Without a --runner among them, the pipeline runs inside
this process.

examples:
  evalkit cache --import=my_tasks --tasks=mine --output_dir=caches
  evalkit cache --import=my_tasks --tasks='mine_.*' --tasks=other --splits=train,validation --output_dir=gs://mine/caches
  evalkit cache --import=my_tasks --tasks=mine --output_dir=caches -- --runner=FlinkRunner --flink_master=host:8081
  evalkit cache --import=my_tasks --tasks=mine --output_dir=gs://mine/caches -- --runner=DataflowRunner --project=mine
  evalkit cache --verify --import=my_tasks --tasks=mine --output_dir=caches
"""

from __future__ import annotations

import contextlib
import importlib
import re
import threading
from collections.abc import Iterator, Sequence

from absl import app, flags
from tqdm import tqdm

from evalkit.caching import CacheSettings, SplitOutcome, SplitPlan, cache_tasks
from evalkit.caching.progress import Progress
from evalkit.caching.verification import problems_of, splits_to_verify
from evalkit.cli import native_messages, results, table
from evalkit.cli.task_modules import define_import_flag, load_task_modules
from evalkit.data.cache_files import files_of_split, read_stats
from evalkit.data.cache_manifest import read_manifest
from evalkit.data.name_table import TASKS
from evalkit.data.registry import TaskRegistry
from evalkit.data.sources import set_tfds_data_dir_override
from evalkit.data.task import Task
from evalkit.errors import ArgumentError, CacheError, NotCachedError, unknown_name

SECONDS_BETWEEN_LOOKS = 0.5


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `evalkit cache`."""
    defaults = CacheSettings()
    define_import_flag(values)
    flags.DEFINE_multi_string(
        "tasks", None, "a regular expression for names of tasks; may be repeated", required=True, flag_values=values
    )
    flags.DEFINE_string("output_dir", None, "the cache directory", required=True, flag_values=values)
    flags.DEFINE_list("splits", None, "which splits; by default all of each task", flag_values=values)
    flags.DEFINE_bool("overwrite", False, "replace what is there, whatever it is", flag_values=values)
    flags.DEFINE_bool("verify", False, "write nothing; check what was written, byte by byte", flag_values=values)
    flags.DEFINE_integer(
        "min_files", defaults.min_files, "write each split to at least so many files", lower_bound=1, flag_values=values
    )
    flags.DEFINE_integer(
        "pieces",
        None,
        "cut each split in so many pieces, which are written at the same time where there are workers, and are what an "
        "interrupted run does not write again; by default the shards of its source",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_integer("seed", None, "makes the seeds of random preprocessors", flag_values=values)
    flags.DEFINE_bool(
        "permit_unknown",
        False,
        "cache tasks too of which some part cannot be fingerprinted; no change of that part will be noticed",
        flag_values=values,
    )
    flags.DEFINE_string("tfds_data_dir", None, "where TFDS data is, for all tasks", flag_values=values)


def run(values: flags.FlagValues, positional: Sequence[str]) -> None:
    """Caches or verifies, and prints what came out and where it is."""
    if positional and not positional[0].startswith("-"):
        raise app.UsageError(f"`evalkit cache` takes flags, and Beam's after --, found {' '.join(positional)!r}")
    modules = load_task_modules(values)
    tasks = matching_tasks(values.tasks)
    if values.tfds_data_dir:
        set_tfds_data_dir_override(values.tfds_data_dir)
    if values.verify:
        verify(tasks, values.output_dir, values.splits)
    else:
        settings = CacheSettings(
            min_files=values.min_files,
            pieces=values.pieces,
            seed=values.seed,
            permit_unknown=values.permit_unknown,
            modules=tuple(modules),
            tfds_data_dir=values.tfds_data_dir,
        )
        write(values, tasks, settings, positional)


def matching_tasks(expressions: Sequence[str]) -> list[Task]:
    """The tasks that support caching and whose whole name matches one of `expressions`, sorted by name.

    Raises:
      ArgumentError: one is no regular expression, or only tasks match that do not support caching.
      UnknownNameError: no task matches one.
    """
    names: set[str] = set()
    for expression in expressions:
        try:
            matching = {name for name in TASKS.names() if re.fullmatch(expression, name)}
        except re.error as error:
            raise ArgumentError(f"--tasks={expression} is no regular expression: {error}.") from error
        if not matching:
            raise unknown_name("task", expression, TASKS.names())
        names |= matching
    tasks = [TaskRegistry.get(name) for name in sorted(names)]
    cacheable = [task for task in tasks if task.supports_caching]
    if not cacheable:
        raise ArgumentError(
            f"None of these tasks supports caching: {', '.join(task.name for task in tasks)}. Put a "
            "CacheDatasetPlaceholder among the preprocessors, behind what is to be done once."
        )
    for task in tasks:
        if task not in cacheable:
            print(f"Passed over: {task.name}, which has no CacheDatasetPlaceholder.")
    return cacheable


def write(
    values: flags.FlagValues, tasks: Sequence[Task], settings: CacheSettings, pipeline_options: Sequence[str]
) -> None:
    """Writes the caches and shows what became of each split.

    Raises:
      MissingExtraError: Apache Beam is not installed.
      EvalkitError: why a split could not be cached.
    """
    with native_messages.held_back():  # Beam warns, while it is loaded, of packages for services that nobody asked for
        importlib.import_module("evalkit.caching.pipeline")
    outcomes = cache_tasks(
        tasks, values.output_dir, values.splits, settings, values.overwrite, pipeline_options, showing_progress
    )
    print(table.render(["task", "split", "examples", "files", "MB", "state"], list(map(_row, outcomes))))
    for plan in (outcome.plan for outcome in outcomes if outcome.plan.fingerprint.unknown_parts):
        print(
            f"Not watched: {', '.join(plan.fingerprint.unknown_parts)} of {plan}. Should it change, nobody will notice."
        )
    failures = [outcome.error for outcome in outcomes if outcome.error is not None]
    if len(failures) > 1:
        raise CacheError("\n".join([f"{len(failures)} splits could not be cached.", *(f"  - {e}" for e in failures)]))
    if failures:
        raise failures[0]
    print(f"\n{results.caches(values.output_dir)}")


def _row(outcome: SplitOutcome) -> list[object]:
    plan = outcome.plan
    if outcome.error is not None:
        return [plan.task_name, plan.split, None, None, None, outcome.state]
    manifest = read_manifest(plan.task_name, plan.folder, plan.split)
    size = None if manifest is None else sum(file.size for file in manifest.files.values()) / 1e6
    return [
        plan.task_name,
        plan.split,
        read_stats(plan.task_name, plan.folder, plan.split).get("examples"),
        len(files_of_split(plan.folder, plan.split)),
        size,
        outcome.state if manifest else f"{outcome.state} (written by another program)",
    ]


@contextlib.contextmanager
def showing_progress(plans: Sequence[SplitPlan]) -> Iterator[None]:
    """Shows how many pieces and examples are written, until the block ends."""
    progress, done = Progress(plans), threading.Event()
    with tqdm(total=progress.num_pieces, unit=" pieces", desc="caching", disable=None) as bar:

        def look() -> None:
            pieces, examples = progress.read()
            bar.set_postfix(examples=f"{examples:,}", refresh=False)
            bar.update(pieces - bar.n)
            bar.refresh()

        def keep_looking() -> None:
            while not done.wait(SECONDS_BETWEEN_LOOKS):
                look()

        thread = threading.Thread(target=keep_looking, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            look()


def verify(tasks: Sequence[Task], output_dir: str, splits: Sequence[str] | None) -> None:
    """Reads the caches and shows the state of each split.

    Raises:
      NotCachedError: there is nothing to verify.
      CacheError: what is wrong.
    """
    found = [(task, split) for task in tasks for split in splits_to_verify(task, output_dir, splits)]
    if not found:
        raise NotCachedError(f"No cache of {', '.join(task.name for task in tasks)} is complete in {output_dir}.")
    rows, wrong = [], []
    for task, split in tqdm(found, desc="verifying", unit=" splits", leave=False, disable=None):
        problems = problems_of(task, output_dir, split)
        rows.append([task.name, split, f"{len(problems)} problems" if problems else "as it was written"])
        wrong += [f"  - Task {task.name!r}, split {split!r}: {problem}" for problem in problems]
    print(table.render(["task", "split", "state"], rows))
    if wrong:
        raise CacheError("\n".join(["Not all caches are as they were written.", *wrong]))
