"""evalkit: a task registry and a cached evaluator for sequence models trained with JAX/Flax."""

__version__ = "0.1.0"
