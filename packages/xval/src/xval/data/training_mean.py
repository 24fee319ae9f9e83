"""The prediction that takes no training: the mean of the training's numbers, field by field."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from xval.metrics import scores

if TYPE_CHECKING:
    from xval.data.datamodule import TextData


def training_mean_error(data: "TextData") -> float:
    """Median relative error of the training mean on the validation texts.

    Args:
        data: Data of a fit, with target numbers.

    Returns:
        Mean over the patterns of the target numbers.
    """
    known, val = data.train_numbers(), data.numbers_of("val")
    names = len(data.fields)
    sums, counts = (np.bincount(known.fields, w, names) for w in (known.values, None))
    answers = torch.from_numpy((sums / np.maximum(counts, 1))[val.fields])
    truth, asked = map(torch.from_numpy, (val.values, val.asked))
    each = [scores(answers[asked == n], truth[asked == n]) for n in asked.unique() if n >= 0]
    return sum(one.median_relative for one in each) / max(len(each), 1)
