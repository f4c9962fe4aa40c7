"""The linear world: x ~ N(0, I_d), y = sign(<w_0, x>), a generator with an exact score, a linear learner.

Deliberate practice runs here with the real sampler, in seconds, beside the theory of `rmt`. Conditioned on y = +-1 the
noised data have density N(x; 0, I) 2 Phi(u), u = y sqrt(a) <w_0, x> / sqrt(1 - a), a = alphas_cumprod[t], so that
    eps(x, t | y) = sqrt(1 - a) x - y sqrt(a) phi(u) / Phi(u) w_0,      eps(x, t) = sqrt(1 - a) x.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from empirical.data.split import Data
from empirical.system.ranks import Ranks


class LinearLearner:
    """w minimising the weighted mean of loss(y_i <w, x_i>), plus ridge/2 ||w||^2, over all rows, solved exactly.

    It has no iterations, so it plateaus at once. `ridge` has loss (1 - y s)^2 / 2, `logistic` log(1 + exp(-y s)).
    """

    def __init__(self, dimension: int, ridge: float, kind: str) -> None:
        self.w = torch.zeros(dimension, dtype=torch.float64)
        self.device = self.w.device
        self.ridge, self.kind = ridge, kind
        self._fitted: int | None = None  # version of the data that w was solved for

    def fit(self, data: Data, start: int, stop: int) -> float:  # noqa: ARG002
        rows, weights = data.everything()
        x, y, v = rows.images.double().cpu(), (2 * rows.labels.cpu() - 1).double(), weights.double()
        if self._fitted != data.version:
            if self.kind == "ridge":
                gram = (v * x.T) @ x / v.sum() + self.ridge * torch.eye(len(self.w), dtype=torch.float64)
                self.w = torch.linalg.solve(gram, x.T @ (v * y) / v.sum())
            else:
                from sklearn.linear_model import LogisticRegression

                solver = LogisticRegression(C=1 / (self.ridge * len(y)), fit_intercept=False, tol=1e-8, max_iter=1000)
                shares = (v / v.mean()).numpy()
                self.w = torch.from_numpy(np.ravel(solver.fit(x.numpy(), y.numpy(), shares).coef_))
            self._fitted = data.version
        margin = y * (x @ self.w)
        loss = (1 - margin).square() / 2 if self.kind == "ridge" else torch.nn.functional.softplus(-margin)
        return float(v @ loss / v.sum())

    def distribute(self, ranks: Ranks) -> None:
        """Nothing to share: every process solves for itself, to the same numbers."""

    def logits(self, images: Tensor) -> Tensor:
        """Those of the probability 1 / (1 + exp(-<w, x>)) of label 1."""
        score = images @ self.w.to(images).unsqueeze(1)  # (B, 1)
        return torch.cat([-score / 2, score / 2], dim=1)

    raw_logits = logits  # no average is kept

    def state(self) -> dict[str, Tensor]:
        return {"w": self.w.clone()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.w = state["w"]

    evaluated, load_evaluated = state, load_state
