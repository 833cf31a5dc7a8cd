"""evalkit: a task registry and a cached evaluator for sequence models trained with JAX/Flax.

The public names are here, each loaded when it is first used: `import evalkit` loads neither TensorFlow nor JAX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_ROOMS = {
    "evalkit.data": (
        "CacheDatasetPlaceholder ContinuousFeature DataSource Feature FewshotDataSource FileDataSource "
        "FunctionDataSource InMemoryDataSource JsonLinesDataSource Mixture MixtureRegistry ProtoDataSource ShardInfo "
        "TFExampleDataSource Task TaskRegistry TextLineDataSource TfdsDataSource get_dataset get_mixture_or_task "
        "get_subtasks"
    ),
    "evalkit.evaluation": "Evaluator",
    "evalkit.evaluations": (
        "EncodingEvaluation Evaluation EvaluationJob EvaluationResult InferenceJob PerplexityComparisonEvaluation "
        "PerplexityEvaluation RolloutEvaluation as_task"
    ),
    "evalkit.feature_converters": (
        "DecoderFeatureConverter EncDecFeatureConverter EncoderFeatureConverter LMFeatureConverter "
        "PassThroughFeatureConverter PrefixLMFeatureConverter"
    ),
    "evalkit.converter": "FeatureConverter",
    "evalkit.loggers": "JSONLogger Logger PyLoggingLogger TensorBoardLogger",
    "evalkit.metrics": "Audio Generic Histogram Image Metric MetricValue ModelOutputType Scalar Text",
    "evalkit.training": (
        "CheckpointModel CheckpointSweep ChildProcess EvalSchedule InLoop InlineEvaluation InlineRecord Overlapped"
    ),
    "evalkit.transforms": "map_over_dataset",
    "evalkit.vocabularies": (
        "BertWordPieceVocabulary ByteVocabulary FullCodepointVocabulary HuggingFaceVocabulary "
        "PartialCodepointVocabulary PassThroughVocabulary SentencePieceVocabulary UnigramVocabulary Vocabulary"
    ),
}
_MODULES = (
    "errors",
    "preprocessors",
    "metrics",
    "loggers",
    "vocabularies",
    "feature_converters",
    "data",
    "derived",
    "evaluation",
    "evaluations",
    "testing",
    "training",
)
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names.split()}

if TYPE_CHECKING:
    from evalkit.converter import FeatureConverter as FeatureConverter
    from evalkit.data import CacheDatasetPlaceholder as CacheDatasetPlaceholder
    from evalkit.data import ContinuousFeature as ContinuousFeature
    from evalkit.data import DataSource as DataSource
    from evalkit.data import Feature as Feature
    from evalkit.data import FewshotDataSource as FewshotDataSource
    from evalkit.data import FileDataSource as FileDataSource
    from evalkit.data import FunctionDataSource as FunctionDataSource
    from evalkit.data import InMemoryDataSource as InMemoryDataSource
    from evalkit.data import JsonLinesDataSource as JsonLinesDataSource
    from evalkit.data import Mixture as Mixture
    from evalkit.data import MixtureRegistry as MixtureRegistry
    from evalkit.data import ProtoDataSource as ProtoDataSource
    from evalkit.data import ShardInfo as ShardInfo
    from evalkit.data import Task as Task
    from evalkit.data import TaskRegistry as TaskRegistry
    from evalkit.data import TextLineDataSource as TextLineDataSource
    from evalkit.data import TfdsDataSource as TfdsDataSource
    from evalkit.data import TFExampleDataSource as TFExampleDataSource
    from evalkit.data import get_dataset as get_dataset
    from evalkit.data import get_mixture_or_task as get_mixture_or_task
    from evalkit.data import get_subtasks as get_subtasks
    from evalkit.evaluation import Evaluator as Evaluator
    from evalkit.evaluations import EncodingEvaluation as EncodingEvaluation
    from evalkit.evaluations import Evaluation as Evaluation
    from evalkit.evaluations import EvaluationJob as EvaluationJob
    from evalkit.evaluations import EvaluationResult as EvaluationResult
    from evalkit.evaluations import InferenceJob as InferenceJob
    from evalkit.evaluations import PerplexityComparisonEvaluation as PerplexityComparisonEvaluation
    from evalkit.evaluations import PerplexityEvaluation as PerplexityEvaluation
    from evalkit.evaluations import RolloutEvaluation as RolloutEvaluation
    from evalkit.evaluations import as_task as as_task
    from evalkit.feature_converters import DecoderFeatureConverter as DecoderFeatureConverter
    from evalkit.feature_converters import EncDecFeatureConverter as EncDecFeatureConverter
    from evalkit.feature_converters import EncoderFeatureConverter as EncoderFeatureConverter
    from evalkit.feature_converters import LMFeatureConverter as LMFeatureConverter
    from evalkit.feature_converters import PassThroughFeatureConverter as PassThroughFeatureConverter
    from evalkit.feature_converters import PrefixLMFeatureConverter as PrefixLMFeatureConverter
    from evalkit.loggers import JSONLogger as JSONLogger
    from evalkit.loggers import Logger as Logger
    from evalkit.loggers import PyLoggingLogger as PyLoggingLogger
    from evalkit.loggers import TensorBoardLogger as TensorBoardLogger
    from evalkit.metrics import Audio as Audio
    from evalkit.metrics import Generic as Generic
    from evalkit.metrics import Histogram as Histogram
    from evalkit.metrics import Image as Image
    from evalkit.metrics import Metric as Metric
    from evalkit.metrics import MetricValue as MetricValue
    from evalkit.metrics import ModelOutputType as ModelOutputType
    from evalkit.metrics import Scalar as Scalar
    from evalkit.metrics import Text as Text
    from evalkit.training import CheckpointModel as CheckpointModel
    from evalkit.training import CheckpointSweep as CheckpointSweep
    from evalkit.training import ChildProcess as ChildProcess
    from evalkit.training import EvalSchedule as EvalSchedule
    from evalkit.training import InlineEvaluation as InlineEvaluation
    from evalkit.training import InlineRecord as InlineRecord
    from evalkit.training import InLoop as InLoop
    from evalkit.training import Overlapped as Overlapped
    from evalkit.transforms import map_over_dataset as map_over_dataset
    from evalkit.vocabularies import BertWordPieceVocabulary as BertWordPieceVocabulary
    from evalkit.vocabularies import ByteVocabulary as ByteVocabulary
    from evalkit.vocabularies import FullCodepointVocabulary as FullCodepointVocabulary
    from evalkit.vocabularies import HuggingFaceVocabulary as HuggingFaceVocabulary
    from evalkit.vocabularies import PartialCodepointVocabulary as PartialCodepointVocabulary
    from evalkit.vocabularies import PassThroughVocabulary as PassThroughVocabulary
    from evalkit.vocabularies import SentencePieceVocabulary as SentencePieceVocabulary
    from evalkit.vocabularies import UnigramVocabulary as UnigramVocabulary
    from evalkit.vocabularies import Vocabulary as Vocabulary


def __getattr__(name: str) -> Any:
    if name in _ROOM_OF:
        value = getattr(importlib.import_module(_ROOM_OF[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"evalkit.{name}")
    else:
        raise AttributeError(f"module 'evalkit' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOM_OF, *_MODULES])
