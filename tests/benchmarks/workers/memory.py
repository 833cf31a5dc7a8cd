"""Memory held per cached example, against the bytes of the examples themselves.

The payload is what a careful program would hold: the bytes of every task feature (ids as int32, text as UTF-8) and of
the four encoder-decoder features without their padding. What is held is the growth of the resident set after everything
that can be given back has been. An Evaluator of WARM_UP examples is made and used before, and kept, so that what
TensorFlow holds whatever the number of examples (pools, threads, functions) is there already.
"""

from __future__ import annotations

from tests.benchmarks import measure, subject

WARM_UP = 2000


def main() -> None:
    asked = measure.request()
    lib = subject.load(asked["subject"])
    subject.register(lib, asked["folder"], WARM_UP, name="warm_up", raw_copies=asked["raw_copies"])
    warm = subject.evaluator(lib, "warm_up")
    for _ in warm.cached_model_datasets["warm_up"].batch(128).as_numpy_iterator():
        pass
    subject.register(lib, asked["folder"], asked["examples"], raw_copies=asked["raw_copies"])
    before = measure.resident_bytes()
    evaluator = subject.evaluator(lib)
    after = measure.resident_bytes()
    payload = 0
    for example in evaluator.cached_task_datasets[subject.TASK].as_numpy_iterator():
        in_task = sum(len(value) if isinstance(value, bytes) else value.nbytes for value in example.values())
        payload += in_task + example["inputs"].nbytes + 3 * example["targets"].nbytes
    warm.close()
    measure.reply({"held": (after - before) / asked["examples"], "payload": payload / asked["examples"]})


if __name__ == "__main__":
    main()
