"""How outputs are judged: metric values, metric functions and objects, ready-made metrics, and their uncertainty.

numpy only. sacrebleu and rouge-score are loaded by the two metrics that need them, on their first call.
"""

from evalkit.metrics.collecting import CollectingMetric as CollectingMetric
from evalkit.metrics.function import MetricFunction as MetricFunction
from evalkit.metrics.legacy import LegacyMetric as LegacyMetric
from evalkit.metrics.legacy import metric_function_of as metric_function_of
from evalkit.metrics.metric import Metric as Metric
from evalkit.metrics.metric import MetricFnCallable as MetricFnCallable
from evalkit.metrics.passthrough import PassthroughLegacyMetric as PassthroughLegacyMetric
from evalkit.metrics.sharding import globally_sort_model_output as globally_sort_model_output
from evalkit.metrics.sharding import remove_padding_examples as remove_padding_examples
from evalkit.metrics.signature import ModelOutputType as ModelOutputType
from evalkit.metrics.signature import metric_fn_name as metric_fn_name
from evalkit.metrics.signature import metric_fn_output_type as metric_fn_output_type
from evalkit.metrics.values import Audio as Audio
from evalkit.metrics.values import Generic as Generic
from evalkit.metrics.values import Histogram as Histogram
from evalkit.metrics.values import Image as Image
from evalkit.metrics.values import MetricValue as MetricValue
from evalkit.metrics.values import Scalar as Scalar
from evalkit.metrics.values import Text as Text
