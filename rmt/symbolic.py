"""Proofs of the paper's algebra by sympy; `errata` lists its misprints with numbers.

Every proof reduces "left - right" to the number 0, exactly, with symbols for all parameters. Taking m itself as the
parameter avoids square roots: the equation 1/m = p/(1 + phi m) - z is linear in z and p.
"""

from collections.abc import Callable
from typing import NamedTuple

import sympy as sp

from rmt.errata import Erratum, errata

__all__ = ["PROOFS", "Erratum", "Proof", "corollary_1", "errata", "lemma_1_and_2", "lemma_3", "m_prime", "prove"]

p, phi, lam, rho = sp.symbols("p phi lam rho", positive=True)
gamma, beta, beta_t = sp.symbols("gamma beta beta_t", positive=True)
m, z, alpha, g = sp.symbols("m z alpha g", real=True)


class Proof(NamedTuple):
    """A statement, and the differences that must vanish if it holds."""

    statement: str
    remainders: tuple[sp.Expr, ...]

    @property
    def holds(self) -> bool:
        """True if every difference is 0."""
        return all(remainder == 0 for remainder in self.remainders)


def lemma_3() -> Proof:
    """m(z) = (p - phi - z - sqrt((p-phi-z)^2 - 4 phi z))/(2 phi z) solves 1/m = p/(1 + phi m) - z.

    With z = -lam it equals the stable form 2/(b + sqrt(b^2 + 4 phi lam)), b = p + lam - phi. Both are positive for
    lam > 0, and the equation has one positive root, since its two roots have the product -1/(phi lam) < 0.

    >>> lemma_3().holds
    True
    """
    root = sp.sqrt((p - phi + lam) ** 2 + 4 * phi * lam)
    printed = (p - phi + lam - root) / (-2 * phi * lam)
    stable = 2 / (p - phi + lam + root)
    numerator, _ = sp.fraction(sp.together(1 / m - p / (1 + phi * m) - lam))
    quadratic = sp.Poly(sp.expand(-numerator), m)  # phi lam m^2 + (lam + p - phi) m - 1
    product = quadratic.nth(0) / quadratic.nth(2)
    return Proof(
        "Lemma 3: m(z), printed and stable form",
        (
            sp.simplify(sp.expand(quadratic.as_expr().subs(m, printed))),
            sp.simplify(sp.radsimp(printed - stable)),
            sp.simplify(product + 1 / (phi * lam)),
        ),
    )


def m_prime() -> Proof:
    """m'(z) = m/(p/(1+phi m) - z - m p phi/(1+phi m)^2) = m^2 (1+delta)/(1 - z m delta), delta = phi m.

    `rmt.marchenko_pastur` computes the second form with z = -lam.

    >>> m_prime().holds
    True
    """
    z_of_m = p / (1 + phi * m) - 1 / m  # Lemma 3's equation
    slope = 1 / sp.diff(z_of_m, m)  # inverse function
    first = m / (p / (1 + phi * m) - z - m * p * phi / (1 + phi * m) ** 2)
    second = m**2 * (1 + phi * m) / (1 - z * m * phi * m)
    return Proof("m'(z), two forms", tuple(sp.simplify(form.subs(z, z_of_m) - slope) for form in (first, second)))


def lemma_1_and_2() -> Proof:
    """p, gamma, beta and beta_t of keep-hard and keep-easy are the integrals that define them (rho > 0).

    As functions of the threshold alpha both sides have the same derivative and the same value at alpha = 0; keep-easy
    is keep-all minus keep-hard.

    >>> lemma_1_and_2().holds
    True
    """
    tau, a = sp.symbols("tau a", positive=True)  # rho = tau/sqrt(1+tau^2), a = 1/sqrt(1+tau^2)
    pdf = sp.Lambda(g, sp.exp(-(g**2) / 2) / sp.sqrt(2 * sp.pi))
    cdf = sp.Lambda(g, (1 + sp.erf(g / sp.sqrt(2))) / 2)
    pdf0 = pdf(0)
    e1, e2 = 2 * cdf(alpha / a) - 1, 2 * cdf(tau * alpha) - 1
    hard = {  # Lemma 1, and under it the integrand over both sides |g| = alpha
        2 * cdf(alpha) - 1: 2 * pdf(alpha),
        2 * cdf(alpha) - 1 - 2 * alpha * pdf(alpha): 2 * alpha**2 * pdf(alpha),
        2 * pdf0 * a * e1: 4 * pdf(tau * alpha) * pdf(alpha),
        2 * (rho * pdf0 * e1 - pdf(alpha) * e2): 2 * alpha * (cdf(tau * alpha) - cdf(-tau * alpha)) * pdf(alpha),
    }
    tail = 2 * (1 - cdf(alpha / a))
    easy = (  # Lemma 2
        2 * (1 - cdf(alpha)),
        2 * (1 - cdf(alpha)) + 2 * alpha * pdf(alpha),
        2 * pdf0 * a * tail,
        2 * (rho * pdf0 * tail + pdf(alpha) * e2),
    )
    everything = (1, 1, 2 * pdf0 * a, 2 * rho * pdf0)
    angle = {rho: tau / sp.sqrt(1 + tau**2), a: 1 / sp.sqrt(1 + tau**2)}

    def zero(expression: sp.Expr) -> sp.Expr:
        return sp.simplify(sp.powsimp(sp.expand(sp.simplify(expression.subs(angle)))))

    slopes = [zero(sp.diff(closed, alpha) - integrand) for closed, integrand in hard.items()]
    starts = [zero(closed.subs(alpha, 0)) for closed in hard]
    rests = [zero(closed + rest - whole) for closed, rest, whole in zip(hard, easy, everything, strict=True)]
    return Proof("Lemmas 1 and 2: moments of keep-hard and keep-easy", (*slopes, *starts, *rests))


def theorem_1() -> tuple[sp.Expr, sp.Expr]:
    """Return m0 and nu0 of Theorem 1 in terms of m, p, phi, lam, rho and the rule's moments."""
    delta = phi * m
    slope = m**2 * (1 + delta) / (1 + lam * m * delta)
    mt = 1 / (gamma / (1 + delta) + lam)
    mt_slope = mt**2 * (1 + gamma * phi * slope / (1 + delta) ** 2)
    a = sp.sqrt(1 - rho**2)
    r, r_slope = beta**2 * m + beta_t**2 * mt, beta**2 * slope + beta_t**2 * mt_slope
    return a * beta * m + rho * beta_t * mt, p * phi * slope + r_slope - 2 * phi * slope * r / (1 + delta)


def corollary_1() -> Proof:
    """Theorem 1 tends to Corollary 1 as lam -> 0, on both sides of the threshold p = phi.

    For phi < p, m -> 1/(p-phi), a = lim m0 and b = lim nu0. For phi > p, m ~ (1 - p/phi)/lam, a = lim lam m0 and
    b = lim lam^2 nu0.

    >>> corollary_1().holds
    True
    """
    m0, nu0 = theorem_1()
    om, om_t = sp.sqrt(1 - rho**2) * beta, rho * beta_t
    r0 = beta**2 + beta_t**2 * p / gamma
    r0_slope = p * (beta**2 + beta_t**2 * ((p - phi) * p / gamma**2 + phi / gamma))
    below = {m: 1 / (p - phi), lam: 0}
    a_below = (om + om_t * p / gamma) / (p - phi)
    b_below = (p**2 * phi + r0_slope - 2 * phi * r0) / (p - phi) ** 3
    c0, c1 = 1 - p / phi, 1 - (p - gamma) / phi
    a_above = (om + om_t / c1) * c0
    b_above = (p * phi - beta**2 - beta_t**2 / c1) * c0
    large = {m: c0 / lam}
    return Proof(
        "Corollary 1: the unregularised limit of Theorem 1",
        (
            sp.simplify(m0.subs(below) - a_below),
            sp.simplify(nu0.subs(below) - b_below),
            sp.simplify(sp.limit(sp.together(lam * m0.subs(large)), lam, 0) - a_above),
            sp.simplify(sp.limit(sp.together(lam**2 * nu0.subs(large)), lam, 0) - b_above),
        ),
    )


PROOFS: tuple[Callable[[], Proof], ...] = (lemma_3, m_prime, lemma_1_and_2, corollary_1)


def prove() -> list[Proof]:
    """Run every proof; ArithmeticError with the first statement that does not hold, and its differences."""
    proofs = [proof() for proof in PROOFS]
    for proof in proofs:
        if not proof.holds:
            raise ArithmeticError(
                f"rmt.symbolic: got {proof.remainders} for {proof.statement}; allowed zeros; do check it"
            )
    return proofs
