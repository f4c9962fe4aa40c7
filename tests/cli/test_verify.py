"""Test the command `verify`: intact runs and figures pass, and damage is named, also where digests were renewed."""

import shutil
from types import SimpleNamespace

import pytest
from support.forgery import flip, forge, only, rewrite
from support.runs import folder_of, tiny

import paper_repro
from empirical.review.examine import examine
from empirical.review.verify import check_run
from empirical.runs.execute import execute
from empirical.system.tensors import load_tensors, save_tensors


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make and examine runs: guided digits, linear with swaps and pruning, and linear that watches no real data."""
    root = tmp_path_factory.mktemp("verified") / "runs"
    runs = {
        "digits": tiny("digits"),
        "linear": tiny("linear", acquire__ratio=3, acquire__retire=0.5, growth__additions=2),
        "rejecting": tiny("linear", growth__signal="synthetic", acquire__reject=0.25),
    }
    for run in runs.values():
        execute(run, root)
    examine("hindsight", runs["digits"], root)
    return SimpleNamespace(root=root, runs=runs)


@pytest.fixture
def copied(made, tmp_path):
    """Copy a run to damage; return its folder, and a function that verifies it and lists the checks that fail."""

    def copy(name, capsys):
        source = folder_of(made.runs[name], made.root)
        folder = tmp_path / "runs" / source.parent.name / source.name
        shutil.copytree(source, folder)

        def verify():
            code = paper_repro.main(["verify", str(folder)])
            lines = capsys.readouterr().out.splitlines()
            off = [line.split(": ")[1] for line in lines if line.startswith("OFF ")]
            assert all(str(folder) in line for line in lines if line[:3] in ("OFF", "ok "))
            assert code == (1 if off else 0)
            assert bool(off) == lines[-1].startswith(f"{len(off)} off: ")
            return off

        return folder, verify

    return copy


@pytest.mark.parametrize(("name", "checks"), [("digits", 15), ("linear", 14), ("rejecting", 14)])
def test_an_intact_run_passes_every_check(made, capsys, name, checks):
    folder = folder_of(made.runs[name], made.root)
    assert paper_repro.main(["verify", folder.name[:10], "--out", str(made.root.parent)]) == 0
    output = capsys.readouterr().out
    assert output.count("ok  ") == checks
    assert "OFF" not in output


DAMAGE = {
    "another configuration": (lambda f: rewrite(f / "config.json", seed=lambda s: s + 1), {"configuration"}),
    "no configuration": (lambda f: (f / "config.json").write_text("{}"), {"configuration"}),
    "a manifest cut short": (lambda f: rewrite(f / "manifest.json", versions=lambda _: {}), {"manifest"}),
    "a damaged checkpoint": (lambda f: flip(f / "checkpoint.safetensors"), {"checkpoint"}),
    "a damaged older checkpoint": (lambda f: flip(f / "checkpoint.previous.safetensors"), {"checkpoint"}),
    "changed metrics": (
        lambda f: (f / "metrics.jsonl").write_text((f / "metrics.jsonl").read_text().replace("0.", "0.1", 1)),
        {"checkpoint"},
    ),
    "a missing guide": (lambda f: (f / "guides" / "round_0002.safetensors").unlink(), {"guides", "images"}),
    "a damaged guide": (lambda f: flip(f / "guides" / "round_0001.safetensors"), {"guides", "images"}),
    "a damaged image": (lambda f: flip(only(f, "pool/round_0001-*.parquet"), 200), {"pool files"}),
    "a missing shard": (lambda f: only(f, "pool/round_0001-*.parquet").unlink(), {"pool files"}),
    "a foreign shard": (
        lambda f: shutil.copy(only(f, "pool/round_0001-*.parquet"), f / "pool" / "round_0009-0.parquet"),
        {"pool files"},
    ),
    "a damaged result": (lambda f: flip(f / "result.json"), {"result"}),
    "no result": (lambda f: (f / "result.json").unlink(), {"result"}),
    "a result of another configuration": (
        lambda f: rewrite(f / "result.json", config__growth__patience=lambda p: p + 1),
        {"result"},
    ),
    "a better accuracy": (lambda f: rewrite(f / "result.json", accuracy=lambda a: a + 1e-6), {"result"}),
    "other hits of the raw weights": (
        lambda f: rewrite(f / "result.json", sets__validation__raw_hits=lambda hits: [0] * len(hits)),
        {"accuracy"},
    ),
    "a better validation accuracy": (
        lambda f: rewrite(f / "result.json", accuracy_validation=lambda a: a + 0.01),
        {"trajectory", "accuracy"},
    ),
    "fewer images": (lambda f: rewrite(f / "result.json", cost__images=lambda n: n - 1), {"pool and cost"}),
    "fewer denoiser calls": (
        lambda f: rewrite(f / "result.json", cost__denoiser_calls=lambda n: n - 1),
        {"pool and cost"},
    ),
    "less arithmetic": (
        lambda f: rewrite(f / "result.json", cost__sampling_gflop=lambda n: n / 2),
        {"pool and cost"},
    ),
    "a larger pool": (lambda f: rewrite(f / "result.json", pool_size=lambda n: n + 1), {"pool and cost"}),
    "another entropy": (
        lambda f: rewrite(f / "result.json", pool__1__entropy=lambda h: h + 0.01),
        {"pool and cost"},
    ),
    "a smoother loss": (
        lambda f: rewrite(f / "result.json", trajectory__loss=lambda values: [values[0], *values[:-1]]),
        {"trajectory"},
    ),
    "another omega": (
        lambda f: rewrite(f / "pool" / "round_0001.json", omega=lambda w: w / 2),
        {"growth", "rounds", "pool and cost"},
    ),
    "fewer candidates": (
        lambda f: rewrite(f / "pool" / "round_0001.json", cost__images=lambda n: n + 1),
        {"seeds", "growth", "rounds", "pool and cost", "images"},
    ),
    "a row retired": (
        lambda f: rewrite(f / "pool" / "round_0002.json", retired=lambda _: [0]),
        {"growth", "rounds", "pool and cost"},
    ),
    "a damaged examination": (lambda f: flip(f / "hindsight.json"), {"examinations"}),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_named(copied, capsys, what):
    """Damage that shows in the scores or the images is verified by the command, all other by the cheap checks."""
    damage, expected = DAMAGE[what]
    folder, verify = copied("digits", capsys)
    damage(folder)
    thorough = bool(expected & {"accuracy", "images"})
    failed = verify() if thorough else [check.name for check in check_run(folder, thorough=False) if not check.ok]
    assert set(failed) == expected


FORGERIES = {
    "other images": (lambda rows: rows._replace(payloads=rows.payloads[1:] + rows.payloads[:1]), {"images"}),
    "other seeds": (lambda rows: rows._replace(seeds=rows.seeds + 1), {"seeds", "images"}),
    "other labels": (lambda rows: rows._replace(labels=(rows.labels + 1) % 10), {"seeds"}),
    "a row twice": (
        lambda rows: rows._replace(indices=rows.indices.where(rows.indices != rows.indices[1], rows.indices[0])),
        {"seeds"},
    ),
    "impossible entropies": (lambda rows: rows._replace(entropy=rows.entropy + 3), {"seeds", "pool and cost"}),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_forged_rows_with_right_digests_are_named(made, copied, capsys, what):
    """Rows that do not follow from their seeds are noticed, though every digest is right."""
    change, expected = FORGERIES[what]
    folder, verify = copied("digits", capsys)
    forge(folder, made.runs["digits"], 2, change)
    assert expected <= set(verify())


def test_a_forged_learner_is_named(copied, capsys):
    """A checkpoint of other weights with right digests does not have the accuracy of the result."""
    folder, verify = copied("linear", capsys)
    path = folder / "checkpoint.safetensors"
    tensors, values = load_tensors(path, "")
    tensors["w"][1] += 0.05
    save_tensors(path, tensors, values)
    assert verify() == ["accuracy"]


def test_the_command_for_the_right_device_is_given(copied, capsys, monkeypatch):
    """Checks that compare bits are marked, and the last line makes them where the run was made."""
    folder, _ = copied("linear", capsys)
    monkeypatch.setattr("empirical.review.verify.made_on", lambda _: {"cuda": "NVIDIA H200"})
    assert paper_repro.main(["verify", str(folder)]) == 0
    output = capsys.readouterr().out
    assert output.count("-- ") == 2
    assert f"on cuda: python paper_repro.py verify {folder} --device cuda" in output


def test_nothing_to_verify_is_refused(tmp_path, capsys):
    assert paper_repro.main(["verify"]) == 2
    assert paper_repro.main(["verify", str(tmp_path)]) == 2
    output = capsys.readouterr().err
    assert output.count("error: ") == 2
