"""Kinds of evaluation that are written as a class: what an example is, and what counts as right."""
