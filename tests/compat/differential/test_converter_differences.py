"""Where converters do not give seqio's model features, on purpose: what each gives, on random datasets.

Most differences are shown with a twin: a case which seqio gets right, and of which it is known what must be different.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.compat.differential import converter_cases
from tests.compat.differential.converter_cases import Case, tokens
from tests.compat.libraries import needs_seqio, number_of_cases

pytestmark = needs_seqio

COUNT = number_of_cases(2)
ZERO = 30_000
"""Stands for the token 0 in a twin."""


@pytest.fixture(scope="module")
def compare(libraries):
    """What evalkit and seqio give for cases of a kind, and seqio for their twins: `[(case, ours, theirs, twin's)]`."""

    def run(make: Callable[[random.Random], Any], count: int = COUNT) -> list[tuple[Any, ...]]:
        made = [make(random.Random(number)) for number in range(count)]
        cases = [{"passthrough": {}, **(pair[0] if isinstance(pair, tuple) else pair)} for pair in made]
        twins = [{"passthrough": {}, **pair[1]} for pair in made if isinstance(pair, tuple)]
        found = libraries.run("converters", cases)
        for_twins = libraries.run("converters", twins, names=["seqio"])["seqio"] if twins else [None] * count
        return list(zip(cases, found["evalkit"], found["seqio"], for_twins, strict=True))

    return run


def examples(result: Mapping[str, Any]) -> list[dict[str, list[int]]]:
    """The model features of a result, without types."""
    assert "error" not in result, result
    return [{name: values for name, (_, _, values) in example.items()} for example in result["examples"]]


def with_zeros(rng: random.Random) -> tuple[Case, Case]:
    """Tokens 0 within sequences, not at their end; the twin has another token in their places."""
    make = rng.choice([kind for name, kind in converter_cases.KINDS.items() if name in ZERO_KINDS])
    case = make(rng)
    names = [name for name in ("inputs", "targets", "suffixes") if name in case["columns"]]
    twin = {**case, "columns": dict(case["columns"])}
    for name in names:
        rows = [
            [0 if rng.random() < 0.2 else id for id in row[:-1]] + row[-1:] for row in case["columns"][name]["rows"]
        ]
        case["columns"][name] = tokens(rows)
        twin["columns"][name] = tokens([[id or ZERO for id in row] for row in rows])
    return case, twin


ZERO_KINDS = ("encoder_decoder", "language_model", "prefix_lm", "prefix_suffix_lm", "encoder")


def test_a_token_0_within_a_sequence_is_kept_where_it_is_and_has_no_loss(compare):
    """seqio drops a token off the end of a packed sequence for each, and gives those of a prefix a loss."""
    unlike = 0
    for case, ours, theirs, of_twin in compare(with_zeros, 3 * COUNT):
        assert examples(ours) == [without_stand_ins(row) for row in examples(of_twin)], case
        unlike += ours != theirs
        if not case["arguments"]["pack"] and "Prefix" not in case["converter"]:
            assert ours == theirs
    assert unlike


def without_stand_ins(row: dict[str, list[int]]) -> dict[str, list[int]]:
    """A row with the tokens 0 back, which have no loss."""
    restored = {name: [0 if value == ZERO else value for value in values] for name, values in row.items()}
    for name in {"decoder_loss_weights", "target_suffix_weights"} & set(row):
        pairs = zip(row[name], restored["decoder_target_tokens"], strict=True)
        restored[name] = [weight if token else 0 for weight, token in pairs]
    return restored


def with_empty_features(rng: random.Random) -> Case:
    """Packed, and at times an example has inputs or targets only."""
    case = converter_cases.encoder_decoder(rng)
    case["arguments"]["pack"] = True
    pairs = zip(case["columns"]["inputs"]["rows"], case["columns"]["targets"]["rows"], strict=True)
    kept = [
        rng.choice(((inputs or [3], []), ([], targets or [3]), (inputs or [3], targets or [3])))
        for inputs, targets in pairs
    ]
    for name, rows in zip(("inputs", "targets"), zip(*kept, strict=True), strict=True):
        case["columns"][name] = tokens(list(rows))
    return case


def test_segment_ids_of_all_features_count_the_same_examples(compare):
    """seqio counts in each feature those that are not empty there, so that the inputs of one example stand against the
    targets of another."""
    unlike = 0
    for case, found, peers, _ in compare(with_empty_features, COUNT):
        ours, theirs = examples(found), examples(peers)
        assert [seqios_segment_ids(row) for row in ours] == theirs
        unlike += ours != theirs
        together = zip(case["columns"]["inputs"]["rows"], case["columns"]["targets"]["rows"], strict=True)
        assert [segment for row in ours for segment in segments(row)] == list(map(list, together))
    assert unlike


def seqios_segment_ids(row: dict[str, list[int]]) -> dict[str, list[int]]:
    """Numbered anew in each feature."""
    renumbered = dict(row)
    for name in ("encoder_segment_ids", "decoder_segment_ids"):
        present = sorted(set(row[name]) - {0})
        renumbered[name] = [present.index(segment) + 1 if segment else 0 for segment in row[name]]
    return renumbered


def segments(row: dict[str, list[int]]) -> list[list[list[int]]]:
    """The examples in a packed row, as `[inputs, targets]`."""
    sides = [("encoder_segment_ids", "encoder_input_tokens"), ("decoder_segment_ids", "decoder_target_tokens")]
    last = max(max(row[ids]) for ids, _ in sides)
    return [
        [
            [token for segment, token in zip(row[ids], row[name], strict=True) if segment == wanted]
            for ids, name in sides
        ]
        for wanted in range(1, last + 1)
    ]


def with_empty_targets(rng: random.Random) -> tuple[Case, Case]:
    """A packed prefix language model, at times without targets; in the twin the last input is the target then."""
    case = converter_cases.prefix_lm(rng)
    case["arguments"] |= {"pack": True, "loss_on_targets_only": True}
    inputs = [row or [3] for row in case["columns"]["inputs"]["rows"]]
    targets = [row if rng.random() < 0.6 else [] for row in case["columns"]["targets"]["rows"]]
    pairs = [(i[:-1], i[-1:]) if not t else (i, t) for i, t in zip(inputs, targets, strict=True)]
    case["columns"] |= {"inputs": tokens(inputs), "targets": tokens(targets)}
    twin_columns = {"inputs": tokens([i for i, _ in pairs]), "targets": tokens([t for _, t in pairs])}
    return case, {**case, "columns": twin_columns}


def test_packing_an_example_without_targets_shifts_no_mask(compare):
    """seqio packs a mask for the padding that stands for them, one longer than the tokens."""
    unlike = 0
    for case, found, peers, of_twin in compare(with_empty_targets, COUNT):
        ours, twins = examples(found), examples(of_twin)
        masks = ("decoder_loss_weights", "decoder_causal_attention")
        assert [without(row, masks) for row in ours] == [without(row, masks) for row in twins]
        columns = (case["columns"][name]["rows"] for name in ("inputs", "targets"))
        parts = [(len(inputs), len(targets)) for inputs, targets in zip(*columns, strict=True)]
        loss = [weight for inputs, targets in parts for weight in [0] * inputs + [1] * targets]
        attention = [
            weight for inputs, targets in parts for weight in ([1] * (inputs + 1) + [0] * targets)[: inputs + targets]
        ]
        for name, wanted in zip(masks, (loss, attention), strict=True):
            rows = [zip(row[name], row["decoder_segment_ids"], strict=True) for row in ours]
            assert [weight for row in rows for weight, segment in row if segment] == wanted
            assert not any(
                weight
                for row in ours
                for weight, segment in zip(row[name], row["decoder_segment_ids"], strict=True)
                if not segment
            )
        unlike += found != peers
    assert unlike


def without(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def without_targets_and_suffix(rng: random.Random) -> Case:
    case = converter_cases.prefix_suffix_lm(rng)
    case["arguments"]["pack"] = False
    for name in ("targets", "suffixes"):
        case["columns"][name]["rows"][0] = []
    return case


def test_padding_has_no_suffix_weight(compare):
    """In seqio the padding that stands for an empty target and suffix has one."""
    for _, found, peers, _ in compare(without_targets_and_suffix):
        ours, theirs = examples(found), examples(peers)
        assert ours[1:] == theirs[1:]
        assert sum(theirs[0]["target_suffix_weights"]) == 1
        assert ours[0] == theirs[0] | {"target_suffix_weights": [0] * len(theirs[0]["target_suffix_weights"])}


def with_loss_on_inputs(rng: random.Random) -> Case:
    case = converter_cases.prefix_suffix_lm(rng)
    case["arguments"]["loss_on_targets_only"] = False
    return {**case, "converter": rng.choice((case["converter"], "DecoderFeatureConverter"))}


def test_loss_on_targets_only_is_heeded_where_there_are_suffixes(compare):
    """seqio's converter forgets that it is False."""
    unlike = 0
    for _, ours, theirs, _ in compare(with_loss_on_inputs):
        everywhere = [
            row | {"decoder_loss_weights": [int(token != 0) for token in row["decoder_target_tokens"]]}
            for row in examples(theirs)
        ]
        assert examples(ours) == everywhere
        unlike += ours != theirs
    assert unlike


def passed_through_elsewhere(rng: random.Random) -> tuple[Case, Case]:
    """Features to pass through a converter of which seqio's drops them; the twin has none."""
    make = rng.choice((converter_cases.language_model, converter_cases.encoder, converter_cases.prefix_suffix_lm))
    case = make(rng)
    case["arguments"]["pack"] = False
    columns, lengths = dict(case["columns"]), dict(case["lengths"])
    twin = {**case, "columns": dict(columns), "lengths": dict(lengths)}
    passthrough = converter_cases.passed_through(rng, columns, lengths, len(columns["targets"]["rows"]))
    return {**case, "columns": columns, "lengths": lengths, "passthrough": passthrough}, twin


def test_features_pass_through_every_converter(compare):
    """Through those of language models, encoders and suffixes they do not in seqio, which then fails."""
    for case, found, theirs, of_twin in compare(passed_through_elsewhere):
        assert theirs["error"] in ("ValueError", "KeyError", "InvalidArgumentError")
        ours = examples(found)
        assert [without(row, ("ids", "weights")) for row in ours] == examples(of_twin)
        ids = case["columns"]["ids"]["rows"]
        assert [row["ids"] for row in ours] == [row + [0] * (case["lengths"]["ids"] - len(row)) for row in ids]


def with_a_length_for_each_dimension(rng: random.Random) -> tuple[Case, Case]:
    case = converter_cases.features_passed_through(rng)
    checked, unchecked = ({**case["arguments"], "apply_length_check": check} for check in (True, False))
    case["lengths"]["weights"] = [4, 3]
    return {**case, "arguments": checked}, {**case, "arguments": unchecked}


def test_a_length_for_each_dimension_is_checked(compare):
    """seqio compares one of them with all, and never finds them equal; unchecked it pads as evalkit does."""
    for _, ours, theirs, of_twin in compare(with_a_length_for_each_dimension):
        assert theirs["error"] == "InvalidArgumentError"
        assert ours == of_twin
