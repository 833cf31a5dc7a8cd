"""seqio's module `vocabularies`."""

from evalkit.vocabularies import BertWordPieceVocabulary as BertWordPieceVocabulary
from evalkit.vocabularies import ByteVocabulary as ByteVocabulary
from evalkit.vocabularies import FullCodepointVocabulary as FullCodepointVocabulary
from evalkit.vocabularies import PartialCodepointVocabulary as PartialCodepointVocabulary
from evalkit.vocabularies import PassThroughVocabulary as PassThroughVocabulary
from evalkit.vocabularies import SentencePieceVocabulary as SentencePieceVocabulary
from evalkit.vocabularies import UnigramVocabulary as UnigramVocabulary
from evalkit.vocabularies import Vocabulary as Vocabulary
from evalkit.vocabularies.vocabulary import PAD_ID as PAD_ID
