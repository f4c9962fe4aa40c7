"""Density and coverage: closed forms, a slow count, and what they say of generators that leave out or blur."""

import pytest
import torch
from support.runs import tiny

from empirical.review.diversity import density_and_coverage
from empirical.review.examine import examine
from empirical.runs.execute import execute


def normal(count, seed, dimension=4):
    return torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed))


def test_images_of_the_same_distribution_have_density_one_and_the_coverage_of_the_source():
    """Density is 1 and coverage 1 - prod_i (n - i) / (2n - i), i = 1 ... k: .969; standard errors .02 and .006."""
    density, coverage = density_and_coverage(normal(1500, 0), normal(1500, 1))
    assert density == pytest.approx(1, abs=0.08)
    assert coverage == pytest.approx(0.969, abs=0.016)


def test_images_that_leave_out_half_of_the_real_ones_cover_half():
    real, generated = normal(1200, 0), normal(2400, 1)
    half = generated[generated[:, 0] > 0][:1100]
    _, coverage = density_and_coverage(real, half)
    assert 0.5 < coverage < 0.7  # half, and balls that reach over the boundary


def test_images_in_the_middle_of_the_real_ones_are_denser_and_cover_little():
    """In eight dimensions balls overlap in the middle: the density is 1.8 there, where it is 1 on average."""
    density, coverage = density_and_coverage(normal(1200, 0, 8), 0.3 * normal(1200, 1, 8))
    assert density > 1.5
    assert coverage < 0.4


def test_images_far_from_all_real_ones_have_neither():
    assert density_and_coverage(normal(50, 0), normal(50, 1) + 100) == (0, 0)


def test_balls_are_counted_as_a_slow_loop_counts_them():
    real, generated, k = normal(30, 0), normal(20, 1), 3
    hits = torch.zeros(30, 20)
    for i in range(30):
        others = sorted((real[i] - real[j]).norm().item() for j in range(30) if j != i)
        for j in range(20):
            hits[i, j] = (real[i] - generated[j]).norm().item() < others[k - 1]
    density, coverage = density_and_coverage(real, generated, k)
    assert 0 < density == pytest.approx(hits.sum().item() / (k * 20))
    assert 0 < coverage == pytest.approx(hits.any(1).float().mean().item())


def test_all_generators_are_measured_by_one_classifier(tmp_path, monkeypatch):
    """The run's seed, sampler and generator do not change the classifier of real images, which is trained once."""
    from empirical.review import diversity

    trained = []
    plain = diversity.new_learner
    monkeypatch.setattr(diversity, "new_learner", lambda run, device: trained.append(run) or plain(run, device))
    diversity._classifier.cache_clear()
    answers = []
    for settings in ({"seed": 1}, {"seed": 2, "sampling.guidance_scale": 0.5}, {"world.split": "reversed"}):
        run = tiny("digits", **{"growth.initial": 40, "growth.additions": 0, **settings})
        execute(run, tmp_path)
        answers.append(examine("diversity", run, tmp_path))
    assert len(trained) == 2  # another split has another corpus
    for answer in answers:
        assert 0 <= answer["agreement"] <= 1
        assert 0 <= answer["coverage"] <= 1
        assert answer["density"] >= 0
