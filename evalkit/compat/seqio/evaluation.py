"""seqio's module `evaluation`: the Evaluator and the types of what goes in and comes out."""

from collections.abc import Mapping
from typing import Any

from evalkit.converter import FeatureConverter as FeatureConverter
from evalkit.data import Task as Task
from evalkit.evaluation import Evaluator as Evaluator
from evalkit.evaluation import MetricManager as MetricManager
from evalkit.evaluation import get_valid_eval_tasks as get_valid_eval_tasks
from evalkit.evaluation.evaluator import AllOutputs, ModelFn
from evalkit.evaluation.metric_worker import AllMetrics, MetricsFuture
from evalkit.feature_converters import EncDecFeatureConverter as EncDecFeatureConverter
from evalkit.metrics import ModelOutputType as ModelOutputType

AllOutputTokensType = Mapping[str, Any]  # by task
AllOutputScoresType = Mapping[str, Any]
AllOutputAuxValuesType = Mapping[str, Mapping[str, Any]]
TaskMetricsType = Mapping[str, Any]
AllMetricsFuture = MetricsFuture
AllMetricsType = AllMetrics
MetricsAndOutputsType = tuple[MetricsFuture, AllOutputs]
ModelFnCallable = ModelFn
PredictFnCallable = ModelFn
ScoreFnCallable = ModelFn
ModelFnReturnType = Any  # any of the shapes that `evalkit.evaluation.model_outputs` takes
PredictFnReturnType = Any
ScoreFnReturnType = Any
