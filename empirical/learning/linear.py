"""The linear learner: ridge or logistic regression on all rows, solved exactly."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from empirical.data.split import Data
from empirical.system.finite import require_finite
from empirical.system.ranks import Ranks


class LinearLearner:
    """Minimise the weighted mean of loss(y_i <w, x_i>) over all rows plus ridge/2 ||w||^2, exactly.

    kind: "ridge" with loss (1 - y s)^2 / 2, or "logistic" with log(1 + exp(-y s)). y is 2 label - 1.
    `fit` solves for w whatever the iterations, so the learner plateaus at once.
    """

    def __init__(self, dimension: int, ridge: float, kind: str) -> None:
        self.w = torch.zeros(dimension, dtype=torch.float64)
        self.device = self.w.device
        self.ridge, self.kind = ridge, kind
        self._fitted: int | None = None  # version of the data that w was solved for

    def fit(self, data: Data, start: int, stop: int) -> float:  # noqa: ARG002
        """Solve for w if the data have changed; return the weighted mean loss without the ridge term."""
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
            self._check(start)
            self._fitted = data.version
        margin = y * (x @ self.w)
        loss = (1 - margin).square() / 2 if self.kind == "ridge" else torch.nn.functional.softplus(-margin)
        return float(v @ loss / v.sum())

    def _check(self, step: int) -> None:
        """Refuse weights that are not finite, or so small that float32 samples cannot tell them from zero."""
        where = f"training: weights of the {self.kind} learner at iteration {step}"
        require_finite(where, self.w, "change world.ridge, or lower acquire.omega")
        largest = float(self.w.abs().max())
        smallest = float(torch.finfo(torch.float32).tiny)
        if 0 < largest < smallest or largest > torch.finfo(torch.float32).max:
            raise FloatingPointError(
                f"{where}: got {largest:.3g}; allowed sizes that float32 holds; change world.ridge"
            )

    def distribute(self, ranks: Ranks) -> None:
        """Do nothing: every process solves for itself and gets the same numbers."""

    def logits(self, images: Tensor) -> Tensor:
        """Return logits (B, 2) whose softmax gives label 1 the probability 1 / (1 + exp(-<w, x>))."""
        score = images @ self.w.to(images).unsqueeze(1)  # (B, 1)
        return torch.cat([-score / 2, score / 2], dim=1)

    raw_logits = logits  # w is not averaged

    def state(self) -> dict[str, Tensor]:
        return {"w": self.w.clone()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.w = state["w"]

    evaluated, load_evaluated = state, load_state
