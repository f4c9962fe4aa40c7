"""Entropy and its guidance: gradients against finite differences, norms per sample, unusable gradients, the control."""

import math
from types import SimpleNamespace

import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from empirical.diffusion.denoiser import ClassifierFree, predict_x0
from empirical.diffusion.guidance import EntropyGuide, RandomGuide, Unguided, When, make_guide
from empirical.learning.entropy import ascent, entropy
from empirical.settings.sections import Acquire

ALPHAS = torch.linspace(0.95, 0.05, 10, dtype=torch.float64)
SCHEDULER = SimpleNamespace(alphas_cumprod=ALPHAS, timesteps=torch.arange(9, -1, -1))
LABELS = torch.tensor([0, 1, 2, 1])
WEIGHTS = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
MIXING = torch.randn(5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def noisy(seed=0, rows=4):
    return torch.randn(rows, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def denoiser(x, t, labels):
    """Return a smooth invented noise estimate of each row, which depends on x, t and the row's label."""
    return torch.tanh(x.double() @ MIXING) * (1 + 0.1 * t) + 0.3 * labels.unsqueeze(1)


def logits(x0):
    return torch.sin(x0) @ WEIGHTS


def step(guide, x, t=4, labels=LABELS, seeds=(1, 2, 3, 4), model=denoiser):
    return guide(ClassifierFree(model, 0, 9), SCHEDULER, seeds)(x, t, labels)


def test_entropy_of_known_distributions():
    p = torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.7, 0.1, 0.1, 0.1]], dtype=torch.float64)
    assert entropy(p.log()).tolist() == pytest.approx(
        [1.75 * math.log(2), -0.7 * math.log(0.7) - 0.3 * math.log(0.1)], rel=1e-14
    )
    assert entropy(torch.zeros(1, 10)).item() == pytest.approx(math.log(10), rel=1e-6)


@given(st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=10), st.floats(-1e3, 1e3))
def test_entropy_is_bounded_and_blind_to_shifts(values, shift):
    row = torch.tensor([values], dtype=torch.float64)
    assert -1e-12 <= entropy(row).item() <= math.log(len(values)) + 1e-12
    assert entropy(row + shift).item() == pytest.approx(entropy(row).item(), abs=1e-9)


def exact_gradient(z):
    """Return -p_i (log p_i + H) in units of its norm, computed with 500 digits."""
    with mpmath.workdps(500):
        weights = [mpmath.exp(value) for value in z]
        p = [weight / mpmath.fsum(weights) for weight in weights]
        log_p = [mpmath.log(share) for share in p]
        total = -mpmath.fsum(share * log for share, log in zip(p, log_p, strict=True))
        gradient = [-share * (log + total) for share, log in zip(p, log_p, strict=True)]
        return [float(g / mpmath.norm(gradient)) for g in gradient]


@pytest.mark.parametrize("lead", [1.0, 8.0, 13.0, 15.0, 18.0, 40.0, 150.0, 400.0])
@pytest.mark.parametrize("classes", [2, 10])
def test_the_entropy_rises_however_sure_the_learner_is(lead, classes):
    """`ascent` in float32 has the direction of the exact gradient to 1 %; autograd's own is spoilt from 18 nats on."""
    z = torch.randn(8, classes, generator=torch.Generator().manual_seed(3))
    z[:, -1] += lead
    exact = torch.tensor([exact_gradient(row) for row in z.tolist()])
    assert (torch.nn.functional.normalize(ascent(z)) - exact).norm(dim=1).max() < 0.01
    row = z.clone().requires_grad_()
    entropy(row).sum().backward()
    spoilt = (torch.nn.functional.normalize(row.grad) - exact).norm(dim=1).max() > 0.01
    assert spoilt == (lead >= 18)


def test_a_learner_that_is_sure_of_everything_guides_to_its_boundary():
    """Weights a thousand times as large change no direction, and leave no sample in its place."""
    x, axis = noisy(4, 64), torch.eye(5, dtype=torch.float64)[0]
    moved = []
    for scale in (1.0, 1000.0):
        guide = EntropyGuide(lambda x0, scale=scale: torch.stack([0 * x0[:, 0], scale * (x0 @ axis)], 1), 0.1, "x0")
        labels = torch.zeros(64, dtype=torch.long)
        moved.append(step(guide, x, labels=labels, seeds=range(64), model=lambda x, *_: 0 * x)[0] - x)
        assert guide.skipped == 0
    assert torch.allclose(moved[0], moved[1], atol=1e-6)
    assert (moved[1][:, 0] * x[:, 0] < 0).all()


def test_entropy_works_in_float32_on_half_precision_and_keeps_a_finite_gradient():
    extreme = torch.tensor([[300.0, -300.0, 0.0]], requires_grad=True)
    entropy(extreme).sum().backward()
    assert extreme.grad.isfinite().all()
    half = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.bfloat16)
    assert entropy(half).dtype == torch.float32
    assert torch.equal(entropy(half), entropy(half.float()))


def test_classifier_free_guidance_is_its_formula():
    """eps = (1 + lambda) eps(x, y) - lambda eps(x), with the null label for the second term."""
    x, scale = noisy(), 2.5
    expected = (1 + scale) * denoiser(x, 3, LABELS) - scale * denoiser(x, 3, torch.full_like(LABELS, 9))
    guided = ClassifierFree(denoiser, scale, 9)
    assert torch.allclose(guided(x, 3, LABELS), expected, rtol=1e-14, atol=1e-14)
    completed = guided.complete(guided.conditional(x, 3, LABELS), x, 3, LABELS)
    assert torch.allclose(completed, expected, rtol=1e-14, atol=1e-14)
    plain = ClassifierFree(denoiser, 0, 9)
    assert torch.equal(plain(x, 3, LABELS), denoiser(x, 3, LABELS))
    assert torch.equal(plain.complete(expected, x, 3, LABELS), expected)


class Counting:
    """The denoiser, which records the rows of its passes and whether their gradient is kept."""

    def __init__(self):
        self.passes = []

    def __call__(self, x, t, labels):
        self.passes.append((len(x), x.requires_grad))
        return denoiser(x, t, labels)


@pytest.mark.parametrize(
    ("through", "passes"),
    [("x0", [(8, False)]), ("denoiser", [(8, True)]), ("conditional", [(4, True), (4, False)])],
)
def test_guidance_makes_no_third_pass(through, passes):
    """Classifier-free guidance makes two passes; the conditional path takes its gradient through one of these."""
    counting = Counting()
    x, free = noisy(), ClassifierFree(counting, 2.0, 3)
    _, eps = EntropyGuide(logits, 0.05, through)(free, SCHEDULER, (1, 2, 3, 4))(x, 4, LABELS)
    assert counting.passes == passes
    assert torch.allclose(eps, ClassifierFree(denoiser, 2.0, 3)(x, 4, LABELS), rtol=1e-13, atol=1e-13)


def test_the_conditional_path_judges_the_conditional_image():
    """Its direction equals that without classifier-free guidance, whatever the scale."""
    x = noisy()
    free, alone = ClassifierFree(denoiser, 2.0, 3), ClassifierFree(denoiser, 0, 3)
    moved, _ = EntropyGuide(logits, 0.05, "conditional")(free, SCHEDULER, (1, 2, 3, 4))(x, 4, LABELS)
    expected, _ = EntropyGuide(logits, 0.05, "denoiser")(alone, SCHEDULER, (1, 2, 3, 4))(x, 4, LABELS)
    assert torch.equal(moved, expected)


@pytest.mark.parametrize(
    ("when", "steps"),
    [
        (When(), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        (When(every=3), [9, 6, 3, 0]),
        (When(interval=(0.2, 0.6)), [6, 5, 4, 3, 2]),
        (When(every=2, interval=(0.25, 0.65)), [6, 4]),
    ],
)
def test_a_guide_acts_when_it_is_asked_to(when, steps):
    x = noisy()
    for guide in (EntropyGuide(logits, 0.05, "x0", when), RandomGuide(0.05, when)):
        assert guide.steps(SCHEDULER) == steps
        predict = guide(ClassifierFree(denoiser, 0, 9), SCHEDULER, (1, 2, 3, 4))
        moved = [t for t in range(9, -1, -1) if not torch.equal(predict(x, t, LABELS)[0], x)]
        assert moved == steps


def test_a_preview_stands_between_the_predicted_sample_and_the_learner():
    """The gradient goes through the preview."""
    x, shown = noisy(), []

    def preview(x0):
        shown.append(x0)
        return torch.tanh(2 * x0)

    moved, _ = step(make_guide(logits, Acquire(omega=0.05), preview), x)
    assert torch.equal(moved, step(EntropyGuide(lambda x0: logits(torch.tanh(2 * x0)), 0.05, "x0"), x)[0])
    assert len(shown) == 1


@pytest.mark.parametrize("through", ["x0", "denoiser", "conditional"])
@pytest.mark.parametrize("chunk", [1, 3, 4, 9])
def test_a_gradient_in_chunks_is_that_of_the_whole_batch(through, chunk):
    """To 1e-13, with classifier-free guidance; no pass has the activations of more than `chunk` images."""
    x, counting, shown = noisy(), Counting(), []

    def seen(x0):
        shown.append(len(x0))
        return logits(x0)

    whole = EntropyGuide(logits, 0.05, through)(ClassifierFree(denoiser, 2.0, 3), SCHEDULER, (1, 2, 3, 4))
    parts = EntropyGuide(seen, 0.05, through, chunk=chunk)(ClassifierFree(counting, 2.0, 3), SCHEDULER, (1, 2, 3, 4))
    for one, other in zip(whole(x, 4, LABELS), parts(x, 4, LABELS), strict=True):
        assert torch.allclose(one, other, rtol=1e-13, atol=1e-13)
    assert shown == {1: [1, 1, 1, 1], 3: [3, 1], 4: [4], 9: [4]}[chunk]
    kept = [rows for rows, differentiable in counting.passes if differentiable]
    assert kept == ([] if through == "x0" else [count * (2 if through == "denoiser" else 1) for count in shown])


def test_the_predicted_image_inverts_the_forward_process():
    clean, eps, alpha = noisy(1), noisy(2), ALPHAS[3]
    noised = alpha.sqrt() * clean + (1 - alpha).sqrt() * eps
    assert torch.allclose(predict_x0(noised, eps, alpha), clean, rtol=1e-13, atol=1e-13)


def uncertainty(x, held_eps, t=4):
    """Return H(f(x0_hat)) of every row, with the noise estimate `held_eps`, or that of x if None."""
    eps = denoiser(x, t, LABELS) if held_eps is None else held_eps
    return entropy(logits(predict_x0(x, eps, ALPHAS[t])))


@pytest.mark.parametrize("through", ["x0", "denoiser", "conditional"])
def test_the_step_follows_the_finite_difference_gradient(through):
    x, omega, h = noisy(), 0.03, 1e-6
    held = denoiser(x, 4, LABELS) if through == "x0" else None
    gradient = torch.zeros_like(x)
    for j in range(x.shape[1]):
        nudge = torch.zeros_like(x)
        nudge[:, j] = h
        gradient[:, j] = (uncertainty(x + nudge, held) - uncertainty(x - nudge, held)) / (2 * h)
    expected = x + omega * x.norm(dim=1, keepdim=True) * gradient / gradient.norm(dim=1, keepdim=True)
    moved, eps = step(EntropyGuide(logits, omega, through), x)
    assert torch.allclose(moved, expected, rtol=0, atol=1e-8)
    assert torch.equal(eps, denoiser(x, 4, LABELS))  # at the point before the step: one evaluation serves both
    assert not moved.requires_grad
    assert not eps.requires_grad


def test_the_two_gradient_paths_differ():
    moved = [step(EntropyGuide(logits, 0.03, through), noisy())[0] for through in ("x0", "denoiser")]
    assert (moved[0] - moved[1]).norm(dim=1).min() > 1e-3


@pytest.mark.parametrize("through", ["x0", "denoiser"])
def test_a_small_step_raises_the_entropy_of_every_sample(through):
    x = noisy()
    held = denoiser(x, 4, LABELS) if through == "x0" else None
    moved, _ = step(EntropyGuide(logits, 1e-4, through), x)
    assert (uncertainty(moved, held) > uncertainty(x, held)).all()


def guides():
    return [EntropyGuide(logits, 0.05, "x0"), EntropyGuide(logits, 0.05, "denoiser"), RandomGuide(0.05)]


@pytest.mark.parametrize("guide", guides(), ids=lambda g: g.mode)
def test_steps_have_length_omega_times_the_norm_of_each_sample(guide):
    x = noisy() * torch.tensor([[0.1], [1.0], [10.0], [100.0]])
    moved, _ = step(guide, x)
    assert torch.allclose((moved - x).norm(dim=1), 0.05 * x.norm(dim=1), rtol=1e-9)


@pytest.mark.parametrize("guide", guides(), ids=lambda g: g.mode)
def test_a_sample_does_not_see_its_neighbours(guide):
    """Compare row 1 alone with row 1 among rows a thousand times larger."""
    x = noisy()
    louder = torch.where(torch.arange(4).unsqueeze(1) == 1, x, 1000 * x)
    alone = step(guide, x[1:2], labels=LABELS[1:2], seeds=(2,))[0]
    for rows in (x, louder):
        assert torch.allclose(step(guide, rows)[0][1], alone[0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("through", ["x0", "denoiser"])
def test_a_gradient_of_zero_leaves_that_sample_alone_and_is_counted(through):
    def spoiled(x0):
        values = logits(x0)
        return torch.cat([values[:2], 0 * values[2:3], values[3:]])

    x = noisy()
    guide = EntropyGuide(spoiled, 0.05, through)
    moved, _ = step(guide, x)
    assert guide.skipped == 1
    assert torch.equal(moved[2], x[2])
    others = [0, 1, 3]
    assert torch.equal(moved[others], step(EntropyGuide(logits, 0.05, through), x)[0][others])
    step(guide, x)
    assert guide.skipped == 2


BAD = {"not a number": lambda row: row * float("nan"), "infinite": lambda row: row.exp() * float("inf")}


@pytest.mark.parametrize("through", ["x0", "denoiser"])
@pytest.mark.parametrize("bad", list(BAD), ids=list(BAD))
def test_a_gradient_that_is_not_finite_spoils_that_sample_alone_so_that_the_sampler_refuses_it(through, bad):
    def spoiled(x0):
        values = logits(x0)
        return torch.cat([values[:2], BAD[bad](values[2:3]), values[3:]])

    x = noisy()
    guide = EntropyGuide(spoiled, 0.05, through)
    moved, _ = step(guide, x)
    assert guide.skipped == 0
    assert moved[2].isnan().all()
    others = [0, 1, 3]
    assert torch.equal(moved[others], step(EntropyGuide(logits, 0.05, through), x)[0][others])


def test_rows_that_fill_up_a_batch_are_not_counted():
    x = noisy()
    x[2:] = x[1]
    guide = EntropyGuide(lambda x0: 0 * logits(x0), 0.05, "x0")
    step(guide, x, seeds=(1, 2, 2, 2))
    assert guide.skipped == 2


def test_random_directions_follow_from_the_image_seeds():
    """No direction is used twice over several steps; other seeds and other steps give other directions."""
    x = noisy()

    def path(seeds, steps=60):
        predict = RandomGuide(0.05)(ClassifierFree(denoiser, 0, 9), SCHEDULER, seeds)
        return torch.stack([predict(x, 4, LABELS)[0] - x for _ in range(steps)])

    first = path((1, 2, 3, 4))
    assert torch.equal(first, path((1, 2, 3, 4)))
    assert torch.equal(first[:, 1], path((9, 2, 8, 7))[:, 1])
    unit = (first / first.norm(dim=2, keepdim=True)).flatten(0, 1)  # (steps * samples, 5)
    cosines = (unit @ unit.T).fill_diagonal_(0)
    assert cosines.max() < 0.9999
    assert unit.mean(0).norm() < 4 / math.sqrt(len(unit))  # no direction is preferred
    start = torch.randn(5, generator=torch.Generator().manual_seed(2))
    assert abs(torch.cosine_similarity(first[0, 1].float(), start, dim=0)) < 0.999  # the start is another draw


def test_the_guide_is_the_one_asked_for():
    assert isinstance(make_guide(logits, Acquire(omega=0.0, direction="random")), Unguided)
    assert isinstance(make_guide(logits, Acquire(omega=0.1, direction="random")), RandomGuide)
    for through in ("x0", "denoiser"):
        guide = make_guide(logits, Acquire(omega=0.1, through=through))
        assert isinstance(guide, EntropyGuide)
        assert (guide.mode, guide.omega) == (through, 0.1)
