import json
import math

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
import pytest

from evalkit.errors import (
    ArgumentError,
    ArgumentTypeError,
    CheckpointError,
    DuplicateNameError,
    EvaluationError,
    FingerprintError,
    LoggerError,
)
from evalkit.evaluations.job import EvaluationJob
from evalkit.inference.engine import Engine
from tests.evaluations.jobs import Counting, Stories, TrainerOf, job_of, names_run
from tests.evaluations.letters import Letters, learned_job, random_texts
from tests.inference.models import small_model

TEXTS = tuple(random_texts(5, 12, seed=0))


@pytest.fixture(autouse=True)
def _nothing_run():
    Counting.runs.clear()


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def document(folder):
    [path] = folder.rglob("results.json")
    return json.loads(path.read_text(), parse_constant=pytest.fail)


def test_results_and_rows_are_written(tmp_path):
    job = job_of(tmp_path, Stories("stories", TEXTS), Counting("counting", TEXTS))
    assert not job.done
    results = job.run()
    assert job.done
    assert list(results) == ["stories", "counting"]
    found = document(tmp_path)
    assert found["step"] == 3
    for name, result in results.items():
        entry = found["evaluations"][name]
        assert (entry["score"], entry["counts"], entry["values"]) == (result.score, result.counts, result.values)
        [rows] = tmp_path.rglob(entry["rows"]["file"])
        assert [json.loads(line) for line in rows.read_text().splitlines()] == list(result.rows)
    assert len(files_in(tmp_path)) == 3


def test_what_is_done_is_not_run_again(tmp_path):
    first = job_of(tmp_path, Counting("a", TEXTS)).run()
    again = job_of(tmp_path, Counting("a", TEXTS))
    assert again.done
    assert again() == first
    assert names_run() == ["a"]


def test_one_more_evaluation_runs_only_that_one(tmp_path):
    job_of(tmp_path, Counting("a", TEXTS)).run()
    more = job_of(tmp_path, Counting("a", TEXTS), Counting("b", TEXTS))
    assert not more.done
    assert list(more.run()) == ["a", "b"]
    assert names_run() == ["a", "b"]
    assert job_of(tmp_path, Counting("b", TEXTS)).done
    job_of(tmp_path, Counting("c", TEXTS)).run()
    assert set(document(tmp_path)["evaluations"]) == {"a", "b", "c"}


def test_other_data_tokenizers_models_and_settings_are_not_done(tmp_path):
    class Numbers(Letters):
        def encode_batch(self, texts):
            return [row[::-1] for row in super().encode_batch(texts)]

    job_of(tmp_path, Counting("a", TEXTS)).run()
    params = learned_job().params
    shorter = Engine(small_model("learned", cached=False).model)
    others = [
        job_of(tmp_path, Counting("a", TEXTS[:3])),
        job_of(tmp_path, Counting("a", TEXTS), encoding=Numbers()),
        job_of(tmp_path, Counting("a", TEXTS), engine=shorter),
        job_of(tmp_path, Counting("a", TEXTS), settings={"limit": 2}),
        job_of(tmp_path, Counting("a", TEXTS), trainer=TrainerOf(4, params)),
        job_of(tmp_path, Counting("a", TEXTS), trainer=TrainerOf(3, jax.tree.map(lambda leaf: leaf * 2, params))),
    ]
    assert [job.done for job in others] == [False] * len(others)
    assert job_of(tmp_path, Counting("a", TEXTS)).done


def test_only_settings_that_an_evaluation_has_count_for_it(tmp_path):
    job_of(tmp_path, Stories("stories", TEXTS), Counting("a", TEXTS), settings={"stride": 8}).run()
    job_of(tmp_path, Stories("stories", TEXTS), Counting("a", TEXTS), settings={"stride": 16}).run()
    assert names_run() == ["a"]


def test_the_parameters_are_those_of_the_moment(tmp_path):
    """theseus keeps the state that the trainer had when the job was made."""
    trainer = TrainerOf(3, learned_job().params)
    job = job_of(tmp_path, Stories("stories", TEXTS), trainer=trainer)
    before = job.run()["stories"].score
    trainer.state = TrainerOf(4, jax.tree.map(lambda leaf: leaf * 0.5, trainer.state.params)).state
    assert not job.done
    assert job.run()["stories"].score != before
    assert len(list(tmp_path.rglob("results.json"))) == 2


def test_a_setting_that_changes_leaves_no_rows_behind(tmp_path):
    for limit in (2, 3):
        job_of(tmp_path, Counting("a", TEXTS), settings={"limit": limit}).run()
    assert len(files_in(tmp_path)) == 2
    assert document(tmp_path)["evaluations"]["a"]["settings"] == {"limit": 3}


def test_rows_that_were_changed_or_lost_are_made_again(tmp_path):
    job_of(tmp_path, Counting("a", TEXTS)).run()
    [rows] = tmp_path.rglob("*.jsonl")
    for spoil in (lambda: rows.write_text("{}\n"), rows.unlink):
        spoil()
        job = job_of(tmp_path, Counting("a", TEXTS))
        assert not job.done
        job.run()
        assert job.done
    [results] = tmp_path.rglob("results.json")
    results.write_text('{"evaluations": ')
    assert not job.done
    job.run()
    assert names_run() == ["a"] * 4


def test_an_evaluation_that_fails_keeps_no_other_from_being_run(tmp_path):
    failing = Counting("failing", ("no capital letters: A",))
    job = job_of(tmp_path, failing, Counting("a", TEXTS))
    with pytest.raises(EvaluationError, match="1 of 2 evaluations failed") as raised:
        job.run()
    assert raised.value.metrics["a"]["score"] == 1.0
    assert "Letters.encode_batch of 1 texts raised ValueError" in str(raised.value.exceptions[0])
    assert not job.done
    assert not list(tmp_path.rglob("results.json"))
    job_of(tmp_path, Counting("a", TEXTS)).run()
    assert names_run() == ["a"]


def test_numbers_that_are_not_finite_are_null_and_nan_again(tmp_path):
    job = job_of(tmp_path, Counting("a", TEXTS, score=math.inf))
    job.run()
    assert document(tmp_path)["evaluations"]["a"]["score"] is None
    assert math.isnan(job.run()["a"].score)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    with ocp.CheckpointManager(root) as manager:
        for step in (3, 8):
            params = jax.tree.map(lambda leaf, step=step: leaf * (1 + step / 100), learned_job().params)
            manager.save(step, args=ocp.args.StandardSave({"params": params, "step": step}))
    return root


def from_checkpoint(path, tmp_path, **kwargs):
    template = jax.eval_shape(lambda: learned_job().params)
    given = {"engine": learned_job().engine, "template": template, "results_dir": tmp_path, **kwargs}
    return EvaluationJob.from_checkpoint(path, [Stories("stories", TEXTS), Counting("a", TEXTS)], Letters(), **given)


def test_a_checkpoint_gives_what_its_parameters_give(checkpoints, tmp_path):
    job = from_checkpoint(checkpoints, tmp_path, step=3)
    assert not job.done
    found = job.run()
    params = jax.tree.map(lambda leaf: leaf * 1.03, learned_job().params)
    expected = job_of(tmp_path / "trainer", Stories("stories", TEXTS), trainer=TrainerOf(3, params)).run()
    assert found["stories"].score == pytest.approx(expected["stories"].score, rel=1e-6)
    assert from_checkpoint(checkpoints / "3", tmp_path).done
    assert not from_checkpoint(checkpoints, tmp_path).done


def test_a_finished_checkpoint_is_not_even_read(checkpoints, tmp_path):
    from_checkpoint(checkpoints, tmp_path).run()
    wrong = {"other": jax.ShapeDtypeStruct((1,), jnp.float32)}
    assert list(from_checkpoint(checkpoints, tmp_path, template=wrong).run()) == ["stories", "a"]
    with pytest.raises(CheckpointError, match="of another structure"):
        from_checkpoint(checkpoints, tmp_path, template=wrong, step=3).run()


def test_what_is_wrong_is_named_before_anything_is_run(tmp_path):
    one = Counting("a", TEXTS)
    with pytest.raises(DuplicateNameError, match="Two evaluations are called 'a', a Counting and a Stories"):
        job_of(tmp_path, one, Stories("a", TEXTS))
    with pytest.raises(ArgumentError, match="no evaluations"):
        job_of(tmp_path)
    with pytest.raises(ArgumentTypeError, match="must be Evaluations, found 'a'"):
        job_of(tmp_path, "a")
    with pytest.raises(ArgumentError, match="No evaluation has a setting 'limits'. Nearest: 'limit'"):
        job_of(tmp_path, one, settings={"limits": 3})
    with pytest.raises(ArgumentError, match="Setting 'limit' is .* JSON"):
        job_of(tmp_path, one, settings={"limit": {1}})
    with pytest.raises(ArgumentTypeError, match="engine must be an Engine, found str"):
        job_of(tmp_path, one, engine="engine")
    with pytest.raises(ArgumentTypeError, match="list has no state"):
        job_of(tmp_path, one, trainer=[])
    with pytest.raises(FingerprintError, match="cannot be told"):
        job_of(tmp_path, one, encoding=open(__file__))
    (tmp_path / "file").write_text("")
    with pytest.raises(LoggerError, match="An EvaluationJob cannot write .* as results_dir"):
        job_of(tmp_path / "file", one).run()
    assert names_run() == []
