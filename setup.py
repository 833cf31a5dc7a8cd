"""Packaging: the top-level folders `tasks/` and `feature_converters/` install as `evalkit.tasks` and so on."""

from pathlib import Path

from setuptools import find_packages, setup

BESIDE = ("tasks", "feature_converters")
core = find_packages(include=["evalkit", "evalkit.*"])
beside = [f"evalkit.{p}" for name in BESIDE for p in find_packages(include=[name, f"{name}.*"])]

# Apache Beam (2.77) needs protobuf below 7, for which the generated code of sentencepiece 0.2.3 is too new: it names
# protobuf 7.36 and refuses to be imported beside an older one. That of 0.2.2 and before works with both.
CACHE = ["apache-beam>=2.65", "sentencepiece>=0.2,<0.2.3"]
EXTRAS = {
    "cache": CACHE,
    "text": ["tensorflow-text>=2.17"],
    "huggingface": ["tokenizers>=0.19"],
    "openai": ["openai>=1.40"],
}
DEV = [
    *CACHE,
    "hypothesis>=6.100",
    "ipykernel>=6.29",
    "mypy>=1.13",
    "nbclient>=0.10",
    "openai>=1.40",
    "pytest>=8.2",
    "pytest-xdist>=3.6",
    "ruff>=0.8",
    "setuptools>=77",
    "tokenizers>=0.19",
]

setup(
    name="evalkit",
    version="0.1.0",
    description="A seqio-style task registry and cached evaluator for JAX/Flax trainers",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=sorted({*core, *beside}),
    package_dir={f"evalkit.{name}": name for name in BESIDE},
    package_data={"evalkit": ["py.typed"]},
    install_requires=[
        "absl-py>=2.1",
        "flax>=0.10",
        "importlib-resources>=6.0",  # which tensorflow-datasets imports and does not name
        "jax>=0.4.35",
        "numpy>=1.26",
        "optax>=0.2.3",
        "orbax-checkpoint>=0.11",
        "orjson>=3.10",
        "rouge-score>=0.1.2",
        "sacrebleu>=2.4",
        "sentencepiece>=0.2",
        "tensorboard>=2.17",
        "tensorflow>=2.17",
        "tensorflow-datasets>=4.9.6",
        "tqdm>=4.66",
    ],
    extras_require={**EXTRAS, "dev": DEV},
    entry_points={
        "console_scripts": ["evalkit = evalkit.cli:main"],
        "pytest11": ["evalkit = evalkit.testing.pytest_plugin"],
    },
    classifiers=[
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
