"""What the examples share that draw pictures: their option, the photo, panels and the file."""

from __future__ import annotations

import argparse
import io
import sys

try:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
    from PIL import Image
    from skimage import data
except ModuleNotFoundError as error:
    sys.exit(
        f"{error}: this example needs scikit-learn, scikit-image and matplotlib, which "
        "`python -m pip install '.[examples]'` installs with fastdrop"
    )

GREY = (124, 116, 104)
"""The mean colour of ImageNet, with which holes in photos are often filled."""

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
"""Colours that colour-blind people can tell apart (Okabe and Ito)."""


def picture_path(description, default):
    """Return the path of the picture, the one argument that the examples take."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("output", nargs="?", default=default, help=f"path, default {default}")
    return parser.parse_args().output


def load_photo():
    """Return a photo of the cat Chelsea, of shape (300, 451, 3) and dtype uint8.

    It is in the wheel of scikit-image, and is in the public domain (CC0, by Stefan van der Walt).
    """
    return data.chelsea()


def make_figure(width, height):
    """Return a figure of so many inches, for `save`; made without pyplot it needs no display."""
    return Figure(figsize=(width, height), layout="constrained")


def show(axes, image, title, **options):
    """Draw an image without ticks, each of its pixels as it is; return what imshow returns."""
    axes.set_title(title, fontsize=11)
    axes.set_xticks([])
    axes.set_yticks([])
    return axes.imshow(image, interpolation="nearest", **options)


def frame(axes, row, column, tile, colour):
    """Draw a frame inside a tile of a picture that begins at this row and column."""
    height, width = tile.shape[:2]
    axes.add_patch(
        Rectangle((column + 1, row + 1), width - 3, height - 3, fill=False, color=colour, lw=1.5)
    )


def save(figure, path):
    """Save a figure as PNG, with 256 colours to keep it small."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=100)
    colours = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    colours.save(path, format="PNG", optimize=True)
    print(f"picture: {path}")
