"""Compare the linear world with its theory, and test the world of real digits."""

import math

import pytest
import torch
from scipy.stats import kstest
from sklearn.datasets import load_digits
from support.errors import complains
from support.runs import add_round, pool_of, run_of
from torch.autograd.functional import jacobian

from empirical.config import new_learner, world_of
from empirical.data.images import decode, encode
from empirical.data.split import Split
from empirical.diffusion.sampler import Sampler, Samples
from empirical.generators import unet_training
from empirical.generators.unet_training import GeneratorTraining, train
from empirical.learning.evaluate import Score
from empirical.runs.folder import run_name
from empirical.settings.sections import Training
from empirical.worlds import WORLDS, DigitsWorld, LinearWorld

HALF_NORMAL = math.sqrt(2 / math.pi)
TRAINING = Training(iterations=1)  # linear learners are fitted, not trained


def log_density(x, a, y, w):
    """Return log p_t(x | y) up to a constant, the noised half-space law: N(x; 0, I) 2 Phi(u)."""
    u = y * math.sqrt(a / (1 - a)) * (x @ w)
    return -0.5 * x.square().sum(-1) + torch.special.log_ndtr(u)


@pytest.mark.parametrize("t", [20, 300, 700, 980])
@pytest.mark.parametrize("label", [0, 1, 2])
def test_the_score_of_the_linear_world_is_the_gradient_of_its_log_density(t, label):
    """eps equals - sqrt(1 - a) grad log p_t by central differences in float64; label 2 is unconditional."""
    world, h = LinearWorld(dimension=5), 1e-5
    a, y = float(world.scheduler().alphas_cumprod[t]), (-1, 1, 0)[label]
    x = torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(t))
    w = world.truth().double()
    columns = [
        (log_density(x + h * e, a, y, w) - log_density(x - h * e, a, y, w)) / (2 * h) for e in torch.eye(5).double()
    ]
    expected = -math.sqrt(1 - a) * torch.stack(columns, dim=1)
    eps = world.denoiser("cpu")(x.float(), t, torch.full((6,), label)).double()
    assert torch.allclose(eps, expected, rtol=2e-4, atol=2e-5)


def test_the_score_is_finite_far_on_the_wrong_side():
    world = LinearWorld(dimension=2)
    x = torch.tensor([[-8.0, 0.0], [8.0, 0.0]])
    eps = world.denoiser("cpu")(x, 1, torch.tensor([1, 0]))
    assert eps.isfinite().all()


@pytest.fixture(scope="module")
def plenty():
    """Draw 2,048 samples of the linear world in 200 steps, without classifier-free guidance."""
    run = run_of("linear", **{"world.dimension": 8, "sampling.steps": 200, "sampling.guidance_scale": 0.0})
    return Sampler(world_of(run), run.sampling).draw(0, 0, 2048)[0]


def test_samples_of_the_linear_world_respect_their_labels(plenty):
    assert torch.equal(plenty.images[:, 0] > 0, plenty.labels == 1)


def test_many_steps_give_the_half_space_law(plenty):
    """Means and variances are within 4 standard errors plus .03, and the first coordinate is half-normal.

    The resolution is .13 for means of unit variance; plain normal noise would miss by .8.
    """
    n, signed = len(plenty.labels), plenty.images.double()
    signed[:, 0] *= 2 * plenty.labels - 1
    mean = torch.zeros(8, dtype=torch.float64)
    mean[0] = HALF_NORMAL
    variance = torch.ones(8, dtype=torch.float64)
    variance[0] -= HALF_NORMAL**2
    assert ((signed.mean(0) - mean).abs() <= 4 * (variance / n).sqrt() + 0.03).all()
    assert ((signed.var(0) - variance).abs() <= 4 * variance * math.sqrt(2 / n) + 0.03).all()
    assert kstest(signed[:, 0].numpy(), "halfnorm").statistic < 0.06
    assert kstest(signed[:, 1].numpy(), "norm").statistic < 0.06
    correlation = torch.corrcoef(signed.T) - torch.eye(8, dtype=torch.float64)
    assert correlation.abs().max() < 4.5 / math.sqrt(n)


def test_fewer_steps_are_further_from_the_law(plenty):
    """The sampler's error falls with its steps, which the .03 of the test above allows for."""
    run = run_of("linear", **{"world.dimension": 8, "sampling.steps": 5, "sampling.guidance_scale": 0.0})
    coarse = Sampler(world_of(run), run.sampling).draw(0, 0, 2048)[0]
    gaps = [abs(s.images[:, 1:].double().var(0).mean() - 1) for s in (coarse, plenty)]
    assert gaps[0] > 2 * gaps[1]


def test_rows_that_count_twice_are_fitted_as_if_they_were_there_twice():
    """A row of weight two in `everything` counts as much as two equal rows."""

    class Weighted(Split):
        def everything(self):
            return self, torch.tensor([1.0, 1.0, 1.0, 2.0])

    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(8))
    labels = torch.tensor([0, 1, 1, 0])
    for kind in ("ridge", "logistic"):
        one, two = (LinearWorld(dimension=3).learner(kind, TRAINING, 0, "cpu") for _ in "ab")
        losses = [one.fit(Weighted(x, labels), 0, 1), two.fit(Split(x[[0, 1, 2, 3, 3]], labels[[0, 1, 2, 3, 3]]), 0, 1)]
        tolerance = 1e-9 if kind == "ridge" else 1e-5
        assert torch.allclose(one.w, two.w, rtol=0, atol=tolerance)
        assert losses[0] == pytest.approx(losses[1], abs=tolerance)


def linear_learner(kind, ridge=0.05, rows=60, dimension=7):
    """Make an unfitted learner, its world, and labelled noise to fit it on."""
    source = torch.Generator().manual_seed(4)
    x = torch.randn(rows, dimension, generator=source)
    labels = (x[:, 0] + torch.randn(rows, generator=source) > 0).long()
    world = LinearWorld(dimension=dimension, ridge=ridge)
    learner = world.learner(kind, TRAINING, 0, "cpu")
    return world, learner, Samples(x, labels, torch.arange(rows), torch.arange(rows))


@pytest.mark.parametrize("kind", ["ridge", "logistic"])
@pytest.mark.parametrize("ridge", [1e-3, 0.05, 2.0])
def test_the_linear_learner_is_at_the_minimum_of_its_loss(kind, ridge, tmp_path):
    """The gradient of (1/n) sum loss + ridge/2 ||w||^2 is zero at the fitted weights, and not beside them."""
    _, learner, samples = linear_learner(kind, ridge)
    reported = learner.fit(pool_of(samples, tmp_path), 0, 1)
    x, y = samples.images.double(), 2.0 * samples.labels - 1

    def loss(w):
        margin = y * (x @ w)
        return ((1 - margin) ** 2 / 2 if kind == "ridge" else torch.log1p(torch.exp(-margin))).mean()

    def gradient(w):
        return jacobian(lambda v: loss(v) + ridge / 2 * v @ v, w).norm()

    assert gradient(learner.w) < (1e-12 if kind == "ridge" else 1e-6)
    assert gradient(1.01 * learner.w) > 1e-4
    assert reported == pytest.approx(loss(learner.w).item(), rel=1e-12)


def test_the_linear_learner_is_refitted_when_the_pool_changes(tmp_path):
    _, learner, samples = linear_learner("ridge")
    pool = pool_of(samples, tmp_path)
    learner.fit(pool, 0, 1)
    before = learner.state()
    learner.fit(pool, 1, 2)
    assert torch.equal(before["w"], learner.w)
    add_round(pool, samples._replace(images=-samples.images))
    learner.fit(pool, 2, 3)
    assert learner.w.norm() < 1e-6 * before["w"].norm()  # the labels of mirrored points cancel
    learner.load_state(before)
    assert torch.equal(learner.w, before["w"])


def test_linear_logits_are_the_odds_of_its_score():
    _, learner, samples = linear_learner("ridge")
    learner.w = torch.arange(7, dtype=torch.float64)
    score = samples.images @ learner.w.float()
    p = torch.softmax(learner.logits(samples.images), 1)[:, 1]
    assert torch.allclose(p, torch.sigmoid(score), atol=1e-6)


def test_the_exact_accuracy_is_that_of_many_real_samples():
    world, learner, _ = linear_learner("ridge")
    learner.w = torch.tensor([1.0, 0.7, 0, 0, 0, 0, -0.4], dtype=torch.float64)
    n = 200_000
    x = torch.randn(n, 7, generator=torch.Generator().manual_seed(0))
    counted = ((learner.logits(x).argmax(1) == 1) == (x @ world.truth() > 0)).float().mean().item()
    exact = world.test(learner).accuracy
    assert world.test(learner).correct is None
    assert abs(counted - exact) < 4 * math.sqrt(exact * (1 - exact) / n)  # resolution .004
    learner.w = world.truth().double()
    assert world.test(learner) == Score(1, alignment=1)


def test_linear_validation_is_real_data_of_the_run_seed():
    world = LinearWorld(dimension=6, validation=500)
    first, again, other = world.validation_split(0), world.validation_split(0), world.validation_split(1)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)
    assert torch.equal(first.labels, (first.images[:, 0] > 0).long())


def test_the_linear_corpus_is_real_data_that_never_change():
    world = LinearWorld(dimension=6)
    corpus = world.corpus_split()
    assert corpus.images.shape == (4096, 6)
    assert torch.equal(corpus.images, world.corpus_split().images)
    assert torch.equal(corpus.labels, (corpus.images[:, 0] > 0).long())
    assert corpus.images.mean(0).abs().max() < 4 / 64  # standard error 1/64
    for seed in range(20):
        assert not torch.equal(world.validation_split(seed).images[0], corpus.images[0])


def test_digits_are_the_real_ones_in_order_and_range():
    data, world = load_digits(), DigitsWorld()
    rows = world.rows((0, 1797))
    assert torch.equal(((rows.images + 1) * 8).flatten(1), torch.tensor(data.data, dtype=torch.float32))
    assert rows.labels.tolist() == data.target.tolist()
    assert rows.images.shape == (1797, 1, 8, 8)
    assert (rows.images.min(), rows.images.max()) == (-1, 1)


def test_the_digits_splits_are_disjoint_and_as_configured():
    world = DigitsWorld(corpus=(0, 1000), validation=(1000, 1100), test_rows=(1100, 1797))
    assert torch.equal(world.validation_split(0).labels, world.rows((0, 1797)).labels[1000:1100])
    corpus, real = world.corpus_split().images, world.validation_split(3).images
    assert len(corpus) == 1000
    assert not (corpus.flatten(1).unsqueeze(0) == real.flatten(1).unsqueeze(1)).all(-1).any()


def test_the_reversed_split_has_the_same_sizes_from_the_other_end():
    data, world = load_digits(), DigitsWorld(split="reversed")
    for split, rows in (
        (world.corpus_split(), slice(797, 1797)),
        (world.validation_split(0), slice(597, 797)),
        (world.test_split(), slice(0, 597)),
    ):
        assert split.labels.tolist() == data.target[rows].tolist()
        assert torch.equal((split.images.flatten(1) + 1) * 8, torch.tensor(data.data[rows], dtype=torch.float32))
    assert world.learned_from() == {"corpus": [797, 1797]}


def test_a_split_changes_the_names_of_its_runs_only():
    """The first split's runs keep the names that they had before there was another."""
    runs = [run_of("digits", **{"world.split": split}) for split in ("forward", "reversed")]
    assert run_name(runs[0]) == run_name(run_of("digits")) == "a84b05ad689393b4"
    assert run_name(runs[1]) != run_name(runs[0])
    assert DigitsWorld(split="reversed").identity().endswith("+reversed")


def test_unknown_splits_and_weights_of_the_other_split_are_refused():
    with complains("world (digits).split"):
        DigitsWorld(split="random")
    with complains("world (digits).corpus"):
        DigitsWorld(split="reversed", weights=str(DigitsWorld().path)).identity()
    with complains("world (digits).weights") as caught:
        DigitsWorld(split="reversed", trained=7).identity()
    assert "generator digits --preset reversed" in str(caught.value)


def test_digits_learners_start_from_the_run_seed_and_leave_the_global_state():
    runs = [run_of("digits", seed=seed) for seed in (1, 1, 2)]
    before = torch.random.get_rng_state()
    first, again, other = (new_learner(run, "cpu").state() for run in runs)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["model.0.weight"], other["model.0.weight"])
    assert torch.equal(before, torch.random.get_rng_state())


def test_shipped_digits_look_like_their_labels():
    """A nearest-centroid rule of the real corpus names at least 85 % of 200 generated images; chance is 10 %."""
    run = run_of("digits")
    corpus, samples = world_of(run).rows(world_of(run).corpus), Sampler(world_of(run), run.sampling).draw(0, 0, 200)[0]
    centroids = torch.stack([corpus.images[corpus.labels == k].mean(0) for k in range(10)]).flatten(1)
    guesses = torch.cdist(samples.images.flatten(1), centroids).argmin(1)
    assert (guesses == samples.labels).float().mean() > 0.85
    assert samples.images.abs().max() <= 1


def test_the_worlds_go_by_their_names():
    assert list(WORLDS) == ["linear", "digits", "latent_digits", "glyphs", "cifar10", "imagenet100", "imagenet1k"]
    assert all(world.name == name for name, world in WORLDS.items())


def test_generated_digits_are_on_the_levels_that_are_stored():
    run = run_of("digits", **{"sampling.steps": 4})
    images = Sampler(world_of(run), run.sampling).draw(0, 0, 16)[0].images
    assert torch.equal(decode(encode(images), world_of(run).shape), images)
    assert torch.equal(world_of(run).finish(torch.full((1, 1, 8, 8), 1.7)), torch.ones(1, 1, 8, 8))


def test_weights_that_were_replaced_are_read_anew(tmp_path):
    """After another training has replaced the file, the world uses the new weights."""
    path = tmp_path / "digits_generator.safetensors"
    settings = [GeneratorTraining(base_channels=8, iterations=1, batch=2, seed=seed) for seed in (0, 1)]
    world, states = DigitsWorld(weights=str(path)), []
    for one in settings:
        model = train(world.corpus_split(), world.shape, 10, one, lambda *_: None)
        unet_training.save(path, model, one, world.shape, 10, {"corpus": [0, 1000]})
        states.append((world.identity(), world.denoiser("cpu")(torch.ones(1, 1, 8, 8), 5, torch.tensor([1]))))
    assert states[0][0] != states[1][0]
    assert not torch.equal(states[0][1], states[1][1])
