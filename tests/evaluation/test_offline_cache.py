"""Evaluating from an offline cache, with and without a store of prepared examples beside it."""

import pytest

from evalkit import preprocessors
from evalkit.data import CacheDatasetPlaceholder, TaskRegistry, set_global_cache_dirs
from evalkit.errors import CacheError, NotCachedError
from evalkit.transforms import map_over_dataset
from tests.evaluation.small_task import answer_targets, rows_source

caching = pytest.importorskip("evalkit.caching")
pytest.importorskip("apache_beam", reason="Apache Beam is not installed: pip install 'evalkit[cache]'")


@pytest.fixture
def caches(tmp_path):
    """The directory of the offline caches."""
    set_global_cache_dirs([tmp_path / "caches"])
    yield tmp_path / "caches"
    set_global_cache_dirs([])


STEPS = (preprocessors.tokenize, preprocessors.append_eos)


@pytest.fixture
def cached(make_task, caches):
    """`cached(answers)` caches the task with these answers, and gives it."""

    def cache(*answers, **changes):
        source = rows_source([f"question {number}" for number in range(len(answers))], answers)
        steps = [*STEPS, CacheDatasetPlaceholder()]
        task = make_task(source=source, **{"preprocessors": steps, **changes})
        TaskRegistry.add_provider(task.name, task, override=True)
        settings = caching.CacheSettings(min_files=1)
        [outcome] = caching.cache_tasks([task], str(caches), settings=settings, overwrite=True)
        assert outcome.error is None
        return task

    return cache


def answers_of(evaluator):
    return [row["targets_pretokenized"] for row in evaluator.cached_task_datasets["spanish"].as_numpy_iterator()]


def test_examples_come_from_the_cache(cached, make_evaluator, make_task):
    task = cached("uno", "dos")
    evaluator = make_evaluator(task, use_cached=True)
    assert answers_of(evaluator) == [b"uno", b"dos"]
    assert evaluator.evaluate(predict_fn=answer_targets)[0].result() == {"spanish": {"exact": 1.0}}


def test_the_key_of_a_store_covers_the_files_of_the_cache(cached, make_evaluator, tmp_path):
    """They are what is read; a store that was made of other files holds other examples."""
    keywords = {"use_cached": True, "use_memory_cache": False, "cache_dir": str(tmp_path / "stores")}
    task = cached("uno", "dos")
    for _ in range(2):
        assert answers_of(make_evaluator(task, **keywords)) == [b"uno", b"dos"]
    assert len(list((tmp_path / "stores" / "task").iterdir())) == 1
    set_global_cache_dirs([tmp_path / "caches"], accept_stale=True)
    cached("tres", "seis")  # as long as before: other files all the same
    assert answers_of(make_evaluator(task, **keywords)) == [b"tres", b"seis"]
    assert len(list((tmp_path / "stores" / "task").iterdir())) == 2


def test_the_key_of_a_store_covers_what_comes_after_the_cache(cached, make_evaluator, tmp_path):
    @map_over_dataset
    def shout(row):
        return {**row, "targets_pretokenized": row["targets_pretokenized"] + "!"}

    keywords = {"use_cached": True, "use_memory_cache": False, "cache_dir": str(tmp_path / "stores")}
    task = cached("uno")
    assert answers_of(make_evaluator(task, **keywords)) == [b"uno"]
    task = task.replace(preprocessors=[*task.preprocessors, shout])
    assert answers_of(make_evaluator(task, **keywords)) == [b"uno!"]


def test_a_cache_that_is_missing_or_cannot_be_read(cached, make_evaluator, make_task, caches):
    with pytest.raises(NotCachedError, match="'spanish' does not exist in any of the task cache directories"):
        make_evaluator(make_task(preprocessors=[*STEPS, CacheDatasetPlaceholder()]), use_cached=True)
    task = cached("uno", "dos")
    [path] = (caches / "spanish").glob("validation.tfrecord-*")
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    message = f"'spanish', split 'validation': its offline cache is not as it was written; .*{path.name}"
    with pytest.raises(CacheError, match=message):
        make_evaluator(task, use_cached=True)
