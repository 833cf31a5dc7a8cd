"""The data that both subjects get: questions and answers as text lines, a SentencePiece model, and model outputs.

GSM8K's training set where `../shared/data/gsm8k/train.jsonl` is there, else generated text of similar lengths.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import sentencepiece

GSM8K = Path(__file__).parents[2].parent / "shared" / "data" / "gsm8k" / "train.jsonl"
GENERATED_ROWS = 7473
VOCABULARY_SIZE = 8000
MODEL_FILE = "vocabulary.model"
TEXT_FILES = ("questions.txt", "answers.txt")
OUTPUTS_FILE = "outputs.npy"


def prepare(folder: Path) -> str:
    """Writes the corpus into `folder`, once; returns what it is, in words."""
    description = folder / "corpus.txt"
    if not description.exists():
        folder.mkdir(parents=True, exist_ok=True)
        origin = f"GSM8K train ({GSM8K.name})" if GSM8K.exists() else "generated text"
        rows = list(_gsm8k() if GSM8K.exists() else _generated())
        columns = [[" ".join(text.split()) for text in column] for column in zip(*rows, strict=True)]
        for name, lines in zip(TEXT_FILES, columns, strict=True):
            (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        pieces = _train_vocabulary(folder)
        shape = _write_outputs(folder, columns[1])
        description.write_text(
            f"{origin}, {len(rows)} rows repeated in turn; SentencePiece with {pieces} pieces; "
            f"model outputs padded to {shape[1]} ids",
            encoding="utf-8",
        )
    return description.read_text(encoding="utf-8")


def folder_name() -> str:
    """A name that changes when the corpus would: sources by size, and this file."""
    size = GSM8K.stat().st_size if GSM8K.exists() else 0
    return f"corpus-{hashlib.sha256(Path(__file__).read_bytes() + str(size).encode()).hexdigest()[:12]}"


def _gsm8k() -> Iterator[tuple[str, str]]:
    for line in GSM8K.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield row["question"], row["answer"]


def _generated() -> Iterator[tuple[str, str]]:
    """Words of 2 to 9 letters, more of the common ones; 45 words a question and 55 an answer on average."""
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghilmnoprstuvw", k=rng.randint(2, 9))) for _ in range(12000)]
    weights = [1 / (rank + 10) for rank in range(len(words))]

    def text(low: int, high: int) -> str:
        return " ".join(rng.choices(words, weights, k=int(rng.triangular(low, high, low * 2))))

    for _ in range(GENERATED_ROWS):
        yield text(15, 90), f"{text(15, 120)} #### {rng.randint(0, 999)}"


def _train_vocabulary(folder: Path) -> int:
    prefix = folder / MODEL_FILE.removesuffix(".model")
    sentencepiece.SentencePieceTrainer.train(
        input=[str(folder / name) for name in TEXT_FILES],
        model_prefix=str(prefix),
        vocab_size=VOCABULARY_SIZE,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    return int(sentencepiece.SentencePieceProcessor(model_file=str(prefix) + ".model").get_piece_size())


def _write_outputs(folder: Path, answers: list[str]) -> tuple[int, int]:
    """What a decoder would return: half the answers as they are, half with ids changed or cut, an EOS, then padding."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / MODEL_FILE))
    rng = np.random.default_rng(0)
    rows = [_spoiled(np.array(ids, np.int32), rng) for ids in processor.encode(answers)]
    outputs = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for output, row in zip(outputs, rows, strict=True):
        output[: len(row)] = row
    np.save(folder / OUTPUTS_FILE, outputs)
    return outputs.shape


def _spoiled(ids: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.5:
        ids = ids[: rng.integers(1, len(ids) + 1)].copy()
        ids[rng.integers(0, len(ids))] = rng.integers(3, 1000)
    return np.append(ids, np.int32(1))
