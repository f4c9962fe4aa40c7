"""Features of a finished run: the network by hand, twins of one noise, refusals, and the command that writes them."""

import base64

import numpy as np
import pytest
import torch
from support.errors import complains
from support.runs import folder_of, tiny

import paper_repro
from empirical.config import new_learner, world_of
from empirical.diffusion.sampler import Sampler
from empirical.learning.entropy import entropy
from empirical.review.examine import examine
from empirical.review.features import features, layers, real_test_images
from empirical.review.remake import finished_learner, learner_of, open_pool
from empirical.review.tangent import tangent_features
from empirical.runs.execute import execute


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return a finished run of digits, its root, folder, pool and learner."""
    run, root = tiny("digits"), tmp_path_factory.mktemp("features") / "runs"
    execute(run, root)
    folder = folder_of(run, root)
    return run, root, folder, open_pool(run, folder), finished_learner(run, folder, "cpu")


def test_last_layer_features_and_the_head_are_the_logits(finished):
    run, _, _, pool, learner = finished
    images = pool.take(pool.active)
    rows = features(learner, images)
    head = learner.averaged.module[-1]
    assert torch.allclose(rows.features @ head.weight.T + head.bias, learner.logits(images.images), atol=1e-5)
    assert torch.equal(rows.labels, images.labels)
    assert torch.equal(rows.entropy, entropy(learner.logits(images.images)))
    assert not learner.averaged.module[-1]._forward_pre_hooks  # nothing stays behind
    assert real_test_images(run).images.shape[1:] == world_of(run).shape


@pytest.mark.parametrize("layer", ["pixels", "0", "3"])
def test_other_layers_by_name(finished, layer):
    _, _, _, pool, learner = finished
    images = pool.take(pool.active)
    assert layer in layers(learner)
    network = learner.averaged.module
    expected = images.images if layer == "pixels" else network[: int(layer) + 1](images.images)
    assert torch.allclose(features(learner, images, layer).features, expected.flatten(1), atol=1e-6)


def test_unknown_layers_and_learners_without_layers_are_refused(finished, tmp_path):
    _, _, _, pool, learner = finished
    with complains("--layer"):
        features(learner, pool.take(pool.active), "head")
    run = tiny("linear")
    execute(run, tmp_path)
    with complains("features"):
        real_test_images(run)
    with complains("features"):
        examine("features", run, tmp_path)


def test_twins_share_noise_and_class(finished):
    """Guided rows are those of the pool; plain ones are sampled anew from the same seeds, without guidance."""
    run, root, folder, pool, _ = finished
    answer = examine("features", run, root)
    frozen = learner_of(run, folder, 1, "cpu")

    def unpacked(name):
        data = base64.b64decode(answer[name]["features"])
        return np.frombuffer(data, "<f4").reshape(len(answer[name]["labels"]), answer["dimension"])

    guided = pool.take(torch.arange(len(pool.rounds[0]), sum(map(len, pool.rounds))))
    assert np.array_equal(unpacked("guided"), features(frozen, guided).features.numpy())
    assert answer["guided"]["labels"] == answer["plain"]["labels"] == guided.labels.tolist()
    first = pool.rounds[1]
    samples, _ = Sampler(world_of(run), run.sampling).draw(run.seed, int(first.indices[0]), len(first))
    assert torch.equal(samples.seeds, first.seeds)
    plain = features(
        frozen, real_test_images(run)._replace(images=samples.images, labels=samples.labels)
    ).features.numpy()
    assert unpacked("plain")[: len(plain)] == pytest.approx(plain, abs=1e-5)
    assert not np.allclose(unpacked("plain"), unpacked("guided"))
    assert np.array_equal(unpacked("test"), features(frozen, real_test_images(run)).features.numpy())


def test_runs_that_are_not_guided_are_refused(tmp_path):
    run = tiny("digits", acquire__omega=0.0)
    execute(run, tmp_path)
    with complains("examine"):
        examine("features", run, tmp_path)


def test_the_command_writes_what_theory_data_reads(finished, capsys):
    run, root, folder, pool, learner = finished
    call = ["features", folder.name[:9], "--out", str(root.parent)]
    assert paper_repro.main(call) == 0
    path = root.parent / "features" / f"{folder.name}.npz"
    said = capsys.readouterr().out
    assert f"next: theory-data {path}" in said
    with np.load(path, allow_pickle=False) as arrays:
        assert set(arrays) == {"X", "y", "X_test", "y_test", "scores"}
        rows = features(learner, pool.take(pool.active))
        assert np.array_equal(arrays["X"], rows.features.numpy())
        assert np.array_equal(arrays["scores"], rows.entropy.numpy())
        assert np.array_equal(arrays["y_test"], real_test_images(run).labels.numpy())
    assert paper_repro.main([*call, "--round", "1", "--layer", "pixels"]) == 0
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["X"].shape == (len(pool), 64)
        assert arrays["scores"] == pytest.approx(
            entropy(learner_of(run, folder, 1, "cpu").logits(pool.take(pool.active).images)).numpy(), abs=1e-6
        )
    options = ["--n", "10", "20", "--ridge", "1", "--keep", "0.5", "--trials", "2", "--out", str(root.parent)]
    assert paper_repro.main(["theory-data", str(path), *options]) == 0


@pytest.mark.parametrize(
    ("options", "message"), [(["--layer", "head"], "--layer"), (["--round", "9"], "no such file"), ([], "no result")]
)
def test_bad_requests_write_nothing(finished, tmp_path, capsys, options, message):
    folder = finished[2]
    unfinished = tmp_path / "runs" / "digits" / "begun"
    unfinished.mkdir(parents=True)
    (unfinished / "config.json").write_text((folder / "config.json").read_text())
    name = str(folder) if options else "begun"
    assert paper_repro.main(["features", name, *options, "--out", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.npz"))


def test_tangent_features_have_the_kernel_of_the_gradients(finished):
    """Inner products against gradients by autograd, one image and one class at a time, centred by the rows."""
    run, _, _, pool, _ = finished
    rows, tests = pool.take(pool.active[:12]), real_test_images(run).take(torch.arange(5))
    X, X_test = tangent_features(run, rows, tests, "cpu")
    network = new_learner(run, "cpu").model
    jacobians = []
    for image in torch.cat([rows.images, tests.images]):
        logits = network(image[None])[0]
        by_class = [torch.autograd.grad(logit, list(network.parameters()), retain_graph=True) for logit in logits]
        jacobians.append(torch.stack([torch.cat([part.flatten() for part in one]) for one in by_class]).double())
    J = torch.stack(jacobians).flatten(1)  # (images, classes x parameters)
    J = J - J[:12].mean(0)
    J = J / (J[:12] ** 2).sum(1).mean().sqrt()
    both = torch.cat([X, X_test])
    assert torch.allclose(both @ X.T, J @ J[:12].T, atol=1e-4)
    assert X.square().sum(1).mean().item() == pytest.approx(1)
    assert X.shape == (12, 11)  # the mean takes one direction


def test_tangent_features_need_a_network():
    run = tiny("linear")
    with complains("--layer"):
        tangent_features(run, None, None, "cpu")
