"""Families: what is dropped together, and how much: patches, holes, blocks, channels, samples.

The photo is a crop of 224 x 224 pixels of the cat Chelsea, so it has 14 x 14 patches of 16 x 16.
The digits are the first of scikit-learn's `load_digits`.
"""

from __future__ import annotations

import numpy as np
from pictures import GREY, load_photo, make_figure, picture_path, save, show
from sklearn.datasets import load_digits

import fastdrop


def hide_patches(photo):
    """Hide exactly 147 of the 196 patches, 75 %, as masked autoencoders do."""
    mask = fastdrop.keep_mask(196, count=147, rng=7)
    print(f"patches: {np.sum(~mask)} of {mask.size} hidden")
    patches = photo.reshape(14, 16, 14, 16, 3)
    hidden = fastdrop.apply_mask(patches, mask.reshape(14, 1, 14, 1, 1), 0, fill=GREY)
    return hidden.reshape(photo.shape)


def cut_holes(photo):
    """Cut 8 holes, each a fifth of the photo high and wide."""
    cut, mask = fastdrop.coarse_dropout(photo, 8, 0.2, fill=GREY, rng=7, return_mask=True)
    print(f"holes: {1 - mask.mean():.0%} of the pixels dropped, where holes overlap once only")
    return cut


def drop_blocks(photo):
    """Drop blocks of 28 x 28 pixels, in each colour other ones."""
    channels = fastdrop.drop_block2d(np.moveaxis(photo, -1, 0), 0.3, 28, rng=7, scale=False)
    gone = fastdrop.drop_block2d(np.ones(channels.shape), 0.3, 28, rng=7) == 0
    print(f"blocks: {gone.mean():.0%} of the values dropped, where blocks overlap once only")
    return np.moveaxis(channels, 0, -1)


def drop_channels(photo):
    """Drop exactly one of the three colours of each quarter."""
    quarters = photo.reshape(2, 112, 2, 112, 3).transpose(0, 2, 4, 1, 3).reshape(4, 3, 112, 112)
    dropped = fastdrop.dropout2d(quarters, count=1, rng=1, scale=False)
    print(f"channels dropped of 3, in each quarter: {np.sum(~dropped.any(axis=(2, 3)), axis=1)}")
    return dropped.reshape(2, 2, 3, 112, 112).transpose(0, 3, 1, 4, 2).reshape(photo.shape)


def drop_samples(digits):
    """Drop whole samples with probability 0.3, and return all side by side, dropped ones grey."""
    kept = fastdrop.drop_path(digits, 0.3, rng=7, scale=False, fill=6)
    print(f"samples: {np.sum((kept == 6).all(axis=(1, 2)))} of {len(digits)} dropped")
    padded = np.pad(kept.reshape(5, 5, 8, 8), ((0, 0), (0, 0), (1, 1), (1, 1)))
    return padded.swapaxes(1, 2).reshape(50, 50)


def main():
    """Drop in each way, print what is gone, and draw the results."""
    path = picture_path(__doc__, "families.png")
    photo = load_photo()[40:264, 110:334]
    digits = load_digits().images[:25]
    pictures = {
        "a photo": photo,
        "keep_mask(196, count=147)": hide_patches(photo),
        "coarse_dropout(x, 8, 0.2)": cut_holes(photo),
        "drop_block2d(x, 0.3, 28)": drop_blocks(photo),
        "dropout2d(x, count=1)": drop_channels(photo),
        "drop_path(x, 0.3)": drop_samples(digits),
    }
    figure = make_figure(7.5, 5.4)
    panels = figure.subplots(2, 3).flat
    for axes, (name, picture) in zip(panels, pictures.items(), strict=True):
        show(axes, picture, name, cmap="gray_r")
    save(figure, path)


if __name__ == "__main__":
    main()
