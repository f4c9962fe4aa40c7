"""The command `generator`: train the generator of a world anew."""

from __future__ import annotations

from dataclasses import asdict

from cli.options import GeneratorOptions
from cli.plans import IMAGE_WORLDS
from cli.terminal import console, progress_line
from empirical.settings.recipes import read
from empirical.settings.values import flat
from empirical.system.errors import require


def main(options: GeneratorOptions) -> int:
    """Train the generator of a world, write its weights under <out>/generator, and print its quality."""
    from empirical.review import generator_check
    from empirical.system.devices import settle

    known = [name for name in IMAGE_WORLDS if (options.experiments / "worlds" / f"{name}.toml").exists()]
    allowed = f"one of {', '.join(known)}"
    require(options.world in known, "generator", options.world, allowed, "other worlds train none")
    recipe = read(options.experiments / "worlds" / f"{options.world}.toml")
    run, training = generator_check.plan(recipe, options.preset)
    if options.dry_run:
        for key, value in flat(asdict(training)).items():
            console.print(f"generator.{key} = {value}", markup=False, highlight=False)
        return 0
    settle(options.device)
    out = options.out / "generator"
    if not options.resume:
        generator_check.checkpoint_path(run, out).unlink(missing_ok=True)
    with progress_line("generator") as report:
        record = generator_check.train_generator(run, training, out, report, options.device)
    for name, value in record["checks"].items():
        console.print(f"{name.replace('_', ' ')}: {value:.4f}")
    console.print(str(generator_check.weights_path(run, out)), markup=False)
    return 0
