"""Pretrained models on disk or in the hub's cache: models that cannot be used are refused by name."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from support import tiny_stable_diffusion as small

from empirical.generators import pretrained, stable_diffusion
from empirical.generators.stable_diffusion import load
from empirical.system.errors import InputError

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
SCHEDULER, UNET = "scheduler/scheduler_config.json", "unet/config.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small.save(tmp_path_factory.mktemp("models") / "1.5")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return small.save_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def copy(folder, tmp_path):
    """Copy the model to a folder that a test may damage."""
    return shutil.copytree(folder, tmp_path / "model")


def refused(folder, *words, tiny=""):
    """Return the error when a model is loaded; it has these words and tells how to supply another model."""
    with pytest.raises(InputError) as error:
        load(str(folder), str(tiny), "cpu").denoiser(["a cat"])  # weights are checked when they are read
    for word in (*words, "hf download", "local folder"):
        assert word in str(error.value)
    return str(error.value)


def remove(*names):
    def damage(folder):
        for name in names:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def cut_off(name):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-20])


def changed(name, **values):
    return lambda folder: small.change(folder / name, **values)


def edited(change):
    def damage(folder):
        tensors = load_file(folder / WEIGHTS)
        change(tensors)
        save_file(tensors, folder / WEIGHTS)

    return damage


def as_pickle(folder):
    (folder / WEIGHTS).rename(folder / WEIGHTS.replace("safetensors", "bin"))


def sharded(folder, keep=2):
    """Split the UNet's weights into two shards, and write the first `keep` of them."""
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    names = sorted(tensors)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for shard, own in list(shards.items())[:keep]:
        save_file({name: tensors[name] for name in own}, folder / "unet" / shard, {"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: shard for shard, own in shards.items() for name in own}}
    small.write(folder / f"{WEIGHTS}.index.json", index)


def vae_as_unet(folder):
    shutil.rmtree(folder / "unet")
    shutil.copytree(folder / "vae", folder / "unet")


DAMAGES = {
    "no unet": (remove("unet"), "unet", "no config.json"),
    "no weights": (remove(WEIGHTS), "unet", "no diffusion_pytorch_model.safetensors"),
    "no text encoder": (remove("text_encoder/model.safetensors"), "text_encoder", "no model.safetensors"),
    "no vae": (remove("vae/diffusion_pytorch_model.safetensors"), "vae", "no diffusion_pytorch_model.safetensors"),
    "no vocabulary": (remove("tokenizer/vocab.json"), "tokenizer", "no vocab.json"),
    "no merges": (remove("tokenizer/merges.txt"), "tokenizer", "no merges.txt"),
    "no schedule": (remove(SCHEDULER), "scheduler", "no scheduler_config.json"),
    "no index": (remove("model_index.json"), "no model_index.json"),
    "cut off": (cut_off(WEIGHTS), "unet", "diffusion_pytorch_model.safetensors is cut off or damaged"),
    "cut off text": (cut_off(UNET), "unet", "unreadable config.json"),
    "shard": (lambda folder: sharded(folder, keep=1), "unet", "no b.safetensors"),
    "pickle": (as_pickle, "unet", ".bin", "pickle"),
    "tensor": (edited(lambda t: t.pop("conv_in.weight")), "unet", "conv_in.weight"),
    "size": (edited(lambda t: t.update({"conv_in.weight": torch.zeros(3, 4, 3, 3)})), "unet", "do not fit"),
    "inpainting": (changed(UNET, in_channels=9), "unet", "9 input", "inpainting"),
    "vae as unet": (vae_as_unet, "unet", "AutoencoderKL", "UNet2DConditionModel"),
    "image prompts": (changed(UNET, encoder_hid_dim_type="ip_image_proj"), "unet", "ip_image_proj"),
    "guidance embedding": (changed(UNET, time_cond_proj_dim=256), "unet", "time_cond_proj_dim"),
    "width": (changed(UNET, cross_attention_dim=32), "text_encoder", "[24]", "32"),
    "rescaled": (changed(SCHEDULER, rescale_betas_zero_snr=True), "scheduler", "rescale_betas_zero_snr"),
    "flow": (changed(SCHEDULER, beta_start=None), "scheduler", "no beta_start"),
    "prediction": (changed(SCHEDULER, prediction_type="sample"), "scheduler", "sample", "v_prediction"),
    **{
        name: (changed("model_index.json", _class_name=name), name, "StableDiffusionXLPipeline")
        for name in ("FluxPipeline", "StableDiffusion3Pipeline", "DiTPipeline", "StableDiffusionXLImg2ImgPipeline")
    },
}


@pytest.mark.parametrize("name", DAMAGES)
def test_models_that_cannot_be_used_are_refused_by_name(copy, name):
    damage, *words = DAMAGES[name]
    damage(copy)
    refused(copy, "world.generator", *words)


def test_a_model_in_shards_is_the_same_model(folder, copy):
    sharded(copy)
    x, labels = torch.ones(2, 4, 8, 8), torch.tensor([0, 1])
    with torch.no_grad():
        one, two = (load(str(f), "", "cpu").denoiser(["a cat"])(x, 300, labels) for f in (folder, copy))
    assert torch.equal(one, two)


def test_weights_under_the_names_of_older_releases_are_the_same_model(folder, copy):
    """SD 1.4 and 1.5 have other names in the VAE's attention, and a prefix and positions in the text encoder."""

    def renamed(file, rename, **more):
        save_file({rename(k): v for k, v in load_file(copy / file).items()} | more, copy / file, {"format": "pt"})

    def old(name):
        for new, before in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
            name = name.replace(new, before)
        return name

    renamed("vae/diffusion_pytorch_model.safetensors", old)
    prefix, positions = "text_model.", {"text_model.embeddings.position_ids": torch.arange(16)[None]}
    renamed("text_encoder/model.safetensors", lambda name: prefix + name.removeprefix(prefix), **positions)
    x, labels = torch.ones(2, 4, 8, 8), torch.tensor([0, 1])
    one, two = (load(str(f), "", "cpu") for f in (folder, copy))
    assert torch.equal(one.denoiser(["a"])(x, 300, labels), two.denoiser(["a"])(x, 300, labels))
    assert torch.equal(one.space.decode(x), two.space.decode(x))


def test_a_tiny_autoencoder_must_fit(folder, tiny, tmp_path):
    refused(folder, "world.tiny", "16 latent channels", tiny=small.save_tiny(tmp_path / "a", channels=16))
    refused(folder, "world.tiny", "8 pixels per position", tiny=small.save_tiny(tmp_path / "b", factor=8))
    refused(folder, "world.tiny", "AutoencoderKL", "AutoencoderTiny", tiny=folder / "vae")
    refused(folder, "world.tiny", "neither a folder", tiny="someone/absent")
    (damaged := shutil.copytree(tiny, tmp_path / "c")).joinpath("diffusion_pytorch_model.safetensors").unlink()
    refused(folder, "world.tiny", "no diffusion_pytorch_model.safetensors", tiny=damaged)


def test_a_hub_id_is_looked_up_in_the_cache_only(folder, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert "hf download someone/model" in refused("someone/model", "neither a folder here nor", "someone/model")
    refused("no such folder", "no such folder")
    refused(str(tmp_path / "absent"), "absent")
    snapshot = tmp_path / "models--someone--model" / "snapshots" / "0123"
    shutil.copytree(folder, snapshot)
    small.write(snapshot.parents[1] / "refs" / "main", "")
    (snapshot.parents[1] / "refs" / "main").write_text("0123")
    assert load("someone/model", "", "cpu").identity() == load(str(folder), "", "cpu").identity()
    remove(WEIGHTS)(snapshot)  # an interrupted download looks like this
    stable_diffusion._load.cache_clear()
    assert "hf download someone/model" in refused("someone/model", "unet", "no diffusion_pytorch_model.safetensors")


def test_without_transformers_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setattr(pretrained, "find_spec", lambda _: None)
    stable_diffusion._load.cache_clear()
    with pytest.raises(InputError, match=r'pip install -e "\.\[latent\]"'):
        load(str(folder), "", "cpu")
