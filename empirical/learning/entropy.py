"""The learner's uncertainty about an image: H(f(x)) = - sum_y f(y|x) log f(y|x) (paper, Eq. 6)."""

from __future__ import annotations

import torch
from torch import Tensor


def entropy(logits: Tensor) -> Tensor:
    """Return the entropy (B,) of softmax(`logits`), logits (B, classes), in nats, [0, log classes]; float32 or better.

    >>> round(float(entropy(torch.zeros(1, 4)).exp()), 6)
    4.0
    """
    log_p = torch.log_softmax(logits if logits.dtype == torch.float64 else logits.float(), dim=-1)
    return -(log_p.exp() * log_p).sum(-1)
