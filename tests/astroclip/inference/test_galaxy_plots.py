import torch
from matplotlib.figure import Figure

from astroclip.inference.galaxy_plots import stamp


def test_the_last_row_of_an_image_is_north_and_drawn_at_the_top():
    axes = Figure().subplots()
    image = torch.zeros(3, 16, 16)
    image[:, -1] = 1.0  # a source at the northern edge
    stamp(axes, image)
    (drawn,) = axes.images
    bright = drawn.get_array().sum(-1).argmax(0)[0]  # its row
    bottom, top = axes.get_ylim()
    assert abs(bright - top) < abs(bright - bottom)
