"""The learner's uncertainty about an image: H(f(x)) = - sum_y f(y|x) log f(y|x) (paper, Eq. 6), and where it rises."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SURE = 1e-6  # probability outside the likeliest class; with less, autograd's float32 gradient is off by some %


def entropy(logits: Tensor) -> Tensor:
    """Return the entropy (B,) of softmax(`logits`), logits (B, classes), in nats, [0, log classes]; float32 or better.

    >>> round(float(entropy(torch.zeros(1, 4)).exp()), 6)
    4.0
    """
    log_p = torch.log_softmax(logits if logits.dtype == torch.float64 else logits.float(), dim=-1)
    return -(log_p.exp() * log_p).sum(-1)


def ascent(logits: Tensor) -> Tensor:
    """Return the direction in which the entropy rises: its gradient (B, classes), each row times some number > 0.

    The number is 1 except where the learner is sure of a class. There autograd subtracts numbers near 1 to get one as
    small as the other probabilities: rounding decides its sign from 16 nats on, and it is 0 from 100 nats on. The
    gradient is -p_i (u_i - sum_j p_j u_j), u_i = z_i - max z; divided by the second largest p it keeps all digits.

    >>> ascent(torch.tensor([[0.0, -1000.0]])).tolist()
    [[-1000.0, 1000.0]]
    """
    with torch.enable_grad():
        z = logits.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(entropy(z).sum(), z)
    top = z.detach().argmax(-1, keepdim=True)
    u = z.detach() - z.detach().gather(-1, top)
    p = u.softmax(-1)
    others = u.scatter(-1, top, -math.inf)
    relative = (others - others.amax(-1, keepdim=True)).exp()  # p over the second largest p; 0 for the largest
    rise = -relative * (u - (p * u).sum(-1, keepdim=True))
    rise = rise.scatter(-1, top, -rise.sum(-1, keepdim=True))  # the rows of the gradient sum to 0
    sure = p.scatter(-1, top, 0.0).sum(-1, keepdim=True) < SURE
    return torch.where(sure, rise, gradient)
