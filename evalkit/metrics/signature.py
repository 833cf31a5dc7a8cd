"""Which output of the model a metric function judges, told from the names of its parameters.

A metric function says what it wants by how it names its parameters, so that registering one takes no second argument:

    >>> def closeness(targets, predictions, tolerance=0.1): ...
    >>> metric_fn_output_type(closeness)
    <ModelOutputType.PREDICTION: 1>

The functions are called by keyword. The parameters that have no default must therefore be exactly the ones that the
Evaluator supplies; those with a default are the author's own. The convention is seqio's.
"""

from __future__ import annotations

import enum
import functools
import inspect
import weakref
from collections.abc import Callable
from typing import Any

from evalkit import errors


class ModelOutputType(enum.IntEnum):
    """What a model function hands back for each example, and so which of them a metric needs."""

    PREDICTION = 1
    SCORE = 2
    PREDICTION_WITH_AUX = 3
    SCORE_WITH_INTERMEDIATES = 4

    @classmethod
    def to_str(cls, enm: ModelOutputType) -> str:
        """The lower-case name: "prediction", "score", "prediction_with_aux" or "score_with_intermediates"."""
        return cls(enm).name.lower()


_OUTPUT_TYPES = {
    ("targets", "predictions"): ModelOutputType.PREDICTION,
    ("targets", "scores"): ModelOutputType.SCORE,
    ("targets", "predictions", "aux_values"): ModelOutputType.PREDICTION_WITH_AUX,
}
_known: weakref.WeakKeyDictionary[Any, ModelOutputType] = weakref.WeakKeyDictionary()


def metric_fn_output_type(fn: Callable[..., Any]) -> ModelOutputType:
    """The model output that `fn` judges: functions, `functools.partial`, bound methods and callable objects alike.

    Reading a signature takes some ten microseconds; the answer is kept for as long as `fn` lives.

    Raises:
      DefinitionError: the parameters without a default are none of the three lists that fit.
    """
    try:
        known = _known.get(fn)
    except TypeError:  # neither hashable nor weakly referable: such a callable is read each time
        return _read_output_type(fn)
    if known is None:
        known = _read_output_type(fn)
        _known[fn] = known
    return known


def metric_fn_name(fn: Callable[..., Any]) -> str:
    """A short name for `fn` in messages and reports: its own, that of what it wraps, or its class's."""
    return str(getattr(_innermost(fn), "__name__", type(fn).__name__))


def _read_output_type(fn: Callable[..., Any]) -> ModelOutputType:
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError) as e:
        raise errors.DefinitionError(
            f"{fn!r} cannot be a metric function: it has no signature to read. Wrap it in a function of "
            "(targets, predictions), (targets, scores) or (targets, predictions, aux_values)."
        ) from e
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = [p for p in signature.parameters.values() if p.default is p.empty and p.kind not in variadic]
    output_type = _OUTPUT_TYPES.get(tuple(p.name for p in required))
    if output_type is None or any(p.kind is p.POSITIONAL_ONLY for p in required):
        raise errors.with_remedy(
            errors.DefinitionError(
                "Metric functions must have positional arguments matching either ('targets', 'scores'), ('targets', "
                "'predictions') or ('targets', 'predictions', 'aux_values'). Got: "
                f"{tuple(p.name for p in required)}"
            ),
            f"{metric_fn_name(fn)!r}{_location(fn)} has the signature {signature}, from which evalkit cannot tell what "
            "it judges. It is called by keyword: what has no default must be one of these lists, in this order; other "
            "parameters need a default, or functools.partial.",
        )
    return output_type


def _innermost(fn: Any) -> Any:
    while isinstance(fn, functools.partial):
        fn = fn.func
    return fn


def _location(fn: Callable[..., Any]) -> str:
    inner = _innermost(fn)
    callable_object = not hasattr(inner, "__code__")
    code = getattr(inspect.unwrap(type(inner).__call__ if callable_object else inner), "__code__", None)
    return f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
