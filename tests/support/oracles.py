"""Formulas of the paper, as printed, to compare the code with."""

import numpy as np


def corollary1(problem):
    """Return the error of Corollary 1 of arXiv 2502.15588, the limit lam -> 0."""
    p, gamma, beta, beta_t = problem.rule.moments(problem.rho)
    phi, rho = problem.phi, problem.rho
    om, om_t = np.sqrt(1 - rho**2) * beta, rho * beta_t
    if phi < p:
        r0 = beta**2 + beta_t**2 * p / gamma
        r0_prime = p * (beta**2 + beta_t**2 * ((p - phi) * p / gamma**2 + phi / gamma))
        m0, nu0 = (om + om_t * p / gamma) / (p - phi), (p**2 * phi + r0_prime - 2 * phi * r0) / (p - phi) ** 3
    else:
        c0, c1 = 1 - p / phi, 1 - (p - gamma) / phi
        m0, nu0 = (om + om_t / c1) * c0, (p * phi - beta**2 - beta_t**2 / c1) * c0
    return np.arccos(m0 / np.sqrt(nu0)) / np.pi
