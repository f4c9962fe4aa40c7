"""Prompts for Stable Diffusion's UNet: encoded once by CLIP, then looked up by label."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from empirical.generators.pretrained import Model, quiet

BATCH = 64  # prompts per pass of a text encoder


class Prompts(NamedTuple):
    """Hold the text conditioning of n prompts and, in row n, of the empty prompt."""

    states: Tensor  # (n + 1, tokens, width): of each token
    pooled: Tensor | None  # (n + 1, width): of the whole prompt, for SD-XL


@lru_cache(maxsize=2)
def encoded(model: Model, prompts: tuple[str, ...], xl: bool, device: torch.device, dtype: torch.dtype) -> Prompts:
    """Encode prompts for lookup on `device`, cut to the tokens that CLIP can read (77 with a start and an end).

    Computed in float32 and kept in `dtype`; the text encoders are freed afterwards. SD 1 and 2 read the last layer of
    one encoder, SD-XL the last but one of two, concatenated, and the second one's projection. If an SD-XL model's
    index asks for it (as Stability's does), the unconditional row is zeros instead of the empty prompt.
    """
    texts = (*prompts, "")
    if not xl:
        return Prompts(_run(model, "", texts, device, penultimate=False)[0].to(dtype), None)
    first, _ = _run(model, "", texts, device, penultimate=True)
    second, pooled = _run(model, "_2", texts, device, penultimate=True)
    states = torch.cat([first, second], dim=-1)
    if model.json("model_index.json").get("force_zeros_for_empty_prompt", True):
        states[-1], pooled[-1] = 0, 0
    return Prompts(states.to(dtype), pooled.to(dtype))


@torch.no_grad()
def _run(
    model: Model, suffix: str, texts: Sequence[str], device: torch.device, *, penultimate: bool
) -> tuple[Tensor, Tensor]:
    """Return states (n, tokens, width) and pooled outputs (n, width) of one text encoder."""
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    kind: Any = CLIPTextModelWithProjection if suffix else CLIPTextModel
    encoder = model.load(kind, f"text_encoder{suffix}").float().to(device)  # some are stored as float16
    with quiet():
        tokenizer = CLIPTokenizer.from_pretrained(model.folder / f"tokenizer{suffix}", local_files_only=True)
        length = encoder.config.max_position_embeddings
        settings = {"padding": "max_length", "max_length": length, "truncation": True, "return_tensors": "pt"}
        tokens = tokenizer(list(texts), **settings).input_ids.to(device)
    outputs = [encoder(batch, output_hidden_states=penultimate) for batch in tokens.split(BATCH)]
    states = [output.hidden_states[-2] if penultimate else output.last_hidden_state for output in outputs]
    pooled = [output.text_embeds if suffix else output.pooler_output for output in outputs]
    return torch.cat(states), torch.cat(pooled)
