"""Where results go: TensorBoard, JSONL files, the log of the process, and loggers of the user's own."""

from evalkit.loggers.absl_log import PyLoggingLogger as PyLoggingLogger
from evalkit.loggers.json_encoding import TensorAndNumpyEncoder as TensorAndNumpyEncoder
from evalkit.loggers.jsonl import JSONLogger as JSONLogger
from evalkit.loggers.logger import Logger as Logger
from evalkit.loggers.tensorboard import TensorBoardLogger as TensorBoardLogger
