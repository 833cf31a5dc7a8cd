"""What evalkit costs, measured beside its peers: the same data, the same run, each in an interpreter of its own.

`python -m tests.benchmarks.run` prints a table of both figures, their ratio and the bar that evalkit has set itself.
Because evalkit keeps seqio's names, each worker script in `workers/` is written once, against `subject.load(name)`, and
runs in both interpreters, where it imports nothing of evalkit but its subject. Inference has no such names: there, each
side has a module of its own in `language/`, with the same functions, beside lm-eval and transformers.
"""
