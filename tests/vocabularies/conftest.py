"""Small SentencePiece models and a Hugging Face tokenizer, trained on generated text once a session."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import sentencepiece

SUBJECTS = ["the cat", "a small dog", "Anna", "nobody", "ein Löwe", "日本の猫"]
VERBS = ["sees", "counts", "does not find", "mange", "reads"]
OBJECTS = ["33 apples.", "the river,", "x = 3*4!", "a café", "10 % of it", "猫  and dogs"]
SENTENCES = [" ".join(words) for words in itertools.product(SUBJECTS, VERBS, OBJECTS)]

MODELS: dict[str, dict[str, Any]] = {
    "unigram": {"model_type": "unigram", "vocab_size": 120},
    "bpe": {"model_type": "bpe", "vocab_size": 120},
    "char": {"model_type": "char", "vocab_size": 70},
    "unigram_bytes": {"model_type": "unigram", "vocab_size": 340, "byte_fallback": True, "character_coverage": 0.98},
    "bpe_bytes": {"model_type": "bpe", "vocab_size": 340, "byte_fallback": True, "character_coverage": 0.98},
    "no_dummy_prefix": {"model_type": "unigram", "vocab_size": 120, "add_dummy_prefix": False},
    "all_spaces": {"model_type": "unigram", "vocab_size": 120, "remove_extra_whitespaces": False},
    "suffix": {"model_type": "unigram", "vocab_size": 120, "treat_whitespace_as_suffix": True},
}


@pytest.fixture(scope="session")
def model_files(tmp_path_factory):
    """The path of every model, by its name in `MODELS`."""
    folder = tmp_path_factory.mktemp("sentencepiece")
    for name, options in MODELS.items():
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(SENTENCES),
            model_prefix=str(folder / name),
            pad_id=0,
            eos_id=1,
            unk_id=2,
            bos_id=-1,
            hard_vocab_limit=False,
            minloglevel=2,
            num_threads=1,
            **options,
        )
    return {name: str(folder / f"{name}.model") for name in MODELS}


@pytest.fixture(scope="session")
def unigram(model_files):
    """The path of a plain model with padding 0, EOS 1 and unknown 2."""
    return model_files["unigram"]


@pytest.fixture(scope="session")
def tokenizer():
    """Byte-level BPE with <pad> 0, </s> 1 and <unk> 2."""
    tokenizers = pytest.importorskip("tokenizers", reason="needs the extra huggingface")
    made = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        special_tokens=["<pad>", "</s>", "<unk>"],
        vocab_size=300,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(SENTENCES, trainer)
    return made
