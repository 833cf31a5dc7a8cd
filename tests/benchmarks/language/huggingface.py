"""The peer: the model in transformers, scored by lm-eval and generated from by `generate`."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="true")

import lm_eval
import torch
import transformers
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from tests.benchmarks import language, measure

LATER = 0  # minutes each; and nothing is compiled
SCORING_BATCH = 8
GENERATION_BATCH = 8
"""Both as fast as any of 4, 8, 16 and 32 on two cores, within 10 %; the variables in `scoring` and `generation` try
others."""

TASK = """
task: evalkit_benchmark
dataset_path: json
dataset_kwargs:
  data_files: {data_files}
test_split: test
fewshot_split: shots
num_fewshot: {shots}
fewshot_config:
  sampler: first_n
output_type: multiple_choice
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: label
metric_list:
  - metric: acc
"""


class TimedLM(HFLM):
    """lm-eval's model of transformers, which remembers how long it takes from texts to scores, and both."""

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = True) -> Any:
        with measure.Stopwatch() as self.watch:
            answers = super().loglikelihood(requests, disable_tqdm=True)
        self.pairs = [request.args for request in requests]
        self.scores = [score for score, _ in answers]
        return answers


def model() -> Any:
    torch.set_num_threads(language.THREADS)
    config = transformers.GPT2Config(
        vocab_size=language.VOCABULARY,
        n_positions=language.LENGTH,
        n_embd=language.WIDTH,
        n_layer=language.LAYERS,
        n_head=language.HEADS,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
    made = transformers.GPT2LMHeadModel(config).eval()
    missing, unexpected = made.load_state_dict(
        {name: torch.tensor(values) for name, values in language.weights().items()}, strict=False
    )
    if unexpected or set(missing) - {"lm_head.weight"}:  # which is the embedding
        raise RuntimeError(f"The weights do not fit: {missing} are missing, {unexpected} are too many.")
    return made


def scoring(folder: Path, questions: int) -> Callable[[], language.Timed]:
    """A function that evaluates the choices by lm-eval; what it takes from texts to scores, and the scores."""
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / language.TOKENIZER_FILE), eos_token="<|endoftext|>", pad_token="<|endoftext|>"
    )
    batch = int(os.environ.get("EVALKIT_BENCH_SCORING_BATCH", SCORING_BATCH))
    lm = TimedLM(pretrained=model(), tokenizer=tokenizer, batch_size=batch, max_length=language.LENGTH, device="cpu")

    def score(count: int) -> language.Timed:
        tasks = TaskManager(include_path=str(_task(folder, count)), include_defaults=False)
        with contextlib.redirect_stdout(None):
            lm_eval.simple_evaluate(lm, tasks=["evalkit_benchmark"], task_manager=tasks, bootstrap_iters=0)
        if lm.pairs != language.pairs(folder, count):
            raise RuntimeError("lm-eval scores other texts than evalkit.")
        return language.Timed(lm.scores, lm.watch.cpu, lm.watch.wall)

    score(8)
    return lambda: score(questions)


def generation(folder: Path, prompts: int) -> Callable[[], language.Timed]:
    """A function that generates greedily, in batches of like lengths; what that takes, and the new ids."""
    made, ids = model(), language.prompts(folder, prompts)
    size = int(os.environ.get("EVALKIT_BENCH_GENERATION_BATCH", GENERATION_BATCH))
    by_length = sorted(range(prompts), key=lambda number: -len(ids[number]))
    config = transformers.GenerationConfig(max_new_tokens=language.MAX_NEW, do_sample=False, pad_token_id=0)

    def generate(count: int) -> language.Timed:
        found: dict[int, list[int]] = {}
        with measure.Stopwatch() as watch, torch.inference_mode():
            for first in range(0, count, size):
                numbers = by_length[first : min(first + size, count)]
                longest = max(len(ids[number]) for number in numbers)
                tokens, mask = torch.zeros((2, len(numbers), longest), dtype=torch.long)
                for row, number in enumerate(numbers):
                    tokens[row, longest - len(ids[number]) :] = torch.tensor(ids[number])
                    mask[row, longest - len(ids[number]) :] = 1
                made.generation_config.eos_token_id = None
                answers = made.generate(tokens, attention_mask=mask, generation_config=config)[:, longest:]
                found.update(zip(numbers, answers.tolist(), strict=True))
        return language.Timed([found[number] for number in sorted(found)], watch.cpu, watch.wall)

    generate(4)
    return lambda: generate(prompts)


def _task(folder: Path, count: int) -> Path:
    """A folder with the task as lm-eval reads it."""
    task = folder / f"lm-eval-{count}"
    task.mkdir(exist_ok=True)
    files = {}
    for split, rows in (("shots", language.shots(folder)), ("test", language.questions(folder, count))):
        files[split] = str(task / f"{split}.jsonl")
        lines = [json.dumps(dataclasses.asdict(row)) + "\n" for row in rows]
        Path(files[split]).write_text("".join(lines), encoding="utf-8")
    (task / "task.yaml").write_text(TASK.format(data_files=json.dumps(files), shots=language.SHOTS), encoding="utf-8")
    return task
