"""What evalkit raises, and how a message is made helpful.

Every error names the thing (task, feature, index, file), what was found, what was expected and what to do about it.
Each class also derives from the builtin that code written for seqio catches (`ValueError`, mostly), so moving a module
to evalkit changes no `except` clause.

    >>> str(unknown_name("task", "gsm8", ["gsm8k", "squad"]))
    "No task named 'gsm8' is registered. Nearest names: 'gsm8k'. Is the module that registers it imported?"
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar


class EvalkitError(Exception):
    """Base of everything that evalkit raises on purpose."""


class ArgumentError(EvalkitError, ValueError):
    """An argument, or a combination of arguments, that cannot work; raised before any data is read."""


class ArgumentTypeError(ArgumentError, TypeError):
    """An argument of a type that cannot work."""


class DefinitionError(EvalkitError, ValueError):
    """A task, mixture, feature or vocabulary whose definition contradicts itself."""


class DuplicateNameError(DefinitionError):
    """A name that is registered already; the message says where the first registration was."""


class UnknownNameError(EvalkitError, ValueError):
    """A name that is not registered; the message holds the three nearest ones that are."""


class SourceError(EvalkitError, ValueError):
    """A source that cannot be read: a file, a line or a record, which the message names."""


class FeatureError(EvalkitError, ValueError):
    """An example that does not have the features, dtypes, ranks or lengths that were promised."""


class CacheError(EvalkitError, ValueError):
    """A store of prepared examples that is stale, partial, damaged or missing."""


class FingerprintError(CacheError):
    """Something on which prepared examples depend, and whose content cannot be told; no store may be keyed by it."""


class NotCachedError(CacheError, AssertionError):
    """A task that was asked for its offline cache and has none in the global cache directories."""


class PreprocessorError(EvalkitError, ValueError):
    """A preprocessor that raised or returned no dataset; the message names the task and the preprocessor."""


class ModelOutputError(EvalkitError, ValueError):
    """What a model function returned cannot be matched with the examples that it was given."""


class ModelError(EvalkitError, ValueError):
    """A model and its parameters that do not fit each other, or functions that do not do what their contract says."""


class CheckpointError(EvalkitError, ValueError):
    """A checkpoint that is missing, partial, or of another structure than the model's; the message names the path."""


class CheckpointLostError(CheckpointError):
    """A checkpoint that was deleted or replaced while it was read, as a trainer that keeps the last few does."""


class RowError(EvalkitError, ValueError):
    """A row of tokens that a model cannot take: ids it does not know, too long, nothing to score; names the row."""


class SamplingError(EvalkitError, RuntimeError):
    """A sampling client that got no answer; the message names the model or the endpoint, and how often it was asked."""


class ProcessError(EvalkitError, RuntimeError):
    """Several processes that compute together and do not agree, or of which one failed; raised on every one."""


class EvaluatorProcessError(EvalkitError, RuntimeError):
    """A process in which evaluators run beside a training, and that did not start, ended, or took too long."""


class PostprocessError(EvalkitError, ValueError):
    """A postprocess function that raised; the message names the task and the example."""


class MetricError(EvalkitError, ValueError):
    """A metric that raised, or returned something that is not a mapping from names to values."""


class EvaluationError(EvalkitError, ExceptionGroup[EvalkitError], ValueError):
    """What failed in one or several steps of an Evaluator: metrics, postprocess functions, loggers, each an exception
    in it.

    Attributes:
      metrics: `{task: {metric: value}}` of the step, all that did not fail; empty if the error is about several steps.
    """

    metrics: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


class LoggerError(EvalkitError, ValueError):
    """A logger that could not write; the message names the logger and the path."""


class InUseError(EvalkitError, RuntimeError):
    """A folder to which another process writes at the moment; the message names the process."""


class MissingExtraError(EvalkitError, ImportError):
    """An optional dependency that is not installed; the message has the `pip install` line that brings it."""


E = TypeVar("E", bound=EvalkitError)


def told(error: BaseException) -> str:
    """An exception in words: its type and its message, or the type alone where the message cannot be had.

    >>> told(OSError("gone"))
    'OSError: gone'
    """
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - a class of someone else's, whose `__str__` may raise anything
        return f"{type(error).__name__}: (its message cannot be told)"


def with_remedy(error: E, remedy: str) -> E:
    """`error`, with what to do about it as a note: Python shows it below the message, `str` leaves it out.

    For the few messages that code written for seqio compares to the letter.

    >>> with_remedy(ArgumentError("The split 'dev' is empty."), "Pass another split.").__notes__
    ['Pass another split.']
    """
    error.add_note(remedy)
    return error


def nearest_names(name: str, known: Iterable[str]) -> list[str]:
    """The at most three names in `known` that look most like `name`, best first."""
    return difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """The error for looking up an unregistered `name`; `kind` is the word for it in the message ("task", "mixture")."""
    near = nearest_names(name, known)
    hint = f"Nearest names: {', '.join(map(repr, near))}. " if near else ""
    return UnknownNameError(f"No {kind} named {name!r} is registered. {hint}Is the module that registers it imported?")


def missing_extra(package: str, extra: str, purpose: str) -> MissingExtraError:
    """The error for an optional `package` that is not installed, naming the `extra` that brings it."""
    return MissingExtraError(
        f"{purpose} needs the package {package!r}, which is not installed. Run: pip install 'evalkit[{extra}]'"
    )
