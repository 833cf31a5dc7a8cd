import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import LoggerError
from evalkit.training.kept_outputs import KeptOutputs, keeping

EXAMPLES = [(index, {"x": index}) for index in range(10)]


def doubled(examples):
    return [(index, [2 * features["x"]]) for index, features in examples]


def with_scores(examples):
    return doubled(examples), {"scores": [np.float32([index, 0.1]) for index, _ in examples]}


def ask(path, fn=doubled, key="k", size=3):
    """All outputs, and for which batches the model was asked."""
    asked = []

    def model_fn(batch):
        asked.append([index for index, _ in batch])
        return fn(batch)

    kept = KeptOutputs(path, key, len(EXAMPLES), size)
    return keeping(kept, lambda _: model_fn, lambda: None)(EXAMPLES), asked


def test_a_model_is_asked_once(tmp_path):
    outputs, asked = ask(tmp_path / "kept")
    assert outputs == doubled(EXAMPLES)
    assert asked == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    assert ask(tmp_path / "kept") == (outputs, [])


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1), st.binary(max_size=8))
def test_of_a_file_that_was_cut_the_whole_batches_are_used(tmp_path_factory, share, garbage):
    path = tmp_path_factory.mktemp("cut") / "kept"
    outputs, _ = ask(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))] + garbage)
    again, asked = ask(path)
    assert again == outputs
    assert path.read_bytes() == whole
    assert len(asked) <= 4
    assert ask(path) == (outputs, [])


def test_a_byte_that_changed_is_seen(tmp_path):
    path = tmp_path / "kept"
    ask(path)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert ask(path) == (doubled(EXAMPLES), [[9]])


def test_outputs_of_something_else_are_not_used(tmp_path):
    ask(tmp_path / "kept")
    assert len(ask(tmp_path / "kept", key="other")[1]) == 4
    assert len(ask(tmp_path / "kept", key="other", size=5)[1]) == 2


def test_arrays_come_back_as_they_were(tmp_path):
    (pairs, auxiliary), _ = ask(tmp_path / "kept", with_scores)
    assert pairs == doubled(EXAMPLES)
    assert all(row.dtype == np.float32 for row in auxiliary["scores"])
    np.testing.assert_array_equal(auxiliary["scores"], with_scores(EXAMPLES)[1]["scores"])


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(LoggerError, match=r"A sweep cannot write .*results_dir"):
        KeptOutputs(tmp_path / "no" / "kept", "k", 1, 1)
