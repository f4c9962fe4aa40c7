"""Formulas of the paper, as printed, to compare the code with."""

import mpmath as mp
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


def theorem1(name, n, d, lam, p, rho):
    """Return m0, nu0 and both error rates of Theorem 1 of arXiv 2502.15588, with its Lemmas as printed."""
    n, d, lam, p, rho = map(mp.mpf, (n, d, lam, p, rho))
    phi, z, a, root2 = d / n, -lam, mp.sqrt(1 - rho**2), mp.sqrt(2)
    pdf0 = mp.npdf(0)
    gamma, beta, beta_t = mp.mpf(1), 2 * pdf0 * a, 2 * pdf0 * rho
    if name != "all" and p < 1:
        alpha = root2 * mp.erfinv(p if name == "keep-hard" else 1 - p)
        x = alpha / a if a else mp.inf
        sign = 1 if name == "keep-hard" else -1
        e1 = (mp.erf if name == "keep-hard" else mp.erfc)(x / root2)
        e2 = mp.erf(rho * x / root2) if rho else mp.mpf(0)
        gamma = p - sign * 2 * alpha * mp.npdf(alpha)
        beta, beta_t = 2 * pdf0 * a * e1, 2 * (rho * pdf0 * e1 - sign * mp.npdf(alpha) * e2)
    m = (p - phi - z - mp.sqrt((p - phi - z) ** 2 - 4 * phi * z)) / (2 * phi * z)
    m_prime = m / (p / (1 + phi * m) - z - m * p * phi / (1 + phi * m) ** 2)
    s, s_prime = gamma / (1 + phi * m), -gamma * phi * m_prime / (1 + phi * m) ** 2
    mt = 1 / (s - z)
    mt_prime = mt**2 * (1 - s_prime)
    m0 = a * beta * m + rho * beta_t * mt
    r, r_prime = beta**2 * m + beta_t**2 * mt, beta**2 * m_prime + beta_t**2 * mt_prime
    nu0 = p * phi * m_prime + r_prime - 2 * phi * m_prime * r / (1 + phi * m)
    margin_mean = mp.sqrt(2 / mp.pi) * m0
    exact = mp.atan2(mp.sqrt(nu0 - m0**2), m0) / mp.pi
    return m0, nu0, exact, mp.ncdf(-margin_mean / mp.sqrt(nu0 - margin_mean**2))
