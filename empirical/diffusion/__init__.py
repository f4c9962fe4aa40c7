"""Sample a diffusion model with DDIM, plainly or guided by a learner's entropy, and count what it costs."""
