"""The Evaluator and its parts: the example cache, ordered model outputs, the metric worker."""

from evalkit.evaluation.all_processes import evaluate_on_all_processes as evaluate_on_all_processes
from evalkit.evaluation.evaluator import Evaluator as Evaluator
from evalkit.evaluation.metric_manager import MetricManager as MetricManager
from evalkit.evaluation.preflight import get_valid_eval_tasks as get_valid_eval_tasks
from evalkit.evaluation.truncation import Truncation as Truncation
