"""seqio's module `loggers`."""

from evalkit.loggers import JSONLogger as JSONLogger
from evalkit.loggers import Logger as Logger
from evalkit.loggers import PyLoggingLogger as PyLoggingLogger
from evalkit.loggers import TensorAndNumpyEncoder as TensorAndNumpyEncoder
from evalkit.loggers import TensorBoardLogger as TensorBoardLogger
