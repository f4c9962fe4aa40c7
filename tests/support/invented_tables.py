"""Invented records of finished runs, for the figures that are tables: table3, workshop, outliers."""

from figures.contract import table
from figures.contract.figure import Inputs
from figures.practice import outliers
from figures.tables import table3, workshop
from support.records import invented, linear_config


def record(panel, series, seed, accuracy, *, value=0.0, size=512, omega=0.0, retire=0.0, rounds=(), **more):
    """One finished run, as far as figures look at it; `rounds` are (images, gflop, added) of additions."""
    growth = {"initial": 128, "additions": 6 if omega else 0, "addition": 64}
    pool = [{"images": 128, "gflop": 12.8, "added": 128}]
    pool += [{"images": images, "gflop": gflop, "added": added} for images, gflop, added in rounds]
    config = {"world": {"name": "digits"}, "acquire": {"omega": omega, "retire": retire}, "growth": growth}
    if panel == "linear":
        config = linear_config(growth, omega=omega, retire=retire)
    numbers = {"accuracy": accuracy, "pool": pool, "pool_size": size, "config": config}
    return invented(panel, series, seed, value=value, **numbers, **more)


def runs(panel, series, accuracies, **settings):
    return [record(panel, series, seed, a, **settings) for seed, a in enumerate(accuracies)]


def examined(agreement, far):
    return {
        "rounds": [
            {"agreement": 0.0, "far": 1.0, "distance": 9.0},
            {"agreement": agreement, "far": far, "distance": 1.5},
        ],
        "real": {"agreement": 0.97, "distance": 1.0},
    }


def fidelity(agreements_by_omega):
    return [
        record("a digits", "entropy", seed, 0.9, value=omega, examined=examined(a, 1 - a))
        for omega, agreements in agreements_by_omega.items()
        for seed, a in enumerate(agreements)
    ]


TABLE3 = [
    *runs("digits", table3.MAIN, [0.96, 0.97, 0.95], omega=0.05),
    *runs("digits", table3.ZERO, [0.93, 0.95, 0.91]),
    *runs("digits", "1.4 of the usual omega", [0.95, 0.95, 0.95], omega=0.07)[:2],  # a seed is missing
    *runs("digits", table3.STATIC, [0.93, 0.95, 0.91]),
    *runs("digits", "static, Mixup and CutMix", [0.92, 0.95, 0.89]),
    *runs("digits", "fixed patience", [0.96, 0.96, 0.96], omega=0.05, size=480),
    *runs("linear", table3.MAIN, [0.95, 0.96, 0.97], omega=0.01, size=1024),
    *runs("linear", "1.4 of the usual omega", [0.96, 0.98, 0.97], omega=0.014, size=1024),
]
WORKSHOP = [
    *runs("digits", workshop.WSD, [0.92, 0.93]),
    *runs("digits", workshop.WHOLE, [0.95, 0.97], retire=1.0, omega=0.05, rounds=[(128, 25.6, 128)] * 3),
    *runs("digits", workshop.RANDOM, [0.94, 0.94], retire=1.0, rounds=[(128, 12.8, 128)] * 2),
]
OUTLIERS = [
    *fidelity({0.0: [1.0, 0.98, 0.99], 0.05: [0.95, 0.95, 0.96], 0.1: [0.6, 0.5, 0.7], 0.2: [0.99, 0.99, 0.98]}),
    *runs("b digits", outliers.ALL, [0.93, 0.92, 0.94], value=0.0, rounds=[(256, 30, 256)]),
    *runs("b digits", outliers.ALL, [0.95, 0.96, 0.94], value=0.05, rounds=[(256, 30, 256)]),
    *runs("b digits", outliers.ALL, [0.92, 0.91, 0.94], value=0.1, rounds=[(256, 30, 256)]),
    *runs("b digits", "20 % dropped", [0.95, 0.94, 0.95], value=0.1, rounds=[(320, 40, 256)]),
    *runs("b digits", outliers.INSTEAD, [0.95, 0.95, 0.96], value=0.0, rounds=[(2304, 270, 2304)]),
    *runs("c digits", "usual omega", [0.96, 0.96, 0.97], value=0.0),
    *runs("c digits", "usual omega", [0.96, 0.95, 0.97], value=0.2),
]


def rows_of(module, records):
    return table.check(module.compute(Inputs({}, records)))
