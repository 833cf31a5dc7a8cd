"""seqio's module `evaluation`: the Evaluator and the types of what goes in and comes out."""

from evalkit.evaluation import Evaluator as Evaluator
from evalkit.evaluation.evaluator import ModelFn
from evalkit.evaluation.metric_worker import AllMetrics, MetricsFuture
from evalkit.metrics import ModelOutputType as ModelOutputType

AllMetricsFuture = MetricsFuture
AllMetricsType = AllMetrics
ModelFnCallable = ModelFn
PredictFnCallable = ModelFn
ScoreFnCallable = ModelFn
