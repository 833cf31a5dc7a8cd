"""seqio's module `vocabularies`."""

from evalkit.vocabularies import ByteVocabulary as ByteVocabulary
from evalkit.vocabularies import PassThroughVocabulary as PassThroughVocabulary
from evalkit.vocabularies import SentencePieceVocabulary as SentencePieceVocabulary
from evalkit.vocabularies import Vocabulary as Vocabulary
