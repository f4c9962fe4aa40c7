"""Random-matrix theory of ridge classifiers on pruned Gaussian data, and its Monte Carlo.

    problem = rmt.Problem(n=5120, d=512, ridge=1e-2, rule=rmt.KeepHard(0.3), rho=0.9)
    rmt.error_rate(problem)                                        # Theorem 1 of arXiv 2502.15588
    rmt.simulate(problem, trials=50, rng=numpy.random.default_rng(0))  # the same problem by Monte Carlo
    rmt.covariance.error_rate(...)    # x ~ N(0, Sigma)
    rmt.data.learning_curve(X, y, ...)  # ridge classifiers on real rows: learning and pruning curves, nothing fitted
    rmt.limits.ridgeless(problem)     # limits without ridge and with endless data; best ridge and keep fraction
    rmt.practice.learning_curve(...)  # deliberate practice: fits on a growing pool of pruned or guided rows
    rmt.adaptive.recursion(...)       # replacement round by round, its fixed points (import rmt.adaptive)
    rmt.sweep.gradients(...)          # grids and gradients by JAX (import rmt.sweep)
    rmt.sweep.best_schedule(...)      # the best schedule of pruned practice, by gradients (import rmt.sweep)
    rmt.symbolic.prove()              # the algebra, by sympy (import rmt.symbolic); errata() lists the misprints

Notation, used in every formula of the package:

    name      meaning                                                          defined in
    --------  ---------------------------------------------------------------  --------------------------
    n, d, N   pool size, dimension, number of kept samples                     Problem
    phi       d / n                                                            Problem.phi
    lam       ridge penalty, relative to the pool: (X'DX/n + lam I)            Problem.ridge
    rho       cosine between pruning direction w_s and truth w_0 (or w_*)      Problem.rho
    w_g       generator, which labels: y = sign <x, w_g>; perfect if w_0       curation
    u, q      projection <x, w_s>/|w_s|, and its keep probability q(u)         pruning
    p         keep fraction E[q]                                               pruning
    alpha     threshold on |u|                                                 KeepHard, KeepEasy
    a, tau    sqrt(1-rho^2), rho/a                                             pruning
    g, h      coordinates of x along w_s and the rest of w_g; random: G, H     pruning, curation
    gamma     E[q G^2]                                                         pruning
    beta      2 E[q varphi(tau G)], the part of E[q y x] orthogonal to w_s     pruning
    beta_t    2 E[q Phi(tau G) G], the part of E[q y x] along w_s              pruning
    m, m'     Stieltjes transform of the pruned covariance at -lam, and dm/dz  marchenko_pastur
    delta     phi m; for any covariance the root of delta = tr(Sigma T)/n      marchenko_pastur, covariance
    S, c      E[q x x'], E[q y x]                                              generalization, covariance
    t         w_*/|w_*| on the special directions                              generalization.Selection
    R         (S/(1+delta) + lam I)^{-1}                                       generalization, covariance
    m0, nu0   limits of (1+delta) <w, w_0>/|w_0| and (1+delta)^2 |w|^2         generalization.margin
    Q         E[q (y - c'Rx/(1+delta))^2], squared residual on kept samples    generalization.margin
    L, eta    lam (1+delta), 1/(1+delta)                                       sweep
    e_s, e_0  unit vectors along Sigma^{1/2} w_s, Sigma^{1/2} w_0; e_r: rest   covariance
    F, T      (X'DX/n + lam I)^{-1}, (p Sigma/(1+delta) + lam I)^{-1}          covariance
    psi       tr(Sigma T Sigma T)/n                                            covariance
    kappa     p psi/(1+delta)^2, slope of the fixed point's right-hand side    covariance
    Theta     angle to w_0 after a round of practice: theta -> Theta(theta)    adaptive
    l         loss of the margin y <x, w>                                      losses
    xi, zeta  margin of a sample left out of the training, and trained on      convex
    V         shift of a margin per unit of force, zeta = prox(xi, V)          convex
    f, chi    force -l'(zeta) of a sample; E[q l''(zeta)/(1+V l''(zeta))]      convex
    a1, a2    components of w along w_s and the rest of w_g; sigma: remainder  convex
    R_jk      <w_j, w_k>, overlap of two classifiers or of one and the truth   practice.recursion
    chi_kj    memory: response of fit k to a field on fit j                    practice.recursion
    v_kr      weight of round r's rows in fit k; n_r: rows per dimension       practice.recursion
    Q, q_r    coordinates of classifiers along w_0 and the rest q_r of w_r       practice.recursion
    c_r       factor of a sampled row's noise off that plane                   practice.additions
    kappa     omega sqrt(d), length of a guided move                           practice.ddim
    A, U, M   kept rows [g h y], A'A = U'U triangular, a normal matrix         reduced
"""

from rmt import convex, covariance, data, limits, practice
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
    "data",
    "error_rate",
    "limits",
    "margin_moments",
    "practice",
    "simulate",
    "smoothed_hinge",
]
