"""A Stable Diffusion of random weights in diffusers' own folder format, small enough for tests on one core.

Each kind of model is built once a session and copied into the folders that tests ask for, which they may change.
"""

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

import torch

SAMPLE = 8  # latents are 4 x SAMPLE x SAMPLE
FACTOR = 4  # pixels per latent position: images are 32 x 32
WIDTHS = {"1.4": (24,), "1.5": (24,), "2.1": (32,), "xl": (24, 32)}  # of the text encoders
START, END = "<|startoftext|>", "<|endoftext|>"


def save(folder: Path, kind: str = "1.5", prediction: str = "epsilon", seed: int = 0) -> Path:
    """Write the model and return its folder; diffusers' pipelines read it, too.

    kind: "1.4", "1.5", "2.1" or "xl". prediction: "epsilon" or "v_prediction".
    Latents are 4 x 8 x 8, images 3 x 32 x 32.
    """
    shutil.copytree(_built(kind, seed), folder, dirs_exist_ok=True)
    change(folder / "scheduler" / "scheduler_config.json", prediction_type=prediction)
    return folder


def save_tiny(folder: Path, factor: int = FACTOR, channels: int = 4, seed: int = 0) -> Path:
    """Write an AutoencoderTiny whose latents fit the model of `save`, and return its folder."""
    return Path(shutil.copytree(_built_tiny(factor, channels, seed), folder))


def change(path: Path, **values: object) -> None:
    """Change entries of a JSON file."""
    write(path, {**json.loads(path.read_text()), **values})


def write(path: Path, values: object) -> None:
    """Write JSON, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


@cache
def _session() -> Path:
    """Make a folder that is deleted when the session ends."""
    folder = tempfile.mkdtemp(prefix="tiny_stable_diffusion_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@cache
def _built(kind: str, seed: int) -> Path:
    """Build a model with random weights from the seed; return its folder, which must not be changed."""
    import transformers
    from diffusers import AutoencoderKL

    folder, widths = _session() / f"{kind}-{seed}", WIDTHS[kind]
    library = {"vae": ["diffusers", "AutoencoderKL"], "unet": ["diffusers", "UNet2DConditionModel"]}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _unet(kind, sum(widths)).save_pretrained(folder / "unet")
        scale = 0.13025 if kind == "xl" else 0.18215
        AutoencoderKL(
            latent_channels=4,
            block_out_channels=(8, 8, 8),
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            norm_num_groups=4,
            sample_size=SAMPLE * FACTOR,
            scaling_factor=scale,
            force_upcast=kind == "xl",
        ).save_pretrained(folder / "vae")
        for i, width in enumerate(widths):
            suffix = f"_{i + 1}" if i else ""
            model = f"CLIPTextModel{'WithProjection' if i else ''}"
            _text_encoder(getattr(transformers, model), width).save_pretrained(folder / f"text_encoder{suffix}")
            _save_tokenizer(folder / f"tokenizer{suffix}", padding="!" if i or kind == "2.1" else END)
            library |= {
                f"text_encoder{suffix}": ["transformers", model],
                f"tokenizer{suffix}": ["transformers", "CLIPTokenizer"],
            }
    scheduler = {"1.4": "PNDMScheduler", "1.5": "PNDMScheduler", "2.1": "DDIMScheduler", "xl": "EulerDiscreteScheduler"}
    library["scheduler"] = ["diffusers", scheduler[kind]]
    if kind == "xl":
        library |= {"_class_name": "StableDiffusionXLPipeline", "force_zeros_for_empty_prompt": True}
    else:
        library |= {"_class_name": "StableDiffusionPipeline", "requires_safety_checker": False}
        library |= {"safety_checker": [None, None], "feature_extractor": [None, None]}
    write(folder / "model_index.json", {"_diffusers_version": "0.31.0", **library})
    write(
        folder / "scheduler" / "scheduler_config.json",
        {
            "_class_name": scheduler[kind],
            "_diffusers_version": "0.31.0",
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "beta_start": 0.00085,
            "clip_sample": False,
            "num_train_timesteps": 1000,
            "prediction_type": "epsilon",
            "set_alpha_to_one": False,
            "steps_offset": 1,
            "timestep_spacing": "leading",
            "trained_betas": None,
        },
    )
    return folder


@cache
def _built_tiny(factor: int, channels: int, seed: int) -> Path:
    """Build an AutoencoderTiny with random weights from the seed; return its folder, which must not be changed."""
    from diffusers import AutoencoderTiny

    folder, stages = _session() / f"tiny-{factor}-{channels}-{seed}", factor.bit_length()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        AutoencoderTiny(
            latent_channels=channels,
            encoder_block_out_channels=(8,) * stages,
            decoder_block_out_channels=(8,) * stages,
            num_encoder_blocks=(1,) * stages,
            num_decoder_blocks=(1,) * stages,
        ).save_pretrained(folder)
    return folder


def _save_tokenizer(folder: Path, padding: str) -> None:
    """Write a byte-level CLIP tokenizer of 516 tokens, in the files that Stable Diffusion's folders have."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    merges = ["t h", "a t</w>"]
    tokens = [*letters, *(f"{c}</w>" for c in letters), *(m.replace(" ", "") for m in merges), START, END]
    write(folder / "vocab.json", {token: i for i, token in enumerate(tokens)})
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))
    special = {"bos_token": START, "eos_token": END, "pad_token": padding, "unk_token": END}
    write(folder / "special_tokens_map.json", special)
    settings = {"model_max_length": 16, "tokenizer_class": "CLIPTokenizer", "do_lower_case": True, **special}
    write(folder / "tokenizer_config.json", settings)


def _unet(kind: str, width: int) -> torch.nn.Module:
    from diffusers import UNet2DConditionModel

    extra = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8, "transformer_layers_per_block": (1, 2)}
    linear = {"use_linear_projection": True}
    more = {"2.1": linear, "xl": {**linear, **extra, "projection_class_embeddings_input_dim": WIDTHS["xl"][1] + 6 * 8}}
    return UNet2DConditionModel(
        sample_size=SAMPLE,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(16, 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=width,
        attention_head_dim=2,
        norm_num_groups=8,
        **more.get(kind, {}),
    )


def _text_encoder(model: type, width: int) -> torch.nn.Module:
    from transformers import CLIPTextConfig

    settings = CLIPTextConfig(
        vocab_size=516,
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=16,
        bos_token_id=514,
        eos_token_id=515,
        pad_token_id=515,
    )
    return model(settings)
