"""The command `features`: write the features of a finished run's images as the .npz file that `theory-data` reads."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from cli.options import FeaturesOptions
from cli.terminal import console
from empirical.review.features import PIXELS, features, real_test_images
from empirical.review.remake import find_run, finished_learner, learner_of, open_pool, open_run
from empirical.review.tangent import tangent_features
from empirical.system.devices import prepare
from empirical.system.errors import require
from empirical.system.files import require_writable, write_bytes

TANGENT = "ntk"  # the name of the tangent kernel's features


def main(options: FeaturesOptions) -> int:
    """Write X, y of the pool in use, X_test, y_test of the real test images, and the learner's entropy as scores."""
    prepare(options.device)
    folder = find_run(options.run, options.out / "runs")
    finished = (folder / "result.json").exists()
    require(finished, str(folder), "no result", "a finished run", "finish the run")
    run = open_run(folder)
    test, pool = real_test_images(run), open_pool(run, folder)
    images = pool.take(pool.active)
    if options.round is None:
        learner = finished_learner(run, folder, options.device)
    else:
        learner = learner_of(run, folder, options.round, options.device)
    path = options.out / "features" / f"{folder.name}.npz"
    require_writable(path)
    tangent = options.layer == TANGENT
    rows, tests = (features(learner, split, PIXELS if tangent else options.layer) for split in (images, test))
    if tangent:
        of_rows, of_tests = tangent_features(run, images, test, options.device)
        rows, tests = rows._replace(features=of_rows), tests._replace(features=of_tests)
    arrays: dict[str, Any] = {"X": rows.features, "y": rows.labels, "scores": rows.entropy}
    arrays |= {"X_test": tests.features, "y_test": tests.labels}
    buffer = io.BytesIO()
    np.savez(buffer, **{name: tensor.numpy() for name, tensor in arrays.items()})
    write_bytes(path, buffer.getvalue())
    count, width = rows.features.shape
    console.print(
        f"{path}: {count:,} images of the pool, {len(tests.labels):,} real test images, {width:,} features each; "
        "scores: the learner's entropy, highest kept first",
        markup=False,
        soft_wrap=True,
    )
    console.print(f"next: theory-data {path}", markup=False, soft_wrap=True)
    return 0
