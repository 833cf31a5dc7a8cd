import pytest

from evalkit.columns import Ragged
from evalkit.errors import RowError
from evalkit.evaluations.texts import decoded, encoded, text_rows
from evalkit.vocabularies.byte import ByteVocabulary


def test_vocabularies_of_evalkit_are_tokenizers():
    vocabulary = ByteVocabulary()
    ids = encoded(vocabulary, ["one", "", "zwölf"])
    assert ids.num_rows == 3
    assert decoded(vocabulary, ids) == ["one", "", "zwölf"]


def test_without_bos_texts_of_one_token_have_no_row():
    found = text_rows(Ragged.from_rows([[4], [5, 6]]), None)
    assert (len(found.rows), found.kept.tolist()) == (1, [1])
    with pytest.raises(RowError, match="None of 1 texts"):
        text_rows(Ragged.from_rows([[4]]), None)
