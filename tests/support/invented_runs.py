"""Invented records of finished runs, for the figures of the loop: what each figure is made of, without any training."""

from figures.practice import fig2, fig6, fig9, no_real_data
from support.records import invented


def record(panel, series, seed, *, size=512, accuracy=0.9, steps=(100,), value=0.0, images=10, **more):
    """A finished run: right on the first `accuracy` of `images` test images (linear: none), additions at `steps`."""
    correct = "".join("01"[i < round(accuracy * images)] for i in range(images)) if panel == "digits" else None
    pool = [{"round": k, "step": step} for k, step in enumerate((0, *steps))]
    numbers = {"accuracy": accuracy, "accuracy_validation": accuracy, "correct": correct, "pool": pool}
    numbers |= {"pool_size": size, "config": {"growth": {"validation_share": more.pop("share", 1.0)}}}
    return invented(panel, series, seed, value=value, **numbers | more)


def trajectory(steps, jump):
    """Loss .5, and .5 + `jump` in the interval after each addition; accuracy .9, .02 higher after each."""
    grid = list(range(10, 101, 10))
    loss = [0.5 + jump * (s - 10 in steps) for s in grid]
    return {"step": grid, "loss": loss, "accuracy_validation": [0.9 + 0.02 * sum(s > at for at in steps) for s in grid]}


def fig2_records(worlds=("digits", "linear")):
    made = []
    for world in worlds:
        for seed, first in enumerate((40, 60)):
            for series, number, jump in (
                (fig2.NONE, 0, 0.0),
                (fig2.ONE, 1, 0.3),
                (fig2.TWO, 2, 0.3),
                (fig2.PLAIN, 1, 0.1),
            ):
                steps = (first, first + 20)[:number]
                accuracy = 0.8 + 0.05 * number if series != fig2.PLAIN else 0.81
                path = trajectory(steps, jump)
                made.append(record(world, series, seed, accuracy=accuracy, steps=steps, trajectory=path, images=100))
    return made


def fig6_records(worlds=("digits", "linear")):
    made = []
    for world in worlds:
        for seed in range(2):
            unit = 10 if world == "digits" else 1
            at = (0, (3 + seed) * unit, (5 + seed) * unit)
            grid = [unit * k for k in range(1, 11)]
            rounds = []
            for number, added in enumerate(at):
                wrong = [0.6 if s < added else 1.0 if s == added else 0.2 for s in grid]
                few = number == 2 and seed == 1  # none was misclassified
                rounds.append(
                    {
                        "round": number,
                        "added_at": added,
                        "rows": 8,
                        "misclassified": 0 if few else 4,
                        "error": [w / 2 for w in wrong],
                        "error_misclassified": [] if few else wrong,
                    }
                )
            for series in (fig6.DP, "dynamic, omega = 0"):
                made.append(record(world, series, seed, steps=at[1:], examined={"step": grid, "rounds": rounds}))
    return made


def fig9_records():
    made = []
    for world in ("digits", "linear"):
        for seed in range(3):
            for size in (256, 512):
                made.append(record(world, fig9.STATIC, seed, size=size, accuracy=0.8, value=size))
                made.append(record(world, fig9.DYNAMIC, seed, size=size, accuracy=(0.7, 0.8, 0.9)[seed], value=size))
    return made


def validation_records():
    made = []
    for world, series in (
        ("digits", "one addition"),
        ("digits", "unlimited additions"),
        ("linear", "unlimited additions"),
    ):
        for seed in range(3):
            for share in (0.01, 0.1, 1.0):
                steps = (40, 90) if share < 0.1 and series != "one addition" else (100,)
                accuracy = 0.7 if share < 0.1 else 0.8
                made.append(
                    record(
                        world, series, seed, share=share, steps=steps, accuracy=accuracy, size=len(steps), value=share
                    )
                )
    return made


def no_real_data_records():
    made = []
    for world in ("digits", "linear"):
        for seed in range(3):
            for k, size in ((1, 256), (3, 512)):
                made.append(record(world, no_real_data.STATIC, seed, size=size, accuracy=0.7, steps=(), value=size))
                made.append(record(world, no_real_data.REAL, seed, size=size, accuracy=0.9, steps=(40 * k,), value=k))
                for signal in no_real_data.SIGNALS[: 2 if world == "digits" else 1]:
                    made.append(record(world, signal, seed, size=size, accuracy=0.8, steps=(30 * k,), value=k))
    return made
