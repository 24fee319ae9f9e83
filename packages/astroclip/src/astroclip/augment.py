"""What may be done to the images of galaxies: the sky has no up and no left."""

import torch
from jaxtyping import Float
from torch import Tensor

ORIENTATIONS = 8


def turned(image: Float[Tensor, "batch 3 side side"]) -> Float[Tensor, "batch 3 side side"]:
    """Turn and mirror each image by one of the eight symmetries of a square, drawn for each.

    Args:
        image: Square.

    Returns:
        As many; the generator is torch's own.
    """
    drawn = torch.randint(ORIENTATIONS, (len(image),), device=image.device)
    out = torch.empty_like(image)
    for orientation in range(ORIENTATIONS):
        some = image[drawn == orientation]
        some = some.flip(3) if orientation >= 4 else some
        out[drawn == orientation] = some.rot90(orientation % 4, (2, 3))
    return out
