"""Guidance in the plane: the quadrature against a lattice, the planar map against the project's own sampler."""

import numpy as np
import pytest
import torch
from scipy.special import ndtri

from empirical.diffusion.denoiser import ClassifierFree
from empirical.diffusion.guidance import EntropyGuide, Unguided, When
from empirical.diffusion.sampler import ddim as sample_by_ddim
from empirical.worlds import LinearWorld
from rmt.practice import Guided, ddim
from rmt.practice.additions import plane_moments

GOLDEN = (1 + 5**0.5) / 2


def lattice_moments(addition, cos, points):
    """Return E[x] and E[x x'] of class +1 by a Fibonacci lattice."""
    i = np.arange(points)
    noise = ndtri(np.stack([(i + 0.5) / points, (i / GOLDEN + 0.5 / points) % 1], axis=1))
    x = ddim.sample(noise, cos, np.sqrt(1 - cos**2), addition.kappa, addition.through, addition.schedule())
    return x.mean(axis=0), x.T @ x / points


@pytest.mark.parametrize(
    ("addition", "cos"),
    [
        (Guided(0.3, 20), 0.8),
        (Guided(0.8, 10), 0.5),
        (Guided(0.1, 20, "denoiser"), 0.9),
        (Guided(0.3, 20, interval=(0.2, 1.0)), 0.99),
        (Guided(0.3, 20, every=3), -0.3),
        (Guided(0.05, 20, "denoiser"), 0.9999),
    ],
)
def test_moments_against_a_lattice(addition, cos):
    """A lattice of 10^5 points is good to 2e-4 (two lattices, compared before)."""
    moments = plane_moments(addition, cos, np.sqrt(1 - cos**2))
    b, S = lattice_moments(addition, cos, 100_000)
    np.testing.assert_allclose(moments.b, b, atol=2e-4)
    np.testing.assert_allclose(moments.S, S, atol=2e-4)


@pytest.mark.parametrize(("kappa", "through", "cos"), [(0.3, "x0", 0.8), (0.1, "denoiser", 0.9), (0.064, "x0", 0.999)])
def test_the_stated_error_is_one(kappa, through, cos):
    sin = np.sqrt(1 - cos**2)
    fine = plane_moments(Guided(kappa, 20, through, tolerance=2e-6), cos, sin)
    for tolerance in (1e-4, 1e-3):
        coarse = plane_moments(Guided(kappa, 20, through, tolerance=tolerance), cos, sin)
        gap = max(np.abs(coarse.S - fine.S).max(), np.abs(coarse.b - fine.b).max())
        assert gap < coarse.error + fine.error
    assert fine.error < 1e-5


def test_a_good_classifier_leaves_no_jump_unseen():
    """Nearly along w_0 every jump is steep in g_0: panels shrink around it."""
    near, at_limit = (plane_moments(Guided(0.05, 50), np.sqrt(1 - sin**2), sin) for sin in (1e-4, 1e-6))
    np.testing.assert_allclose(near.S, at_limit.S, atol=3e-4)
    np.testing.assert_allclose(near.b, at_limit.b, atol=3e-4)


@pytest.mark.parametrize("steps", [1, 20, 100])
def test_the_schedule_is_the_linear_worlds(steps):
    scheduler = LinearWorld().scheduler()
    scheduler.set_timesteps(steps)
    times = scheduler.timesteps.tolist()
    expected = np.sqrt(scheduler.alphas_cumprod[times].double().numpy())
    np.testing.assert_allclose([step.C for step in ddim.schedule(steps)], expected, rtol=0, atol=2e-6)
    when = When(3, (0.2, 0.7))
    guided = [step.guided for step in ddim.schedule(steps, when.interval, when.every)]
    assert [time for time, is_guided in zip(times, guided, strict=True) if is_guided] == when.steps(scheduler)


@pytest.mark.parametrize(("omega", "through"), [(0.0, "x0"), (0.005, "x0"), (0.002, "denoiser")])
def test_the_planar_map_is_the_samplers_limit(omega, through):
    """The project's sampler at d = 2,048 from the same noise: mean differences of x and x x' within 4 errors + 1/d.

    Unguided, sample by sample to single precision.
    """
    d, count, steps, cos = 2048, 600, 20, 0.8
    sin, world = 0.6, LinearWorld(dimension=d)
    w = torch.zeros(d)
    w[:2] = torch.tensor([cos, sin])
    scheduler = world.scheduler()
    scheduler.set_timesteps(steps)
    noise = torch.randn(count, d, generator=torch.Generator().manual_seed(3))
    guide = EntropyGuide(lambda x: torch.stack([-x @ w, x @ w], 1) / 2, omega, through) if omega else Unguided()
    denoiser = ClassifierFree(world.denoiser("cpu"), 0.0, 2)
    labels = torch.ones(count, dtype=torch.long)
    x = sample_by_ddim(guide(denoiser, scheduler, range(count)), scheduler, noise, labels).double().numpy()
    plane = ddim.sample(noise[:, :2].double().numpy(), cos, sin, omega * d**0.5, through, ddim.schedule(steps))
    *_, c = ddim.off_plane(ddim.schedule(steps))
    if not omega:
        np.testing.assert_allclose(x[:, :2], plane, atol=1e-4)
        np.testing.assert_allclose(x[:, 2:], c * noise[:, 2:].numpy(), atol=1e-4)
        return
    for gap in (
        x[:, 0] - plane[:, 0],
        x[:, 1] - plane[:, 1],
        x[:, 0] ** 2 - plane[:, 0] ** 2,
        x[:, 0] * x[:, 1] - plane[:, 0] * plane[:, 1],
    ):
        stderr = gap.std() / count**0.5
        assert 4 * stderr < 0.02, "the test cannot see"
        assert abs(gap.mean()) < 4 * stderr + 1 / d**0.5 / 10
