"""Translation and summary metrics, computed by their reference implementations: BLEU and ROUGE.

Both are on the scale of their literature, 0 to 100; higher is better. The packages are loaded at the first call.

    >>> bleu(["the cat sat on the mat"], ["the cat sat on the mat"])["bleu"] > 99.99
    True
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from evalkit.metrics.checks import check_pairs, check_texts, references_of

ROUGE_TYPES = ("rouge1", "rouge2", "rougeLsum")


def bleu(
    targets: Sequence[Any], predictions: Sequence[str], tokenize: str = "13a", lowercase: bool = False
) -> dict[str, float]:
    """Corpus BLEU: the geometric mean of 1- to 4-gram precisions times the brevity penalty.

    A target is the one reference, or a sequence of them, whose number may vary. Exponential smoothing, as sacrebleu
    does by default; T5 used `tokenize="intl"`.

    Source: Papineni et al. 2002; computed by sacrebleu (Post 2018). Range [0, 100], higher is better.

    Args:
      targets: the references.
      predictions: the texts to judge.
      tokenize: one of sacrebleu's tokenizers: "13a", "intl", "zh", "char", "none" …
      lowercase: whether case is ignored.

    Raises:
      MetricError: not one prediction per target, none at all, a target without reference, or something not text.
    """
    import sacrebleu  # noqa: PLC0415  # a tenth of a second that `import evalkit.metrics` need not take

    check_pairs("bleu", targets, predictions)
    check_texts("bleu", predictions)
    # sacrebleu wants the first references of all examples, then the second ones …; None where an example has fewer.
    by_rank = list(map(list, itertools.zip_longest(*references_of("bleu", targets))))
    score = sacrebleu.corpus_bleu(list(predictions), by_rank, tokenize=tokenize, lowercase=lowercase)
    return {"bleu": score.score}


def rouge(targets: Sequence[Any], predictions: Sequence[str], use_stemmer: bool = False) -> dict[str, float]:
    """ROUGE-1, ROUGE-2 and ROUGE-Lsum: 100 times the mean F-measure over the examples.

    Against several references the best one counts, for each kind by itself. Lsum treats every line as a sentence: put
    newlines between sentences. The plain mean is given, where T5 gave the middle of a bootstrap that differs between
    runs.

    Source: Lin 2004; computed by the package rouge-score. Range [0, 100], higher is better.

    Args:
      targets: the references, each a str or a sequence of them.
      predictions: the texts to judge.
      use_stemmer: whether word endings are cut by Porter's stemmer.

    Raises:
      MetricError: not one prediction per target, none at all, a target without reference, or something not text.
    """
    from rouge_score import rouge_scorer  # noqa: PLC0415  # brings nltk, a second that importing need not take

    check_pairs("rouge", targets, predictions)
    check_texts("rouge", predictions)
    scorer = rouge_scorer.RougeScorer(list(ROUGE_TYPES), use_stemmer=use_stemmer)
    pairs = zip(references_of("rouge", targets), predictions, strict=True)
    scores = [scorer.score_multi(references, prediction) for references, prediction in pairs]
    return {kind: 100 * math.fsum(score[kind].fmeasure for score in scores) / len(scores) for kind in ROUGE_TYPES}
