"""Define an architecture like Stable Diffusion's that is counted and sampled in seconds."""

from empirical.worlds.random_imagenet import RandomImageNet100


class Small(RandomImageNet100):
    """ImageNet-100 with one block of each kind: latents of 16 x 16, images of 32 x 32."""

    configs = {  # noqa: RUF012
        "unet": {
            "sample_size": 16,
            "cross_attention_dim": 16,
            "block_out_channels": (32, 64),
            "layers_per_block": 1,
            "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        },
        "vae": {
            "block_out_channels": (32, 32),
            "down_block_types": ("DownEncoderBlock2D",) * 2,
            "up_block_types": ("UpDecoderBlock2D",) * 2,
            "sample_size": 32,
        },
        "": {
            "encoder_block_out_channels": (8, 8),
            "decoder_block_out_channels": (8, 8),
            "num_encoder_blocks": (1, 1),
            "num_decoder_blocks": (1, 1),
        },
    }
