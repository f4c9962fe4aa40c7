"""Predict learning curves and pruning curves of ridge classifiers on real rows; nothing is fitted.

    law = rmt.data.learning_curve(X, y, n=[100, 200, 400], ridge=[0.1], X_test=X_test, y_test=y_test)
    law.error            # expected test error rate, shape (len(n), len(ridge), len(keep))
    law.low, law.high    # 95 % bootstrap interval, as if rows and test rows had been drawn anew
    rmt.data.learning_curve(X, y, n=[1000], ridge=[0.1], scores=difficulty, keep=[0.2, 0.5, 1.0])

The learner draws n of the M rows and minimises the mean of |Y - w'x|^2 plus ridge |w|^2. The law is computed from the M
rows at once. Only the learned w is taken to be Gaussian over draws of the training set; x never is.

    name      meaning                                                                      defined in
    --------  ---------------------------------------------------------------------------  -----------
    M, n      rows given, rows drawn (after pruning: rows kept of either)                  curve
    Y         targets: +-1, or one-hot minus 1/K for K classes                             rows
    a         weight of a row in the problem on M rows that is equivalent to that on n     equivalent
    R         (sum a x x'/M + lam I)^{-1} = (L L')^{-1};  z = L^{-1} x, a whitened row     equivalent
    h         x'R x/M = |z|^2/M, leverage of a row                                         equivalent
    delta     h/(1 - a h), the same with the row left out                                  equivalent
    w         R sum a x Y/M, the mean of the learned w over draws                          residuals
    c, Omega  1/n - 1/M; covariance of the learned w over draws, beyond that of M rows     residuals
    r         (Y - w'x)/(1 - a h), residual of a row that is left out                      residuals
    v         variance of the score of a left-out row                                      residuals
    force     change of the target of a row: it moves w by R sum a x force/M               scores
"""

from rmt.data.curve import Solution, learning_curve
from rmt.data.simulation import Measured, simulate

__all__ = ["Measured", "Solution", "learning_curve", "simulate"]
