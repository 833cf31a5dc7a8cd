"""Random examples and a preprocessor with random arguments for each, or several in a row; JSON."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.compat.differential.material import VOCABULARY_SIZES, WORDS

Case = dict[str, Any]

NAMES = ("inputs", "targets", "other")


def cases(count: int) -> list[Case]:
    """`count` cases, always the same ones: every kind in turn."""
    kinds = list(KINDS)
    return [case(random.Random(number), kinds[number % len(kinds)]) for number in range(count)]


def case(rng: random.Random, kind: str) -> Case:
    made = KINDS[kind](rng)
    return {"kind": kind, "features": {}, "sequence_length": None, "seed": rng.choice((None, 7)), **made}


def text(rng: random.Random) -> str:
    """Up to eight words, possibly none."""
    return " ".join(rng.choices(WORDS, k=rng.randint(0, 8)))


def texts(rng: random.Random, count: int) -> Case:
    return {"dtype": "string", "rank": 0, "rows": [text(rng) for _ in range(count)]}


def lists_of_texts(rng: random.Random, count: int, least: int) -> Case:
    """Of rank 1, or ragged of rank 2; with at least `least` texts in each list."""

    def texts_of_one() -> list[str]:
        return [text(rng) for _ in range(rng.randint(least, 3))]

    if rng.random() < 0.5:
        return {"dtype": "string", "rank": 1, "rows": [texts_of_one() for _ in range(count)]}
    rows = [[texts_of_one() for _ in range(rng.randint(least, 3))] for _ in range(count)]
    return {"dtype": "string", "rank": 2, "ragged": True, "rows": rows}


def ids(rng: random.Random, count: int, dtype: str = "int32") -> Case:
    return {"dtype": dtype, "rank": 1, "rows": [sequence(rng) for _ in range(count)]}


def sequence(rng: random.Random, longest: int = 12) -> list[int]:
    return [rng.randint(0, 255) for _ in range(rng.randint(0, longest))]


def matrices(rng: random.Random, count: int) -> Case:
    """Dense of rank 2 or 3, or ragged of rank 2 or 3."""
    rank, ragged = rng.choice((2, 2, 3)), rng.random() < 0.6
    width = rng.randint(1, 5)

    def rows(depth: int) -> Any:
        if depth == 1:
            return sequence(rng, 6) if ragged else [rng.randint(0, 9) for _ in range(width)]
        return [rows(depth - 1) for _ in range(rng.randint(1, 4) if ragged else 3)]

    return {"dtype": "int32", "rank": rank, "ragged": ragged, "rows": [rows(rank) for _ in range(count)]}


def others(rng: random.Random, count: int) -> Case:
    """Features that no step is to touch."""
    drawn = {
        "id": {"dtype": "int64", "rank": 0, "rows": list(range(count))},
        "weights": {"dtype": "float32", "rank": 1, "rows": [[rng.random()] * rng.randint(0, 3) for _ in range(count)]},
        "spans": {"dtype": "int32", "rank": 2, "ragged": True, "rows": [[[1], [2, 3]]] * count},
        "flag": {"dtype": "bool", "rank": 0, "rows": [rng.random() < 0.5 for _ in range(count)]},
        "note": texts(rng, count),
    }
    return {name: column for name, column in drawn.items() if rng.random() < 0.4}


def described(rng: random.Random, vocabularies: tuple[str, ...] = tuple(VOCABULARY_SIZES)) -> Case:
    """Output features; one of them the examples do not have."""
    vocabulary = rng.choice(vocabularies)
    return {name: {"vocabulary": vocabulary, "add_eos": rng.random() < 0.7} for name in (*NAMES[:2], "absent")}


def lengths(rng: random.Random) -> Case | None:
    """Of all features, some, or none."""
    drawn = {name: rng.choice((None, 1, 2, 5, 40)) for name in NAMES if rng.random() < 0.7}
    return rng.choice((drawn, drawn, None))


def count_of(rng: random.Random) -> int:
    return rng.choice((1, 5, 30))


def renamed(rng: random.Random) -> Case:
    count = count_of(rng)
    columns = {"question": texts(rng, count), "answers": ids(rng, count), **others(rng, count)}
    key_map = {name: rng.choice((*columns, None, "")) for name in (*NAMES, "id") if rng.random() < 0.7}
    return {"columns": columns, "steps": [["rekey", {"key_map": rng.choice((key_map, key_map, None))}]]}


def tokenized(rng: random.Random) -> Case:
    count = rng.choice((1, 5, 5, 300))
    arguments = {name: rng.random() < 0.5 for name in ("copy_pretokenized", "with_eos") if rng.random() < 0.7}
    step = ["tokenize", arguments]
    if rng.random() < 0.3:
        step = ["tokenize_and_append_eos", {name: value for name, value in arguments.items() if name != "with_eos"}]
    return {
        "columns": {name: texts(rng, count) for name in NAMES} | others(rng, count),
        "features": described(rng),
        "steps": [step],
    }


def tokenized_lists(rng: random.Random) -> Case:
    """Without an empty list where it would have to end with EOS, which seqio cannot do."""
    made, count = tokenized(rng), count_of(rng)
    [[name, arguments]] = made["steps"]
    least = int(name == "tokenize_and_append_eos" or arguments.get("with_eos", False))
    columns = {"inputs": lists_of_texts(rng, count, least), "targets": texts(rng, count), **others(rng, count)}
    return {**made, "columns": columns, "features": described(rng, ("sentencepiece", "sentencepiece with extra ids"))}


def looked_up(rng: random.Random) -> Case:
    """Texts, by the vocabularies that are tables."""
    made = tokenized(rng)
    features = described(rng, ("code points", "some code points", "one word", "words"))
    if features["inputs"]["vocabulary"] in ("one word", "words"):  # these have no EOS
        features = {name: feature | {"add_eos": False} for name, feature in features.items()}
    return {**made, "features": features}


def passed_through(rng: random.Random) -> Case:
    """Ids that a vocabulary takes as they are."""
    count = count_of(rng)
    columns = {"inputs": ids(rng, count), "targets": ids(rng, count), **others(rng, count)}
    arguments = {"copy_pretokenized": rng.random() < 0.5}
    return {"columns": columns, "features": described(rng, ("pass through",)), "steps": [["tokenize", arguments]]}


def ended(rng: random.Random) -> Case:
    count = count_of(rng)
    columns = {"inputs": rng.choice((ids, matrices))(rng, count), "targets": ids(rng, count), "other": ids(rng, count)}
    return {"columns": columns | others(rng, count), "features": described(rng), "steps": [["append_eos", {}]]}


def ended_after_trim(rng: random.Random) -> Case:
    """Rows of several lengths, around the one to which they are cut."""
    drawn = {"inputs": rng.choice((None, 1, 3, 4)), "targets": rng.randint(2, 8), "other": 2}
    steps = [["append_eos_after_trim", {}]]
    return {**ended(rng), "sequence_length": rng.choice((drawn, drawn, drawn, None)), "steps": steps}


def cut_on_the_left(rng: random.Random) -> Case:
    count = count_of(rng)
    columns = {"inputs": rng.choice((ids, matrices))(rng, count), "targets": ids(rng, count), **others(rng, count)}
    drawn = {name: rng.randint(1, 9) for name in NAMES if rng.random() < 0.8}
    return {
        "columns": columns,
        "sequence_length": rng.choice((drawn, drawn, None)),
        "steps": [["truncate_inputs_left", {}]],
    }


def templated(rng: random.Random) -> Case:
    count = count_of(rng)
    columns = {"question": texts(rng, count), "answer": texts(rng, count), "a b": texts(rng, count)}
    parts = ("{question}", "{answer}", "{a b}", " Answer: ", "{}", "{ }", '{"a": 1}', "}{", " é", "\n", "{a  b}")
    templates = {f"{name}_format": "".join(rng.choices(parts, k=rng.randint(1, 6))) for name in NAMES[:2]}
    return {"columns": columns, "steps": [["preprocess_tensorflow_examples", templates]]}


def converted(rng: random.Random) -> Case:
    count = count_of(rng)
    rows = {name: [[rng.randint(1, 60) for _ in range(rng.randint(1, 9))] for _ in range(count)] for name in NAMES[:2]}
    kind = rng.choice(("EncDecFeatureConverter", "PrefixLMFeatureConverter", "DecoderFeatureConverter"))
    return {
        "columns": {name: {"dtype": "int32", "rank": 1, "rows": rows[name]} for name in rows} | others(rng, count),
        "sequence_length": {"inputs": rng.randint(9, 20), "targets": rng.randint(9, 20)},
        "steps": [["apply_feature_converter", {"feature_converter": [kind, {"pack": rng.random() < 0.5}]}]],
    }


def randomly_mapped(rng: random.Random) -> Case:
    """Several random maps in a row, among steps that change the number of examples."""
    count = count_of(rng)
    steps = [rng.choice(OWN_STEPS) for _ in range(rng.randint(1, 5))]
    columns = {"inputs": ids(rng, count), "targets": ids(rng, count), **others(rng, count)}
    return {"columns": columns, "seed": rng.randint(0, 2**31), "sequence_length": lengths(rng), "steps": steps}


OWN_STEPS: tuple[list[Any], ...] = (
    ["noise", {}],
    ["noise", {"most": 3}],
    ["shuffle_words", {}],
    ["add", {"amount": 5}],
    ["twice", {}],
    ["keep_some", {"remainder": 1}],
)


def dimensions(rng: random.Random, rank: int) -> Any:
    """A length: one number, or one for each dimension."""
    return rng.choice((rng.randint(1, 9), [rng.randint(1, 6) for _ in range(rank)]))


def trimmed(rng: random.Random) -> Case:
    count = count_of(rng)
    columns = {"inputs": matrices(rng, count), "targets": ids(rng, count), **others(rng, count)}
    drawn = {name: dimensions(rng, columns[name]["rank"]) for name in NAMES[:2] if rng.random() < 0.8}
    if rng.random() < 0.3:
        drawn["targets"] = rng.choice((None, [None]))
    return {
        "columns": columns,
        "features": described(rng),
        "sequence_length": rng.choice((drawn, drawn, None)),
        "steps": [["trim_dataset", {}]],
    }


def padded(rng: random.Random) -> Case:
    count = count_of(rng)
    columns = {"inputs": matrices(rng, count), "targets": ids(rng, count), **others(rng, count)}
    drawn = {name: dimensions(rng, columns[name]["rank"]) for name in NAMES[:2] if rng.random() < 0.8}
    return {"columns": columns, "steps": [["trim_and_pad_dataset", {"feature_lengths": drawn}]]}


def packed(rng: random.Random) -> Case:
    """Sequences of ids greater than 0, none of them empty."""
    count = rng.choice((5, 60))
    drawn = {name: rng.randint(1, 20) for name in NAMES}
    dtype = rng.choice(("int32", "int64"))
    rows = {name: [[rng.randint(1, 60) for _ in range(rng.randint(1, 25))] for _ in range(count)] for name in NAMES}
    columns = {name: {"dtype": dtype, "rank": 1, "rows": rows[name]} for name in NAMES}
    return {"columns": columns | others(rng, count), "steps": [["trim_and_pack_dataset", {"feature_lengths": drawn}]]}


def in_a_row(rng: random.Random) -> Case:
    """As tasks have them."""
    count = rng.choice((1, 5, 5, 300))
    key_map = {"inputs": "question", "targets": "answer", "other": rng.choice(("question", None))}
    steps = [
        ["rekey", {"key_map": key_map}],
        ["tokenize", {"copy_pretokenized": rng.random() < 0.5}],
        *([rng.choice(OWN_STEPS)] if rng.random() < 0.7 else []),
        rng.choice((["append_eos", {}], ["append_eos_after_trim", {}])),
        *([["truncate_inputs_left", {}]] if rng.random() < 0.5 else []),
        ["trim_dataset", {}],
    ]
    drawn = {name: rng.randint(2, 20) for name in NAMES if rng.random() < 0.8}
    return {
        "columns": {"question": texts(rng, count), "answer": texts(rng, count)},
        "features": described(rng),
        "sequence_length": rng.choice((drawn, drawn, None)),
        "seed": 3,
        "steps": steps,
    }


KINDS: dict[str, Callable[[random.Random], Case]] = {
    make.__name__: make
    for make in (
        renamed,
        tokenized,
        tokenized_lists,
        looked_up,
        passed_through,
        ended,
        ended_after_trim,
        cut_on_the_left,
        templated,
        converted,
        randomly_mapped,
        trimmed,
        padded,
        packed,
        in_a_row,
    )
}
