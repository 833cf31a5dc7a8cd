"""One language model for both sides: GPT-2's layout with weights from a seed, a tokenizer, and texts to read.

Everything here needs numpy and tokenizers alone, so that the interpreters of both sides import it. The texts are those
of the corpus, GSM8K where it is there.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tokenizers

VOCABULARY, LENGTH, WIDTH, LAYERS, HEADS = 8192, 1024, 320, 6, 8
THREADS = 2
QUESTIONS, SHOTS, CHOICES = 500, 5, 4
CHOICE_WORDS = 8
PROMPTS, MAX_NEW = 200, 64
DOCUMENTS = 400
TOKENIZER_FILE = "tokenizer.json"


@dataclasses.dataclass(frozen=True)
class Question:
    """A question with several answers, one of which is right."""

    question: str
    choices: tuple[str, ...]
    label: int

    @property
    def prompt(self) -> str:
        return f"Question: {self.question}\nAnswer:"


class Timed(NamedTuple):
    """What an evaluation found, and took; `compiles` is how often anything was compiled so far."""

    found: list[Any]
    cpu: float
    wall: float
    compiles: int = 0


def use_threads() -> None:
    """Leaves this process `THREADS` CPUs. Both sides then take so many threads by themselves, if this is called before
    they are imported.
    """
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])


def shots(folder: Path) -> list[Question]:
    """The questions that stand, with their right answers, before every other."""
    return list(itertools.islice(_questions(folder), SHOTS))


def questions(folder: Path, count: int) -> list[Question]:
    """The questions to be answered."""
    return list(itertools.islice(_questions(folder), SHOTS, SHOTS + count))


def pairs(folder: Path, count: int) -> list[tuple[str, str]]:
    """Context and continuation of every choice of every question, in lm-eval's words."""
    before = "".join(f"{shot.prompt} {shot.choices[shot.label]}\n\n" for shot in shots(folder))
    return [(before + one.prompt, f" {choice}") for one in questions(folder, count) for choice in one.choices]


def prompts(folder: Path, count: int) -> list[list[int]]:
    """Ids of one to five questions each."""
    lines = _lines(folder, "questions.txt")
    texts = [" ".join(lines[5 * number : 5 * number + 1 + number % 5]) for number in range(count)]
    return [encoding.ids for encoding in tokenizer(folder).encode_batch(texts)]


def documents(folder: Path, count: int) -> list[list[int]]:
    """Ids of questions with their answers."""
    both = zip(_lines(folder, "questions.txt"), _lines(folder, "answers.txt"), strict=True)
    texts = [f"{question} {answer}" for question, answer in itertools.islice(both, count)]
    return [encoding.ids for encoding in tokenizer(folder).encode_batch(texts)]


def tokenizer(folder: Path) -> Any:
    """A byte-level BPE, trained on the corpus once; the side that comes second reads the file."""
    path = folder / TOKENIZER_FILE
    if not path.exists():
        learner = tokenizers.Tokenizer(tokenizers.models.BPE())
        learner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        learner.decoder = tokenizers.decoders.ByteLevel()
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=["<|endoftext|>"],
            initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        learner.train([str(folder / name) for name in ("questions.txt", "answers.txt")], trainer)
        unfinished = path.with_suffix(f".{os.getpid()}")
        learner.save(str(unfinished))
        unfinished.replace(path)
    return tokenizers.Tokenizer.from_file(str(path))


def weights() -> dict[str, np.ndarray]:
    """Weights under the names that transformers gives them, float32.

    They are large enough for logits to differ by about 1: with GPT-2's first ones all tokens are nearly as likely, and
    agreeing on them would say little.
    """
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return (0.05 * rng.standard_normal(shape)).astype(np.float32)

    found = {"transformer.wte.weight": normal(VOCABULARY, WIDTH), "transformer.wpe.weight": normal(LENGTH, WIDTH)}
    norms = ["transformer.ln_f"]
    for layer in range(LAYERS):
        block = f"transformer.h.{layer}"
        norms += [f"{block}.ln_1", f"{block}.ln_2"]
        for name, inside, outside in (
            ("attn.c_attn", WIDTH, 3 * WIDTH),
            ("attn.c_proj", WIDTH, WIDTH),
            ("mlp.c_fc", WIDTH, 4 * WIDTH),
            ("mlp.c_proj", 4 * WIDTH, WIDTH),
        ):
            found[f"{block}.{name}.weight"], found[f"{block}.{name}.bias"] = normal(inside, outside), normal(outside)
    for norm in norms:
        found[f"{norm}.weight"], found[f"{norm}.bias"] = 1 + normal(WIDTH), normal(WIDTH)
    return found


def _lines(folder: Path, name: str) -> list[str]:
    return (folder / name).read_text(encoding="utf-8").splitlines()


def _questions(folder: Path) -> Iterator[Question]:
    """Each question of the corpus with the end of its answer, and those of the three answers that follow."""
    rng = np.random.default_rng(0)
    asked = _lines(folder, "questions.txt")
    ends = [" ".join(line.partition(" ####")[0].split()[-CHOICE_WORDS:]) for line in _lines(folder, "answers.txt")]
    for number, question in enumerate(asked):
        label = int(rng.integers(CHOICES))
        order = [(number + (place - label) % CHOICES) % len(ends) for place in range(CHOICES)]
        yield Question(question, tuple(ends[place] for place in order), label)
