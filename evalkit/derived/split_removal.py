"""The part of a mixture that has a split."""

from __future__ import annotations

from evalkit import errors
from evalkit.data import Mixture, maybe_get_mixture_or_task
from evalkit.data.mixing import MixtureRate
from evalkit.derived.derivation import register_all


def mixture_with_missing_task_splits_removed(
    mixture_name: str | Mixture, split: str, new_mixture_name: str, *, add_to_seqio_registry: bool = True
) -> Mixture:
    """A mixture of the tasks that have `split`, each with the rate that it has in the original.

    The split of the original itself is made of the same tasks; but only its warnings tell which these are. A nested
    mixture of which some tasks lack the split is replaced by the rest of it, named `<new_mixture_name>.<its name>`.

    Args:
      mixture_name: the original, or its name.
      split: which split.
      new_mixture_name: what the result is called.
      add_to_seqio_registry: whether to register the result and what replaces nested mixtures.

    Returns:
      The new mixture.

    Raises:
      ArgumentError: a task instead of a mixture, or no task of the mixture has the split.
      UnknownNameError: no mixture has the name.
      DuplicateNameError: a name is taken; then nothing is registered.
    """
    original = maybe_get_mixture_or_task(mixture_name)
    if not isinstance(original, Mixture):
        raise errors.ArgumentError(
            f"{original.name!r} is a task; expected a mixture, some of whose tasks lack a split."
        )
    if split not in original.splits:
        splits = ", ".join(map(repr, original.splits))
        raise errors.ArgumentError(
            f"No task of mixture {original.name!r} has a split {split!r}; their splits are {splits}."
        )
    made: list[Mixture] = []
    result = _rest(original, split, new_mixture_name, made)
    if add_to_seqio_registry:
        register_all(made)
    return result


def _rest(mixture: Mixture, split: str, name: str, made: list[Mixture]) -> Mixture:
    """`mixture` without what lacks `split`; it and all that is new in it are added to `made`."""
    tasks = []
    for part, rate in mixture.entries:
        if isinstance(part, Mixture) and any(split not in task.splits for task in part.tasks):
            if split in part.splits:
                tasks.append((_rest(part, split, f"{name}.{part.name}", made), _remaining(part, rate)))
        elif split in part.splits:
            tasks.append((part, rate))
    made.append(mixture.replace(name=name, tasks=tasks))
    return made[-1]


def _remaining(nested: Mixture, rate: MixtureRate) -> MixtureRate:
    """The rate of what is left of `nested`, so that each task keeps its own; as late as the original's."""

    def share(rest: Mixture) -> float:
        whole = rate(nested) if callable(rate) else rate
        return whole * rest.total_rate / nested.total_rate

    return share
