"""Test the configuration: every wrong value is refused by name; right ones come back equal."""

import json

import pytest
from support.errors import complains
from support.runs import run_of, settings_of, tiny

from empirical.config import from_dict, to_dict, world_of
from empirical.runs.folder import deciding, run_name
from empirical.settings.recipes import load_toml
from empirical.settings.sections import Acquire
from empirical.settings.values import differences, flat, merged, values_digest
from empirical.worlds import DigitsWorld

WRONG = [
    # (world, setting, values that must be refused)
    ("linear", "world.dimension", (1, 0, -3, 2.5, "8", True)),
    ("linear", "world.ridge", (0.0, -1.0, float("nan"), float("inf"), "small")),
    ("linear", "world.validation", (0, -1)),
    ("linear", "world.colour", (1,)),
    ("linear", "learner.kind", ("cnn", "", 3)),
    ("digits", "learner.kind", ("ridge", "resnet")),
    ("linear", "training.iterations", (0, -1, 2.0, True)),
    ("digits", "training.batch", (0, -8)),
    ("digits", "training.lr", (0.0, -1e-3, float("nan"), float("inf"), "1e-3")),
    ("digits", "training.weight_decay", (-0.1, float("nan"))),
    ("digits", "training.warmup", (-0.1, 1.0, float("nan"))),
    ("digits", "training.cooldown", (-0.1, 1.0, 0.95)),  # .95 + warmup .1 is above 1
    ("digits", "training.label_smoothing", (-0.1, 1.0)),
    ("digits", "training.ema_decay", (-0.1, 1.0)),
    ("digits", "training.mixup", (-1.0, float("inf"))),
    ("digits", "training.cutmix", (-1.0,)),
    ("digits", "training.schedule", ("linear", "", 1, None)),
    ("digits", "training.momentum", (0.9,)),
    ("linear", "sampling.steps", (0, -1, 1001, 4.5)),
    ("linear", "sampling.batch", (0, -1)),
    ("linear", "sampling.guidance_scale", (-1.0, float("nan"), float("inf"))),
    ("linear", "sampling.sampler", ("euler",)),
    ("linear", "growth.initial", (0, -1, 1.0)),
    ("linear", "growth.addition", (0, -1)),  # 0 with additions > 0
    ("linear", "growth.additions", (-1, 1.5)),
    ("linear", "growth.evaluate_every", (0, -1)),
    ("linear", "growth.patience", (0, -1)),
    ("linear", "growth.incremental", (1, "yes")),
    ("linear", "growth.add_at", (0, -2, 2.0)),
    ("linear", "growth.newest_weight", (0, -1, 1.5, True)),
    ("linear", "growth.memory", (-1, 1.5, True, "all")),
    ("linear", "growth.signal", ("loss", "", 1, "agreement")),  # linear learners keep no average to agree with
    ("linear", "growth.validation_share", (0.0, -0.5, 1.1, float("nan"), "all")),
    ("linear", "growth.pace", (1,)),
    ("linear", "acquire.omega", (-0.1, float("nan"), float("inf"), "big")),
    ("linear", "acquire.schedule", ([], [0.0], [1.0, -1.0], [float("nan")], [float("inf")], [1.0, "b"], 2.0, "up")),
    ("linear", "acquire.through", ("unet", "")),
    ("linear", "acquire.direction", ("up",)),
    ("linear", "acquire.ratio", (0, -1, 1.5)),
    ("linear", "acquire.reject", (-0.1, 1.0, float("nan"), "few")),
    ("linear", "acquire.retire", (-0.1, 1.01, float("nan"), True)),
    ("linear", "acquire.replace", (1, True)),
    ("linear", "acquire.keep", (0.5,)),
    ("linear", "seed", (-1, 2**31, 1.0, None)),
    ("digits", "world.corpus", ([1000, 0], [0, 0], [-5, 10], [0, 1798], [0], 7, [0, 1.5])),
]
CASES = [(world, setting, value) for world, setting, values in WRONG for value in values]


@pytest.mark.parametrize(("world", "setting", "value"), CASES, ids=[f"{s}={v!r}" for _, s, v in CASES])
def test_a_wrong_value_is_refused_by_name(world, setting, value):
    values = settings_of(world, growth__additions=1)
    with complains(setting.rpartition(".")[2]) as caught:
        world_of(from_dict(merged(values, {setting: value})))
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"world.name": "imagenet"}, "world.name"),
        ({"optimiser": {"kind": "sgd"}}, "run.optimiser"),
        ({"training": 3}, "training"),
        ({"world": 3}, "world"),
        ({"growth.initial.more": 3}, "growth.initial.more"),
        ({"training.mixup": 0.2, "training.batch": 7}, "training.batch"),
        ({"training.cutmix": 0.2, "training.batch": 7}, "training.batch"),
        ({"growth.additions": 2, "growth.add_at": 10}, "growth.additions"),
        ({"growth.additions": 1, "growth.add_at": 15}, "growth.add_at"),  # evaluated every 10 iterations
        ({"growth.signal": "synthetic", "growth.validation_share": 0.5}, "growth.validation_share"),
        ({"growth.signal": "agreement", "growth.validation_share": 0.5}, "growth.validation_share"),
        ({"acquire.reject": 0.2, "acquire.ratio": 2}, "acquire.ratio"),
        ({"acquire.retire": 0.2, "growth.memory": 2}, "acquire.retire"),
        ({"growth.newest_weight": 2, "growth.memory": 1}, "growth.newest_weight"),
        ({"world.validation": [900, 1200]}, "validation"),
        ({"world.validation": [1000, 1000]}, "validation"),
        ({"world.test_rows": [1199, 1797]}, "test_rows"),
        ({"world.validation": [1100, 1300]}, "test_rows"),
        ({"world.corpus": [0, 900]}, "corpus"),  # the shipped generator has seen rows 0-999
        ({"world.weights": "nowhere.safetensors"}, "weights"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(change, named):
    with complains(named):
        world_of(from_dict(merged(settings_of("digits"), change)))


def test_missing_keys_are_named():
    for section, key in (("training", "iterations"), ("sampling", "steps"), ("growth", "initial"), ("learner", "kind")):
        values = settings_of("linear")
        del values[section][key]
        with complains(f"{section}.{key}"):
            from_dict(values)
    with complains("world.name"):
        from_dict({})


def test_an_unknown_key_lists_the_known_ones():
    with complains("growth.size") as caught:
        from_dict(settings_of("linear", growth__size=1))
    known = "initial, addition, additions, evaluate_every, patience, incremental, add_at, newest_weight, memory"
    assert known in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"growth.validation_share": 0.25},
        {"growth.validation_share": 1.0, "growth.signal": "synthetic"},
        {"growth.signal": "agreement"},
        {"acquire.reject": 0.2, "acquire.retire": 0.5},
        {"acquire.ratio": 4, "acquire.retire": 1.0},
        {"training.schedule": "cosine", "growth.newest_weight": 2},
        {"growth.memory": 2, "growth.newest_weight": 2, "acquire.schedule": (1.0, 2.0), "acquire.ratio": 2},
    ],
)
def test_settings_that_go_together_are_taken(change):
    run = from_dict(merged(settings_of("digits"), change))
    assert flat(to_dict(run)).items() >= change.items()


def test_unguided_runs_are_equal_however_they_would_be_guided():
    """Unguided runs have equal names, though each keeps the settings of its user."""
    plain = run_of("linear", acquire__omega=0.0)
    other = run_of("linear", acquire__omega=0.0, acquire__through="denoiser", acquire__direction="random")
    assert run_name(other) == run_name(plain)
    assert other.effective().acquire == plain.acquire == Acquire(omega=0.0)
    assert other.acquire.through == "denoiser"
    random = run_of("linear", acquire__omega=0.1, acquire__direction="random")
    assert random.effective().acquire.direction == "random"
    assert run_name(random) != run_name(run_of("linear", acquire__omega=0.1))


@pytest.mark.parametrize(
    ("unused", "used"),
    [
        ({"decode": "tiny", "every": 5, "interval": (0.2, 0.8), "chunk": 4}, {"omega": 0.0, "ratio": 3}),
        ({"through": "denoiser", "direction": "random"}, {"omega": 0.0, "reject": 0.2, "retire": 0.5}),
        ({"schedule": (2.0, 1.0)}, {"omega": 0.0}),
        ({"through": "denoiser", "decode": "tiny"}, {"omega": 0.1, "direction": "random", "every": 2}),
        ({}, {"omega": 0.1, "through": "denoiser", "decode": "tiny", "every": 2, "interval": (0.2, 0.8)}),
    ],
)
def test_settings_without_effect_are_dropped_and_no_others(unused, used):
    assert Acquire(**unused, **used).effective(2) == Acquire(**used).effective(2) == Acquire(**used)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"growth.memory": 4}, {}),  # there are never more than four rounds
        ({"acquire.schedule": [2.0]}, {"acquire.omega": 0.02}),
        ({"acquire.schedule": [2.0, 2.0, 2.0, 5.0]}, {"acquire.omega": 0.02}),  # there is no fourth addition
        ({"acquire.schedule": [1.0, 3.0, 3.0]}, {"acquire.schedule": [1.0, 3.0]}),  # the last factor repeats
    ],
)
def test_forgetting_and_schedules_that_do_the_same_have_one_name(one, other):
    base = {"growth__additions": 3, "acquire__omega": 0.01}
    names = [run_name(from_dict(merged(settings_of("linear", **base), change))) for change in (one, other)]
    assert names[0] == names[1]


@pytest.mark.parametrize(
    "change",
    [
        {"growth.memory": 3},
        {"growth.memory": 1},
        {"acquire.schedule": [1.0, 2.0]},
        {"acquire.schedule": [1.0, 1.0, 2.0]},
    ],
)
def test_forgetting_and_schedules_that_matter_have_names_of_their_own(change):
    plain = settings_of("linear", growth__additions=3)
    assert run_name(from_dict(merged(plain, change))) != run_name(from_dict(plain))


def test_every_addition_has_its_own_omega():
    acquire = Acquire(omega=0.5, schedule=(1.0, 0.25, 3.0))
    assert [acquire.of(addition).omega for addition in (1, 2, 3, 4, 99)] == [0.5, 0.125, 1.5, 1.5, 1.5]
    assert {acquire.of(addition).schedule for addition in (1, 2, 3)} == {(1.0,)}
    assert acquire.of(2).interval == acquire.interval


def test_differences_are_said_by_name():
    stored, asked = to_dict(run_of("linear", acquire__omega=0.0)), to_dict(run_of("linear", acquire__omega=0.1))
    assert differences(stored, asked) == "acquire.omega = 0.0, not 0.1"
    assert differences({}, {"a": {"b": 1}}) == "a.b = None, not 1"
    assert differences(asked, json.loads(json.dumps(asked))) == ""


@pytest.mark.parametrize("world", ["linear", "digits"])
def test_plain_values_and_runs_are_inverse(world):
    run = run_of(world, seed=7, growth__additions=2, acquire__ratio=3)
    again = from_dict(to_dict(run))
    assert to_dict(again) == to_dict(run)
    assert (world_of(again), run_name(again)) == (world_of(run), run_name(run))
    assert run.seed == 7


def test_integers_serve_as_numbers():
    assert world_of(run_of("linear", world__ridge=1)).ridge == 1.0
    assert isinstance(world_of(run_of("linear", world__ridge=1)).ridge, float)


def test_the_digest_is_stable_and_sensitive():
    values = {"b": [1, 2.5, None], "a": {"x": True}}
    assert values_digest(values) == "f50b2c713b05db42"  # fixed: names of run folders on every machine
    assert values_digest({"a": {"x": True}, "b": [1, 2.5, None]}) == values_digest(values)
    assert values_digest({**values, "b": [1, 2.5000000001, None]}) != values_digest(values)


def test_merging_leaves_the_original_alone():
    base = {"a": {"x": 1}, "b": 2}
    assert merged(base, {"a.x": 5, "c.d.e": 6}) == {"a": {"x": 5}, "b": 2, "c": {"d": {"e": 6}}}
    assert base == {"a": {"x": 1}, "b": 2}


def test_bad_toml_files_are_named(tmp_path):
    with complains("absent.toml"):
        load_toml(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("[world\n")
    with complains("bad.toml"):
        load_toml(tmp_path / "bad.toml")


def test_damaged_generator_weights_are_refused(tmp_path):
    whole = DigitsWorld().path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for name, data in {
        "truncated": whole[:-100],
        "flipped": bytes(flipped),
        "empty": b"",
        "text": b"hello" * 9,
    }.items():
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(data)
        with complains(path):
            run_of("digits", world__weights=str(path))


def test_a_copy_of_the_weights_is_the_same_generator(tmp_path):
    path = tmp_path / "copy.safetensors"
    path.write_bytes(DigitsWorld().path.read_bytes())
    copy = from_dict(settings_of("digits", world__weights=str(path)))
    assert world_of(copy).identity() == world_of(from_dict(settings_of("digits"))).identity()


def test_newer_and_gone_settings_leave_the_names_of_runs_alone():
    """The names are those of the first version; a setting that decides numbers makes another one."""
    run = tiny("linear")
    assert (run_name(run), run_name(tiny("digits"))) == ("f3136a51b661a78d", "0cb6d6f34dbd743b")
    stored = to_dict(run)
    stored["acquire"]["checkpointed"] = False  # as in the folders of older runs
    del stored["acquire"]["chunk"], stored["training"]["chunk"], stored["sampling"]["bf16"]
    assert from_dict(stored) == from_dict(to_dict(run))
    assert deciding(stored, ()) == deciding(to_dict(run), ())  # else an interrupted run could not go on
    for change in ({"acquire.chunk": 8}, {"training.chunk": 8}):
        assert run_name(tiny("linear", **change)) != run_name(run)
    assert run_name(tiny("digits", sampling__bf16=True)) != run_name(tiny("digits"))
    values = to_dict(from_dict(settings_of("digits"))) | {"world": {"channels_last": False, "compiled": False}}
    assert deciding(values, ())["world"] == {}
    with complains("acquire.checkpointed"):
        from_dict({**stored, "acquire": {**stored["acquire"], "checkpointed": True}})
