"""Pretrained models in diffusers' folders, local or in the hub's cache: located, checked, loaded, digested.

Nothing is fetched, and only safetensors are read. Missing or cut-off files are refused before any weights are loaded.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import safetensors

from empirical.system.errors import InputError
from empirical.system.files import text_digest

# The files that are read of a model; hubs keep more copies of the same weights.
FILES = '"*.json" "*.txt" "*diffusion_pytorch_model.safetensors" "*/model.safetensors"'


@dataclass(frozen=True)
class Weights:
    """Identify one weights file on disk; a file with another size or time of change is another one."""

    path: Path
    size: int
    changed: int


@dataclass(frozen=True)
class Model:
    """Point to a folder with a model's parts. where: the setting that names the model; name: the setting's value."""

    where: str
    name: str
    folder: Path

    def refuse(self, got: str, allowed: str, part: str = "") -> InputError:
        """Make the error of a model that cannot be used, with the two ways to supply another one."""
        on_hub = re.fullmatch(r"[\w.-]+/[\w.-]+", self.name) and not Path(self.name).exists()
        fetch = f"hf download {self.name if on_hub else 'MODEL-ID'} --include {FILES}"
        do = f"fetch the model to the cache ({fetch}) or name a complete local folder in {self.where}"
        return InputError(f"{self.where} ({self.name}{', ' if part else ''}{part})", got, allowed, do)

    def json(self, file: str) -> dict[str, Any]:
        """Read the values of one of the model's JSON files, say "unet/config.json"."""
        part, _, name = file.rpartition("/")
        try:
            values = json.loads((self.folder / file).read_text())
        except OSError:
            raise self.refuse(f"no {name}", "all files of the model", part) from None
        except ValueError as error:
            raise self.refuse(f"an unreadable {name} ({error})", "whole files", part) from None
        if not isinstance(values, dict):
            raise self.refuse(f"a {name} without named values", "JSON as diffusers writes it", part)
        return values

    def weights(self, part: str, stem: str) -> tuple[Weights, ...]:
        """Return the checked weights files of a part: `stem`.safetensors, or the shards that its index lists."""
        folder = self.folder / part
        if (folder / f"{stem}.safetensors").exists():
            names = [f"{stem}.safetensors"]
        elif (folder / f"{stem}.safetensors.index.json").exists():
            index = self.json(f"{part}/{stem}.safetensors.index.json")
            names = sorted(set(index.get("weight_map", {}).values()))
        elif list(folder.glob("*.bin")):
            raise self.refuse("weights as .bin (pickle) only", f"{stem}.safetensors: pickles are not read", part)
        else:
            names = []
        if not names:
            raise self.refuse(f"no {stem}.safetensors", "all files of the model", part)
        return tuple(self._whole(folder / name, part) for name in names)

    def _whole(self, path: Path, part: str) -> Weights:
        """Refuse a weights file that is absent, cut off or damaged."""
        try:
            with safetensors.safe_open(path, framework="pt"):  # checks the header against the file's size
                status = path.stat()
        except FileNotFoundError:
            raise self.refuse(f"no {path.name}", "all files of the model", part) from None
        except (safetensors.SafetensorError, OSError) as error:
            raise self.refuse(f"{path.name} is cut off or damaged ({error})", "whole files", part) from None
        return Weights(path, status.st_size, status.st_mtime_ns)

    def load(self, kind: Any, part: str, **options: Any) -> Any:
        """Load a part as a frozen network of the given diffusers or transformers class; no weight may stay random."""
        try:
            with quiet():
                network, info = kind.from_pretrained(
                    self.folder / part,
                    local_files_only=True,
                    use_safetensors=True,
                    output_loading_info=True,
                    **options,
                )
        except (OSError, ValueError, RuntimeError, TypeError, KeyError) as error:  # config.json does not fit
            reason = str(error).partition("\n")[0].partition(". ")[0]
            raise self.refuse(f"weights that do not fit config.json ({reason})", kind.__name__, part) from None
        if info["missing_keys"] or info.get("mismatched_keys"):  # these would stay random
            missing = sorted(map(str, [*info["missing_keys"], *info.get("mismatched_keys", ())]))
            got = f"weights without {len(missing)} tensors that config.json asks for, as {missing[0]}"
            raise self.refuse(got, f"all tensors of the {kind.__name__}", part)
        return network.eval().requires_grad_(False)


def locate(where: str, name: str, first: str) -> Model:
    """Locate the model that the setting `where` names: a local folder, or a hub id in the local cache.

    first: a file that every such model has. Raises InputError if there is no such model, or no transformers.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if find_spec("transformers") is None:
        do = 'install it: pip install -e ".[latent]"'
        raise InputError(where, f"{name}, without transformers", "pretrained models with that package", do)
    if Path(name).expanduser().is_dir():
        return Model(where, name, Path(name).expanduser())
    try:
        cached = try_to_load_from_cache(name, first)
    except HFValidationError:  # the name is no hub id
        cached = None
    model = Model(where, name, Path(cached).parent if isinstance(cached, str) else Path())
    if not isinstance(cached, str):
        raise model.refuse("neither a folder here nor a model in the hub's cache", "a model that is on this machine")
    return model


def files_digest(files: Iterable[Weights]) -> str:
    """Return a SHA-256 over the contents of weights files, in their order."""
    return text_digest("".join(_sha256(file) for file in files))


@lru_cache(maxsize=64)
def _sha256(file: Weights) -> str:
    """Hash a file; cached, since gigabytes take seconds."""
    with file.path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@contextmanager
def quiet() -> Iterator[None]:
    """Silence progress bars and remarks of diffusers and transformers; their settings are restored at the end."""
    from diffusers.utils import logging as diffusers
    from transformers.utils import logging as transformers

    libraries: tuple[Any, ...] = (diffusers, transformers)
    before = [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in libraries]
    for library, (_, bar) in zip(libraries, before, strict=True):
        library.set_verbosity_error()
        if bar:
            library.disable_progress_bar()
    try:
        yield
    finally:
        for library, (verbosity, bar) in zip(libraries, before, strict=True):
            library.set_verbosity(verbosity)
            if bar:
                library.enable_progress_bar()
