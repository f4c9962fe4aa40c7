"""The diffusion models: small UNets and autoencoders trained here, and Stable Diffusion from diffusers' folders."""
