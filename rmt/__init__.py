"""Random-matrix theory of ridge classifiers on pruned Gaussian data, and its Monte Carlo.

    problem = rmt.Problem(n=5120, d=512, ridge=1e-2, rule=rmt.KeepHard(0.3), rho=0.9)
    rmt.error_rate(problem)                                        # Theorem 1 of arXiv 2502.15588
    rmt.simulate(problem, trials=50, rng=numpy.random.default_rng(0))  # the same question, drawn
    rmt.covariance.error_rate(...)    # x ~ N(0, Sigma)
    rmt.limits.ridgeless(problem)     # no ridge; endless data; best ridge and keep fraction
    rmt.adaptive.recursion(...)       # practice round by round, its fixed points (import rmt.adaptive)
    rmt.sweep.gradients(...)          # grids and gradients by JAX (import rmt.sweep)
    rmt.symbolic.prove()              # the algebra, by sympy (import rmt.symbolic); errata() lists the misprints

Notation, used inside every formula of this package:

    name     meaning                                                          source
    -------  ---------------------------------------------------------------  --------------------------
    n, d     pool size, dimension                                             Problem
    phi      d / n                                                            Problem.phi
    lam      ridge penalty, relative to the pool: (X'DX/n + lam I)            Problem.ridge
    rho      cosine between pruning direction w_s and truth w_0 (or w_*)      Problem.rho
    w_g      the generator, which labels: y = sign <x, w_g>; perfect if w_0   curation
    a, tau   sqrt(1-rho^2), rho/a                                             pruning
    q, p     keep probability of a sample, keep fraction E[q]                 rule
    alpha    threshold on |<x, w_s>|                                          KeepHard, KeepEasy
    gamma    E[q G^2], G = <x, w_s> standard normal                           pruning
    beta     2 E[q varphi(tau G)], the part of E[q y x] orthogonal to w_s     pruning
    beta_t   2 E[q Phi(tau G) G], the part of E[q y x] along w_s              pruning
    m, m'    Stieltjes transform of the pruned covariance at -lam, and dm/dz  marchenko_pastur
    delta    phi m                                                            marchenko_pastur
    S, c, t  E[q x x'], E[q y x], w_0/||w_0|| on the special directions       generalization.Selection
    R        (S/(1+delta) + lam I)^{-1}                                       generalization.margin
    m0, nu0  limits of (1+delta) <w, w_0>/||w_0|| and (1+delta)^2 ||w||^2     generalization.margin
    u, v, t  w_s, its partner and w_0 in white coordinates Sigma^{-1/2} x     covariance
    T, A     (p Sigma/(1+delta) + lam I)^{-1}, tr(Sigma T Sigma T)/n          covariance
    kappa    p A/(1+delta)^2, slope of the fixed point's right-hand side      covariance
    l        loss of the margin m = y <x, w>                                  losses
    omega, u score of a sample left out of the training, and trained on       convex
    f, t     force -y l'(u) of a sample on w; E[q l''(u)/(1+V l''(u))]        convex
    V        shift of a score per unit of force, u = prox(omega, V)           convex
    A, Q, R  kept rows [g h y] = QR; [R; 0] with a normal matrix M            reduced
"""

from rmt import convex, covariance, limits
from rmt.generalization import error_rate, margin_moments
from rmt.losses import Loss, smoothed_hinge
from rmt.monte_carlo import Estimate, simulate
from rmt.problem import Problem
from rmt.pruning import KeepAll, KeepEasy, KeepHard, Rule, RuleMoments
from rmt.quadrature_rules import KeepFunction, SoftKeep

__all__ = [
    "Estimate",
    "KeepAll",
    "KeepEasy",
    "KeepFunction",
    "KeepHard",
    "Loss",
    "Problem",
    "Rule",
    "RuleMoments",
    "SoftKeep",
    "convex",
    "covariance",
    "error_rate",
    "limits",
    "margin_moments",
    "simulate",
    "smoothed_hinge",
]
