"""Stable Diffusion 1, 2 and XL as a class-conditional generator of latents, from diffusers' parts.

The parts of a pipeline's folder are loaded singly: UNet, VAE, text encoders, noise schedule. The networks compute in
bfloat16 on a GPU and in float32 on a CPU; latents, noise estimates and gradients are float32 everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from empirical.diffusion.denoiser import timesteps
from empirical.generators.pretrained import Model, Weights, files_digest, locate
from empirical.generators.prompts import encoded
from empirical.system.files import text_digest

if TYPE_CHECKING:
    from empirical.diffusion.denoiser import Denoiser
    from empirical.generators.latent_space import LatentSpace

PIPELINES = {"StableDiffusionPipeline": False, "StableDiffusionXLPipeline": True}  # whether it is SD-XL
STEM = "diffusion_pytorch_model"  # stem of diffusers' weights files; transformers' stem is "model"


@dataclass(frozen=True)
class Layout:
    """Say how networks are kept on a device, for speed; numbers differ by rounding.

    channels_last: with the channels of a position side by side. compiled: by torch.compile, which takes minutes at
    the first images.
    """

    channels_last: bool = False
    compiled: bool = False

    def place(self, network: Any, device: torch.device) -> Any:
        """Move a UNet, or an autoencoder with its `decoder`, to the device in this layout."""
        network = network.to(device)
        if self.channels_last:
            network = network.to(memory_format=torch.channels_last)
        if self.compiled:
            getattr(network, "decoder", network).compile()  # an autoencoder is called by its decoder
        return network


def load(model: str, tiny: str, device: str, layout: Layout | None = None) -> Parts:
    """Open the parts of `model` on `device`, with an AutoencoderTiny for its latents unless `tiny` is "".

    model, tiny: local folders in diffusers' format, or hub ids in the local cache (nothing is fetched).
    Configurations and the completeness of all files are checked here; weights are read when a part is first used.

    Raises InputError for missing or partly downloaded files, formats other than safetensors, and other kinds of models.
    """
    place = torch.device(device)
    if place.type == "cuda" and place.index is None:
        place = torch.device("cuda", torch.cuda.current_device())  # the same parts by either name
    return _load(model, tiny, place, layout or Layout())


@lru_cache(maxsize=2)
def _load(model: str, tiny: str, device: torch.device, layout: Layout) -> Parts:
    main = locate("world.generator", model, "model_index.json")
    small = locate("world.tiny", tiny, "config.json") if tiny else None
    pipeline = str(main.json("model_index.json").get("_class_name"))
    if pipeline not in PIPELINES:
        raise main.refuse(pipeline, " or ".join(PIPELINES))
    xl = PIPELINES[pipeline]
    encoders = ("text_encoder", "text_encoder_2") if xl else ("text_encoder",)
    unet, vae = _config(main, "unet", "UNet2DConditionModel"), _config(main, "vae", "AutoencoderKL")
    _check_unet(main, unet, vae, xl)
    _check_text(main, unet, encoders)
    if small:
        _check_tiny(small, vae)
    size = unet["sample_size"]
    scheduler = main.json("scheduler/scheduler_config.json")
    places = [("unet", STEM), *((part, "model") for part in encoders), ("vae", STEM)]
    return Parts(
        model=main,
        tiny=small,
        xl=xl,
        device=device,
        layout=layout,
        latent_shape=(unet["in_channels"], *([size, size] if isinstance(size, int) else size)),
        vae=vae,
        prediction=_prediction(main, scheduler),
        schedule=_schedule(main, scheduler),
        files=tuple(file for place in places for file in main.weights(*place)),
        tiny_files=small.weights("", STEM) if small else (),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """Hold a latent diffusion model; each network is loaded once, when it is first used.

    latent_shape: (channels, height, width) with which the UNet was trained. vae: configuration of the VAE.
    prediction: output of the UNet, "epsilon" (noise) or "v_prediction" (velocity). schedule: arguments of DDIM.
    """

    model: Model
    tiny: Model | None
    xl: bool
    device: torch.device
    layout: Layout
    latent_shape: tuple[int, int, int]
    vae: dict[str, Any]
    prediction: str
    schedule: dict[str, Any]
    files: tuple[Weights, ...]
    tiny_files: tuple[Weights, ...]

    @property
    def dtype(self) -> torch.dtype:
        """Type of the networks' weights and arithmetic."""
        return torch.bfloat16 if self.device.type == "cuda" else torch.float32

    def scheduler(self) -> Any:
        """Make the DDIM scheduler of the model's noise levels. DDIM runs on eps; `denoiser` converts v-predictions."""
        from diffusers import DDIMScheduler

        return DDIMScheduler(**self.schedule)

    @cached_property
    def unet(self) -> Any:
        """UNet with frozen weights."""
        from diffusers import UNet2DConditionModel

        return self.layout.place(self.model.load(UNet2DConditionModel, "unet", torch_dtype=self.dtype), self.device)

    @cached_property
    def space(self) -> LatentSpace:
        """Latent space of the VAE. SD-XL's VAE computes in float32 if its configuration asks for it (force_upcast)."""
        from diffusers import AutoencoderKL, AutoencoderTiny

        from empirical.generators.latent_space import LatentSpace

        dtype = torch.float32 if self.xl and self.vae.get("force_upcast", True) else self.dtype
        networks = [self.model.load(AutoencoderKL, "vae", torch_dtype=dtype)]
        if self.tiny:
            networks.append(self.tiny.load(AutoencoderTiny, "", torch_dtype=self.dtype))
        return LatentSpace(*(self.layout.place(network, self.device) for network in networks))

    def denoiser(self, prompts: Sequence[str]) -> Denoiser:
        """Return the noise estimate eps(x_t, t, labels) of latents (B, c, h, w), differentiable in x_t.

        Image i has the prompt prompts[labels[i]]; the label len(prompts) gives the unconditional estimate. The prompts
        are encoded here, once.
        """
        from empirical.generators.unet import noise_of_velocity

        unet, dtype, alphas = self.unet, self.dtype, self.scheduler().alphas_cumprod
        table = encoded(self.model, tuple(prompts), self.xl, self.device, dtype)
        size = [_factor(self.vae) * edge for edge in self.latent_shape[1:]]
        sizes = torch.tensor([[*size, 0, 0, *size]], device=self.device)  # for SD-XL: original, crop, target

        def denoise(x: Tensor, t: int, labels: Tensor) -> Tensor:
            added = {}
            if table.pooled is not None:
                added = {"text_embeds": table.pooled[labels], "time_ids": sizes.expand(len(x), -1)}
            states = table.states[labels]
            times = timesteps(x, t)
            output = unet(x.to(dtype), times, encoder_hidden_states=states, added_cond_kwargs=added).sample.to(x.dtype)
            return output if self.prediction == "epsilon" else noise_of_velocity(output, x, alphas[t])

        return denoise

    def identity(self) -> str:
        """Return a digest of weights and noise schedule, followed by "+" and that of the tiny autoencoder, if any."""
        own = text_digest(files_digest(self.files) + json.dumps([self.prediction, self.schedule]))
        return f"{own}+{files_digest(self.tiny_files)}" if self.tiny else own


def _prediction(model: Model, scheduler: dict[str, Any]) -> str:
    """Return the output of the UNet that the scheduler's configuration names."""
    prediction = scheduler.get("prediction_type", "epsilon")
    if prediction not in ("epsilon", "v_prediction"):
        raise model.refuse(f"prediction_type {prediction}", "epsilon or v_prediction", "scheduler")
    return prediction


def _schedule(model: Model, scheduler: dict[str, Any]) -> dict[str, Any]:
    """Return DDIM's arguments: the model's levels; no clipping, steps offset by one, as in diffusers' pipelines."""
    names = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule")
    missing = [name for name in names if scheduler.get(name) is None]
    if missing:
        raise model.refuse(f"no {missing[0]}", "a schedule by betas", "scheduler")
    if scheduler.get("rescale_betas_zero_snr"):  # there x0_hat = (x_T - eps) / 0
        raise model.refuse("rescale_betas_zero_snr", "schedules with some signal at every level", "scheduler")
    usual = {"trained_betas": None, "timestep_spacing": "leading", "set_alpha_to_one": False}
    values = {name: scheduler[name] for name in names}
    values |= {name: scheduler.get(name, value) for name, value in usual.items()}
    return {**values, "steps_offset": 1, "clip_sample": False}


def _config(model: Model, part: str, kind: str) -> dict[str, Any]:
    """Return the configuration of a part, which must be of class `kind`."""
    config = model.json(f"{part}/config.json" if part else "config.json")
    if config.get("_class_name") != kind:
        raise model.refuse(str(config.get("_class_name") or config.get("architectures")), kind, part)
    return config


def _check_unet(model: Model, unet: dict[str, Any], vae: dict[str, Any], xl: bool) -> None:
    """Refuse a UNet with inputs other than latents and text (and, for SD-XL, sizes), or outputs other than noise."""
    channels = (unet.get("in_channels"), unet.get("out_channels"), vae.get("latent_channels"))
    if len(set(channels)) > 1:
        got = "{} input and {} output channels for latents of {} (inpainting and the like have more)".format(*channels)
        raise model.refuse(got, "a UNet from latents to noise", "unet")
    names = (
        "class_embed_type",
        "num_class_embeds",
        "encoder_hid_dim_type",
        "time_cond_proj_dim",
        "addition_embed_type",
    )
    conditions = {name: unet[name] for name in names if unet.get(name) is not None}
    if conditions != ({"addition_embed_type": "text_time"} if xl else {}):
        raise model.refuse(f"a UNet conditioned on {conditions}", "text and, for SD-XL, sizes (text_time)", "unet")


def _check_text(model: Model, unet: dict[str, Any], encoders: Sequence[str]) -> None:
    """Refuse text encoders of a width that the UNet does not read, and tokenizers without their files."""
    widths = [model.json(f"{part}/config.json").get("hidden_size", 0) for part in encoders]
    if sum(widths) != unet.get("cross_attention_dim"):
        got = f"text encoders of width {widths} for a UNet that reads {unet.get('cross_attention_dim')}"
        raise model.refuse(got, "parts of one model", "text_encoder")
    for part in (name.replace("text_encoder", "tokenizer") for name in encoders):
        model.json(f"{part}/vocab.json")
        if not (model.folder / part / "merges.txt").is_file():
            raise model.refuse("no merges.txt", "all files of the model", part)


def _check_tiny(tiny: Model, vae: dict[str, Any]) -> None:
    """Refuse an AutoencoderTiny whose latents are not those of the VAE."""
    small = _config(tiny, "", "AutoencoderTiny")
    own = (small.get("latent_channels"), 2 ** (len(small.get("decoder_block_out_channels", ())) - 1))
    needed = (vae["latent_channels"], _factor(vae))
    if own != needed:
        form = "{} latent channels and {} pixels per position"
        raise tiny.refuse(form.format(*own), f"{form.format(*needed)}, as the generator has")


def _factor(vae: dict[str, Any]) -> int:
    """Return the pixels per latent position along an edge, from an AutoencoderKL's configuration."""
    return 2 ** (len(vae["block_out_channels"]) - 1)
