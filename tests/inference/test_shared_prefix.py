from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.columns import Ragged
from evalkit.inference.prefix_tree import cheapest_cuts
from evalkit.inference.shared_prefix import by_inputs, distinct_rows, divide, undivided


def rows_of(draw, pieces: int, longest: int) -> list[list[int]]:
    """Rows made of a few pieces each, so that many begin alike."""
    piece = st.lists(st.integers(0, 2), min_size=1, max_size=longest)
    available = draw(st.lists(piece, min_size=1, max_size=4))
    joined = st.lists(st.sampled_from(available), min_size=1, max_size=pieces).map(
        lambda parts: [*itertools.chain(*parts)]
    )
    return draw(st.lists(joined, max_size=12))


@given(st.data())
def test_every_row_is_the_beginning_of_its_holder_and_no_holder_of_another(data):
    rows = rows_of(data.draw, 3, 3)
    inputs = data.draw(st.lists(st.sampled_from([[1], [1, 2]]), min_size=len(rows), max_size=len(rows)))
    found = distinct_rows(Ragged.from_rows(rows), Ragged.from_rows(inputs))
    read = [(inputs[row], rows[row]) for row in found.order]
    for row, holder in enumerate(found.holders):
        assert read[holder][0] == inputs[row]
        assert read[holder][1][: len(rows[row])] == rows[row]
    for place, (of, row) in enumerate(read):
        assert not any(other[: len(row)] == row and of == its for its, other in read[:place] + read[place + 1 :])
        if place:
            before = read[place - 1]
            common = 0
            while common < len(row) and row[: common + 1] == before[1][: common + 1]:
                common += 1
            assert found.shared[place] == (common if before[0] == of else -1)


@settings(max_examples=200)
@given(st.data())
def test_divided_rows_are_whole_and_cost_no_more(data):
    rows = rows_of(data.draw, 4, 40)
    found = distinct_rows(Ragged.from_rows(rows))
    read = [rows[row] for row in found.order]
    lengths = np.array([len(row) for row in read], np.int64)
    first_reads = np.array([data.draw(st.integers(0, len(row) - 1)) for row in read], np.int64)
    division = divide(lengths, found.shared, first_reads)
    assert division.firsts[0] == 0 and division.firsts[-1] == len(read)
    assert (np.diff(division.firsts) > 0).all()
    tokens = int(division.stem_depths.sum())
    for context, (depth, stem) in enumerate(zip(division.depths, division.stems, strict=True)):
        members = range(division.firsts[context], division.firsts[context + 1])
        base = 0
        if stem >= 0:
            base, leader = division.stem_depths[stem], read[division.stem_firsts[stem]]
            assert all(read[row][:base] == leader[:base] and base <= first_reads[row] for row in members)
        assert base < depth
        assert all(read[row][:depth] == read[members[0]][:depth] for row in members)
        assert len(members) == 1 or all(lengths[row] > depth for row in members)
        tokens += int(depth - base + (lengths[members.start : members.stop] - depth).sum())
    assert tokens <= lengths.sum()


def questions(count: int, stem: int, *, shared: bool, choice: tuple[int, int] = (1, 9), seed: int = 0):
    """Four-choice questions of 100 tokens behind a stem: the rows that are fed, and where something is read first."""
    generator = np.random.default_rng(seed)

    def ids(length):
        return generator.integers(0, 1000, length).tolist()

    few_shot = ids(stem)
    rows, first_reads = [], []
    for _ in range(count):
        context = (few_shot if shared else ids(stem)) + ids(100)
        rows += [(context + ids(generator.integers(*choice, endpoint=True)))[:-1] for _ in range(4)]
        first_reads += [len(context) - 1] * 4
    return Ragged.from_rows(rows), np.array(first_reads)


def tokens_read(fed: Ragged, first_reads: np.ndarray, *, cached: bool = True) -> int:
    found = distinct_rows(fed)
    lengths = fed.lengths[found.order]
    reads = lengths.copy()
    np.minimum.at(reads, found.holders, first_reads)
    division = divide(lengths, found.shared, reads) if cached else undivided(lengths)
    base = np.append(division.stem_depths, 0)[division.stems]
    choices = lengths - np.repeat(division.depths, np.diff(division.firsts))
    return int(division.stem_depths.sum() + (division.depths - base).sum() + choices.sum())


@pytest.mark.parametrize(
    ("stem", "shared", "choice", "share"),
    [
        (0, False, (1, 9), 1 / 3),
        (0, False, (4, 9), 1 / 3),
        (0, False, (1, 1), 1 / 4),
        (500, False, (1, 9), 0.27),
        (500, True, (1, 9), 1 / 18),  # the stem is read once, each question once, and the choices
        (500, True, (1, 1), 1 / 22),
    ],
)
def test_four_choices_of_a_question_cost_at_most_a_third(stem, shared, choice, share):
    fed, first_reads = questions(100, stem, shared=shared, choice=choice)
    assert tokens_read(fed, first_reads) <= share * fed.lengths.sum()


def test_without_a_cache_one_token_choices_are_one_row():
    fed, first_reads = questions(50, 0, shared=False, choice=(1, 1))
    assert tokens_read(fed, first_reads, cached=False) * 4 == fed.lengths.sum()


def test_little_in_common_is_not_worth_a_cut():
    lengths, shared = np.full(4, 50), np.array([0, 3, 3, 3])
    assert cheapest_cuts(lengths, shared, lengths - 1).contexts == [(row, 50, -1) for row in range(4)]


def test_a_hundred_choices_are_read_next_to_each_other():
    lengths, shared = np.full(100, 60), np.append(0, np.full(99, 50))
    cuts = cheapest_cuts(lengths, shared, np.full(100, 49))
    assert cuts.stems == [(0, 49)]
    assert cuts.contexts == [(row, 60, 0) for row in range(100)]


def test_stems_of_several_subjects():
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(3):
        stem = generator.integers(0, 1000, 80).tolist()
        rows += [stem + generator.integers(0, 1000, 10).tolist() for _ in range(20)]
    found = distinct_rows(Ragged.from_rows(rows))
    division = divide(np.full(60, 90), found.shared, np.full(60, 89))
    assert division.stem_depths.tolist() == [80, 80, 80]
    assert division.stems.tolist() == [0] * 20 + [1] * 20 + [2] * 20


def test_rows_of_the_same_inputs_are_a_context():
    found = distinct_rows(Ragged.from_rows([[1, 2], [1, 3], [1, 2], [1]]), Ragged.from_rows([[5], [5], [6], [6]]))
    division = by_inputs(found)
    assert division.firsts.tolist() == [0, 2, 3]
    assert division.depths.tolist() == [0, 0]


def test_nothing_to_divide():
    found = distinct_rows(Ragged.from_rows([]))
    nothing = np.zeros(0, np.int64)
    assert len(divide(nothing, found.shared, nothing).depths) == 0
    assert len(undivided(nothing).depths) == 0
    assert len(by_inputs(found).depths) == 0
