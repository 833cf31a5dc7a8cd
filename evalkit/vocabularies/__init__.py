"""Text to ids and back: the interface, and the vocabularies that come with it."""

from evalkit.vocabularies.bert_word_piece import BertWordPieceVocabulary as BertWordPieceVocabulary
from evalkit.vocabularies.byte import ByteVocabulary as ByteVocabulary
from evalkit.vocabularies.full_codepoint import FullCodepointVocabulary as FullCodepointVocabulary
from evalkit.vocabularies.hugging_face import HuggingFaceVocabulary as HuggingFaceVocabulary
from evalkit.vocabularies.partial_codepoint import PartialCodepointVocabulary as PartialCodepointVocabulary
from evalkit.vocabularies.pass_through import PassThroughVocabulary as PassThroughVocabulary
from evalkit.vocabularies.sentence_piece import SentencePieceVocabulary as SentencePieceVocabulary
from evalkit.vocabularies.unigram import UnigramVocabulary as UnigramVocabulary
from evalkit.vocabularies.vocabulary import Vocabulary as Vocabulary
