"""Random datasets of token sequences, and a feature converter with random arguments for each; JSON."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Case = dict[str, Any]

MASK = 5


def cases(count: int) -> list[Case]:
    """`count` cases, always the same ones: every kind in turn."""
    kinds = list(KINDS)
    return [case(random.Random(number), kinds[number % len(kinds)]) for number in range(count)]


def case(rng: random.Random, kind: str) -> Case:
    made = KINDS[kind](rng)
    return {"kind": kind, "passthrough": {}, **made}


def arguments(rng: random.Random, **more: Any) -> dict[str, Any]:
    """Of a converter; those with a default are left out at times."""
    drawn = {"pack": rng.random() < 0.6, "bos_id": rng.choice((0, 1, 7)), "apply_length_check": rng.random() < 0.8}
    return {name: value for name, value in drawn.items() if name == "pack" or rng.random() < 0.7} | more


def tokens(rows: list[list[int]]) -> Case:
    return {"dtype": "int32", "rank": 1, "rows": rows}


def sequences(rng: random.Random, count: int, longest: int, shortest: int = 0) -> list[list[int]]:
    """Rows of ids greater than 0, short ones and long ones; `MASK` is among them."""
    most = rng.choice((longest, max(shortest, longest // 4)))
    return [[rng.randint(1, 60) for _ in range(rng.randint(shortest, most))] for _ in range(count)]


def with_extra(rng: random.Random, columns: Case, count: int) -> Case:
    """Further features, which converters drop."""
    if rng.random() < 0.5:
        columns["inputs_pretokenized"] = {"dtype": "string", "rank": 0, "rows": [f"text {n}" for n in range(count)]}
    if rng.random() < 0.2:
        columns["matrix"] = {"dtype": "float32", "rank": 2, "rows": [[[0.5, n], [1, 2]] for n in range(count)]}
    return columns


def passed_through(rng: random.Random, columns: Case, lengths: Case, count: int) -> Case:
    """Features to pass through, as the converter is told of them; their columns and lengths are added."""
    columns["ids"] = tokens(sequences(rng, count, 6))
    columns["weights"] = {
        "dtype": "float32",
        "rank": 2,
        "rows": [[[rng.random() for _ in range(3)] for _ in range(rng.randint(0, 4))] for _ in range(count)],
        "shape": [None, 3],
    }
    columns["score"] = {"dtype": "float32", "rank": 0, "rows": [rng.random() for _ in range(count)]}
    lengths |= {"ids": rng.choice((6, 9)), "weights": 4}
    return {"ids": ["int32", 1], "weights": ["float32", 2]}


def joined(rng: random.Random, converter: str, parts: tuple[str, ...], **more: Any) -> Case:
    """A case whose examples have the features `parts`, all of them with tokens where they are packed."""
    count, lengths = rng.choice((1, 7, 40, 120)), {name: rng.randint(1, 24) for name in parts}
    drawn = arguments(rng, **more)
    shortest = 1 if drawn["pack"] else 0  # an empty feature in a packed row is a kind of its own
    columns = {name: tokens(sequences(rng, count, length, shortest)) for name, length in lengths.items()}
    return {"converter": converter, "arguments": drawn, "lengths": lengths, "columns": with_extra(rng, columns, count)}


def loss(rng: random.Random) -> dict[str, Any]:
    return rng.choice(({}, {"loss_on_targets_only": True}, {"loss_on_targets_only": False}))


def encoder_decoder(rng: random.Random) -> Case:
    return joined(rng, "EncDecFeatureConverter", ("inputs", "targets"))


def language_model(rng: random.Random) -> Case:
    made = joined(rng, "LMFeatureConverter", ("targets",))
    made["columns"]["targets"] = tokens(sequences(rng, 30, made["lengths"]["targets"]))
    return {**made, "columns": {"targets": made["columns"]["targets"]}}


def prefix_lm(rng: random.Random) -> Case:
    return joined(rng, "PrefixLMFeatureConverter", ("inputs", "targets"), **loss(rng))


def prefix_lm_without_inputs(rng: random.Random) -> Case:
    made = prefix_lm(rng)
    made["columns"]["inputs"]["rows"] = [row if rng.random() < 0.5 else [] for row in made["columns"]["inputs"]["rows"]]
    return made


def prefix_suffix_lm(rng: random.Random) -> Case:
    """Any part may be empty, but never the targets and the suffix of one example."""
    made = joined(rng, "PrefixSuffixLMFeatureConverter", ("inputs", "targets", "suffixes"))
    inputs, targets, suffixes = (made["columns"][name]["rows"] for name in ("inputs", "targets", "suffixes"))
    for index in range(len(inputs)):
        for rows in [inputs] * (rng.random() < 0.3) + [rng.choice((targets, suffixes))] * (rng.random() < 0.6):
            rows[index] = []
        if not targets[index] + suffixes[index]:
            targets[index] = [9]
    return made


def decoder(rng: random.Random) -> Case:
    if rng.random() < 0.3:
        return {**prefix_suffix_lm(rng), "converter": "DecoderFeatureConverter"}
    parts = rng.choice((("targets",), ("inputs", "targets")))
    return joined(rng, "DecoderFeatureConverter", parts, **loss(rng))


def encoder(rng: random.Random) -> Case:
    made = joined(rng, "EncoderFeatureConverter", ("inputs", "targets"), mask_id=MASK)
    made["lengths"] = dict.fromkeys(made["lengths"], max(made["lengths"].values()))
    rows = made["columns"]["inputs"]["rows"]
    made["columns"]["targets"]["rows"] = [[rng.randint(1, 60) if id == MASK else id for id in row] for row in rows]
    return made


def pass_through(rng: random.Random) -> Case:
    made = encoder_decoder(rng)
    return {**made, "converter": "PassThroughFeatureConverter", "arguments": rng.choice(({}, {"pack": True}))}


def prepacked_encoder_decoder(rng: random.Random) -> Case:
    lengths = {name: rng.randint(1, 12) for name in ("inputs", "targets")}
    columns = {}
    for name, length in list(lengths.items()):
        for feature in (name, f"{name}_segment_ids", f"{name}_positions"):
            columns[feature] = tokens([[rng.randint(0, 4) for _ in range(rng.randint(1, length))] for _ in range(20)])
            lengths[feature] = length
    drawn = arguments(rng) | {"pack": False}
    return {
        "converter": "PrePackedEncDecFeatureConverter",
        "arguments": drawn,
        "lengths": lengths,
        "columns": with_extra(rng, columns, 20),
    }


ROW_FEATURES = (
    "decoder_target_tokens",
    "decoder_input_tokens",
    "decoder_loss_weights",
    "decoder_segment_ids",
    "decoder_positions",
    "decoder_causal_attention",
)


def prepacked_rows(rng: random.Random) -> Case:
    lengths = {name: rng.randint(1, 12) for name in ("inputs", "targets")}
    kind = rng.choice(("PrePackedLMFeatureConverter", "PrePackedPrefixLMFeatureConverter"))
    length = lengths["targets"] + (lengths["inputs"] if "Prefix" in kind else 0)
    columns = {name: tokens([[rng.randint(0, 9) for _ in range(length)] for _ in range(9)]) for name in ROW_FEATURES}
    return {"converter": kind, "arguments": {}, "lengths": lengths, "columns": with_extra(rng, columns, 9)}


def prepacked_rows_of_another_length(rng: random.Random) -> Case:
    made = prepacked_rows(rng)
    made["lengths"]["targets"] += rng.choice((-1, 1))
    return made


def features_passed_through(rng: random.Random) -> Case:
    kind = rng.choice(("EncDecFeatureConverter", "PrefixLMFeatureConverter", "DecoderFeatureConverter"))
    made = joined(rng, kind, ("inputs", "targets"), pack=False)
    count = len(made["columns"]["inputs"]["rows"])
    made["passthrough"] = passed_through(rng, made["columns"], made["lengths"], count)
    if not made["arguments"].get("apply_length_check", True):
        made["lengths"]["weights"] = [3, rng.choice((2, 5))]
    return made


def too_long(rng: random.Random) -> Case:
    """With one example that is longer than its length: an error, or cut."""
    make = rng.choice((encoder_decoder, prefix_lm, prefix_suffix_lm))
    made = make(rng)
    name = rng.choice([name for name in made["columns"] if name in made["lengths"]])
    rows = made["columns"][name]["rows"]
    rows[rng.randrange(len(rows))] = [rng.randint(1, 60) for _ in range(made["lengths"][name] + rng.randint(1, 30))]
    return made


def wrong_table(rng: random.Random) -> Case:
    """With a feature, a dtype, a rank or a length that the converter does not take."""
    made = encoder_decoder(rng)
    columns, lengths = made["columns"], made["lengths"]
    rows = columns["targets"]["rows"]
    match rng.choice(("missing", "dtype", "rank", "length missing", "length superfluous", "packed passthrough")):
        case "missing":
            del columns["targets"]
        case "dtype":
            columns["targets"]["dtype"] = rng.choice(("int64", "float32"))
        case "rank":
            columns["targets"] = {"dtype": "int32", "rank": 2, "rows": [[row] for row in rows]}
        case "length missing":
            del lengths["targets"]
        case "length superfluous":
            lengths["suffixes"] = 3
        case "packed passthrough":
            made["arguments"]["pack"] = True
            return {**made, "passthrough": passed_through(rng, columns, lengths, len(rows))}
    return made


KINDS: dict[str, Callable[[random.Random], Case]] = {
    make.__name__: make
    for make in (
        encoder_decoder,
        prefix_lm,
        language_model,
        decoder,
        encoder,
        prefix_suffix_lm,
        prefix_lm_without_inputs,
        features_passed_through,
        prepacked_encoder_decoder,
        prepacked_rows,
        prepacked_rows_of_another_length,
        pass_through,
        too_long,
        wrong_table,
    )
}
