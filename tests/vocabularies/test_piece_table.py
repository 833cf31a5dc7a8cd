"""Decoding from a table gives what the library gives, whatever the model and the ids."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentencepiece import sentencepiece_model_pb2

from evalkit.columns import Ragged
from evalkit.vocabularies import SentencePieceVocabulary
from evalkit.vocabularies.piece_table import PieceTable, representable

MODELS = ["unigram", "bpe", "char", "unigram_bytes", "bpe_bytes", "no_dummy_prefix", "all_spaces", "suffix"]
SCHEMA: Any = sentencepiece_model_pb2
Spec = SCHEMA.NormalizerSpec

NORMALISERS = {
    "as trained": None,
    "keeps spaces": Spec(remove_extra_whitespaces=False),
    "no prefix": Spec(add_dummy_prefix=False, remove_extra_whitespaces=False),
    "no prefix, trims": Spec(add_dummy_prefix=False, remove_extra_whitespaces=True),
}


@pytest.mark.parametrize("normaliser", NORMALISERS)
@pytest.mark.parametrize("model", MODELS)
def test_random_ids_decode_as_with_the_library(model_files, model, normaliser):
    vocabulary = SentencePieceVocabulary(model_files[model], 5, NORMALISERS[normaliser])
    size = vocabulary.vocab_size
    meta = vocabulary.tokenizer.piece_to_id("▁")
    blank = st.sampled_from([0, 1, 2, meta, size - 1])
    row = st.lists(st.one_of(blank, st.integers(-2, size + 2), st.integers(0, 12)), max_size=12)

    @settings(max_examples=25, deadline=None)
    @given(st.lists(row, max_size=8))
    def check(rows):
        cleaned = [[i if 0 <= i < size else 2 for i in row] for row in rows]
        cut = [row[: row.index(1) + 1] if 1 in row else row for row in cleaned]
        assert vocabulary.decode_batch(Ragged.from_rows(rows)) == [vocabulary.tokenizer.DecodeIds(row) for row in cut]

    check()


def test_a_thousand_rows_are_decoded_in_order(unigram):
    vocabulary = SentencePieceVocabulary(unigram)
    rows = [[*vocabulary.encode(f"the cat counts {number}")] * (number % 3) for number in range(1000)]
    assert vocabulary.decode_batch(Ragged.from_rows(rows)) == [vocabulary.decode(row) for row in rows]


def test_bytes_become_characters_only_together(model_files):
    vocabulary = SentencePieceVocabulary(model_files["unigram_bytes"])
    pieces = [vocabulary.tokenizer.piece_to_id(piece) for piece in ("<0xC3>", "<0xA9>", "<0x41>", "<0x0A>")]
    rows = [pieces, pieces[::-1], pieces[2:], pieces[:1], [pieces[0], 9, pieces[1]]]
    texts = vocabulary.decode_batch(Ragged.from_rows(rows))
    assert texts[:4] == [
        "éA\n",
        "\nA\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}",
        "A\n",
        "\N{REPLACEMENT CHARACTER}",
    ]
    assert texts == [vocabulary.tokenizer.DecodeIds(row) for row in rows]


@pytest.mark.parametrize("model", MODELS)
def test_only_a_model_with_a_suffix_is_left_to_the_library(model_files, model):
    proto = SCHEMA.ModelProto.FromString(SentencePieceVocabulary(model_files[model]).sp_model)
    assert representable(proto) == (model != "suffix")


def test_long_pieces_and_denormalisers_are_left_to_the_library(unigram):
    proto = SCHEMA.ModelProto.FromString(SentencePieceVocabulary(unigram).sp_model)
    denormalising = SCHEMA.ModelProto.FromString(proto.SerializeToString())
    denormalising.denormalizer_spec.precompiled_charsmap = b"\x01"
    assert not representable(denormalising)
    proto.pieces.add(piece="x" * 129, score=0.0)
    assert not representable(proto)


def test_the_table_finds_out_when_numpy_would_not_assign_in_order(unigram, monkeypatch):
    proto = SCHEMA.ModelProto.FromString(SentencePieceVocabulary(unigram).sp_model)
    table = PieceTable(proto, decode_rows=lambda rows: [])
    assert table.is_sound
    monkeypatch.setattr(PieceTable, "_join", lambda self, values, ends: b"scrambled")
    assert not table.is_sound
