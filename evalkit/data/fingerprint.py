"""What the prepared examples of a task depend on, hashed part by part.

A store of prepared examples is keyed by a `TaskFingerprint`: its digest finds the store, and where a store was made by
another definition of the task, its parts say which part is another.

    >>> before = TaskFingerprint("s", (("rekey", "1"), ("tokenize", "2")), (), (), "1.0")
    >>> after = dataclasses.replace(before, preprocessors=(("rekey", "1"), ("tokenize", "3")))
    >>> after.differences(before)
    ["preprocessor 'tokenize' (number 2) changed"]
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from typing import Any, final

from evalkit import errors
from evalkit.data.content_hash import fingerprint as fingerprint

NamedHashes = tuple[tuple[str, str], ...]

UNKNOWN = "unknown"
"""In place of the hash of a part whose content cannot be told, where that was permitted."""


@final
@dataclasses.dataclass(frozen=True)
class TaskFingerprint:
    """The hashes of everything that decides the examples of a task.

    Attributes:
      source: of the data of one split.
      preprocessors: name and hash of each, in order.
      output_features: name and hash of each feature, without its vocabulary.
      vocabularies: name of the feature and hash of its vocabulary.
      version: of evalkit, which prepares the examples.
    """

    source: str
    preprocessors: NamedHashes
    output_features: NamedHashes
    vocabularies: NamedHashes
    version: str

    @property
    def digest(self) -> str:
        """One hash of all parts, 64 hexadecimal digits."""
        return fingerprint(dataclasses.astuple(self))

    def differences(self, other: TaskFingerprint) -> list[str]:
        """What is another than in `other`, the earlier one, in words; empty where the digests are equal.

        A part that was `UNKNOWN` earlier is not compared.
        """
        found = ["the source changed"] if other.source not in (self.source, UNKNOWN) else []
        found += _changed_steps(self.preprocessors, other.preprocessors)
        found += _changed_names("output feature", self.output_features, other.output_features)
        found += _changed_names("vocabulary of feature", self.vocabularies, other.vocabularies)
        if self.version != other.version:
            found.append(f"the version changed from {other.version} to {self.version}")
        return found

    @property
    def unknown_parts(self) -> list[str]:
        """What is `UNKNOWN`, in words."""
        named = (
            ("preprocessor", self.preprocessors),
            ("output feature", self.output_features),
            ("vocabulary of feature", self.vocabularies),
        )
        found = ["source"] if self.source == UNKNOWN else []
        return found + [f"{what} {name!r}" for what, parts in named for name, part in parts if part == UNKNOWN]

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be stored beside the examples."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TaskFingerprint:
        """Reads what `to_json` gave, also after a round trip through JSON.

        Raises:
          CacheError: the values are not those of a fingerprint.
        """
        try:
            pairs = {
                name: tuple((str(key), str(value)) for key, value in values[name])
                for name in ("preprocessors", "output_features", "vocabularies")
            }
            return cls(source=str(values["source"]), version=str(values["version"]), **pairs)
        except (KeyError, TypeError, ValueError) as error:
            raise errors.CacheError(f"Not a task fingerprint: {values!r}. Was the file written by evalkit?") from error


def _changed_steps(new: NamedHashes, old: NamedHashes) -> Iterable[str]:
    names, old_names = ([name for name, _ in steps] for steps in (new, old))
    if names != old_names:
        yield f"the preprocessors were {', '.join(old_names) or 'none'}, and are {', '.join(names) or 'none'}"
    for number, (step, old_step) in enumerate(zip(new, old, strict=False), 1):
        if step[0] == old_step[0] and old_step[1] not in (step[1], UNKNOWN):
            yield f"preprocessor {step[0]!r} (number {number}) changed"


def _changed_names(what: str, new: NamedHashes, old: NamedHashes) -> Iterable[str]:
    hashes, old_hashes = dict(new), dict(old)
    for name in itertools.chain(old_hashes, (name for name in hashes if name not in old_hashes)):
        if name not in hashes:
            yield f"{what} {name!r} is gone"
        elif name not in old_hashes:
            yield f"{what} {name!r} is new"
        elif old_hashes[name] not in (hashes[name], UNKNOWN):
            yield f"{what} {name!r} changed"
