"""Training images mirrored and moved at random, as they enter."""

from __future__ import annotations

import math

import torch

from channelsim import hashing
from channelsim.hashing import Stream
from channelsim.plan import Plan


def augment(plan: Plan, frame: int, images: torch.Tensor) -> torch.Tensor:
    """A frame's images, (B, n_0), each with its own draws: first mirrored left-right, then moved, zeros coming in."""
    if not plan.flip and plan.shift == 0:
        return images
    channels, height, width = (int(plan.layers[0][size]) for size in ("out_channels", "out_height", "out_width"))
    changed = []
    for b, image in enumerate(images.reshape(-1, channels, height, width)):
        key = hashing.key(plan.seed, Stream.AUGMENT.of(), frame, b)
        mirror, down, right = hashing.uniform(hashing.bits(key, 3)).tolist()
        if plan.flip and mirror < 0.5:
            image = image.flip(2)
        changed.append(moved(image, distance(down, plan.shift), distance(right, plan.shift)))
    return torch.stack(changed).flatten(1)


def distance(u: float, shift: int) -> int:
    """How far an image moves along one axis, -shift to shift pixels, for a uniform draw u."""
    return math.floor(u * (2 * shift + 1)) - shift


def moved(image: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """The image (channels, height, width) moved by so many pixels: what was at (y, x) is at (y + down, x + right)."""
    height, width = image.shape[1:]
    y, x = torch.arange(height) - down, torch.arange(width) - right
    inside = ((y >= 0) & (y < height))[:, None] & (x >= 0) & (x < width)
    return torch.where(inside, image[:, y.clamp(0, height - 1)][:, :, x.clamp(0, width - 1)], 0.0)
