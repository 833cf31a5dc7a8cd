"""seqio's module `metrics`: metric values, the metric protocol, metric functions as metric objects."""

from evalkit.metrics import Audio as Audio
from evalkit.metrics import CollectingMetric as CollectingMetric
from evalkit.metrics import Generic as Generic
from evalkit.metrics import Histogram as Histogram
from evalkit.metrics import Image as Image
from evalkit.metrics import LegacyMetric as LegacyMetric
from evalkit.metrics import Metric as Metric
from evalkit.metrics import MetricFnCallable as MetricFnCallable
from evalkit.metrics import MetricValue as MetricValue
from evalkit.metrics import ModelOutputType as ModelOutputType
from evalkit.metrics import PassthroughLegacyMetric as PassthroughLegacyMetric
from evalkit.metrics import Scalar as Scalar
from evalkit.metrics import Text as Text
from evalkit.metrics import globally_sort_model_output as globally_sort_model_output
from evalkit.metrics import remove_padding_examples as remove_padding_examples
