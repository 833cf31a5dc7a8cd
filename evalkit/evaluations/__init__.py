"""Kinds of evaluation that are written as a class: what an example is, and what counts as right; and jobs of them."""

from evalkit.evaluations.encoding import EncodingEvaluation as EncodingEvaluation
from evalkit.evaluations.evaluation import Evaluation as Evaluation
from evalkit.evaluations.evaluation_task import as_task as as_task
from evalkit.evaluations.inference_job import InferenceJob as InferenceJob
from evalkit.evaluations.job import EvaluationJob as EvaluationJob
from evalkit.evaluations.perplexity import PerplexityEvaluation as PerplexityEvaluation
from evalkit.evaluations.perplexity_comparison import PerplexityComparisonEvaluation as PerplexityComparisonEvaluation
from evalkit.evaluations.result import EvaluationResult as EvaluationResult
from evalkit.evaluations.rollout import RolloutEvaluation as RolloutEvaluation
