"""Probabilities: p as an array, one for each pixel of a photo and for each column of a table.

The p of a pixel falls where the photo has detail, so what is kept shows the eyes and the whiskers.
With one key the masks nest: a pixel that is dropped by p / 2 is dropped by p. In the table, scikit-
learn's `load_breast_cancer`, each measurement is missing at a rate of its own.
"""

from __future__ import annotations

import numpy as np
from pictures import BLUE, ORANGE, load_photo, make_figure, picture_path, save, show
from skimage.color import rgb2gray
from skimage.filters import gaussian, sobel
from sklearn.datasets import load_breast_cancer

import fastdrop

STRENGTHS = (0.6, 0.85, 1.0)


def detail(photo):
    """Return how much detail there is at each pixel: its rank among all pixels, 0 to 1."""
    edges = gaussian(sobel(rgb2gray(photo)), 1)
    return edges.ravel().argsort().argsort().reshape(edges.shape) / (edges.size - 1)


def missing_rates(table, rates, seed):
    """Return the rate of each column of a table that has lost values at these rates."""
    holes = fastdrop.dropout(table, rates, rng=seed, scale=False, fill=np.nan)
    return np.isnan(holes).mean(axis=0)


def main():
    """Drop pixels at three strengths and values of a table, print the rates, draw them."""
    path = picture_path(__doc__, "probabilities.png")
    figure = make_figure(9, 4.7)
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.6))

    photo = load_photo()[::2, ::2]
    p = 1 - detail(photo) ** 2
    panels = above.subplots(1, 1 + len(STRENGTHS))
    drawn = show(panels[0], p, "p of each pixel", cmap="cividis", vmin=0, vmax=1)
    above.colorbar(drawn, ax=panels, ticks=(0, 0.5, 1), pad=0.01)
    before = np.zeros(p.shape, bool)
    for panel, strength in zip(panels[1:], STRENGTHS, strict=True):
        mask = fastdrop.keep_mask(p.shape, strength * p, rng=7)
        kept = fastdrop.dropout(
            photo, strength * p[..., None], rng=7, noise_shape=(None, None, 1), scale=False
        )
        assert (kept == fastdrop.apply_mask(photo, mask[..., None], 0)).all()
        again = np.sum(before & mask)
        print(f"{strength:.2f} p: {1 - mask.mean():.1%} dropped, of the last ones kept: {again}")
        before = ~mask
        show(panel, kept, "p" if strength == 1 else f"{strength} p")

    table = load_breast_cancer().data
    rates = np.linspace(0, 0.6, table.shape[1])
    missing = np.array([missing_rates(table, rates, key) for key in range(100)])
    spread = 2 * np.sqrt(rates * (1 - rates) / len(table))
    within = np.mean(abs(missing - rates) <= spread)
    print(f"columns whose rate is within two standard errors, for 100 keys: {within:.1%}")
    axes = below.subplots()
    columns = np.arange(len(rates))
    axes.fill_between(columns, rates - spread, rates + spread, color=BLUE, alpha=0.2, lw=0)
    axes.plot(columns, rates, color=BLUE, label="p of each column, and two standard errors")
    axes.plot(columns, missing[0], "o", color=ORANGE, label="missing, with one key")
    axes.set(xlabel="column of the table", xlim=(-0.5, len(rates) - 0.5), ylim=(-0.03, None))
    axes.set_ylabel("rate of missing values")
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="upper left")
    save(figure, path)


if __name__ == "__main__":
    main()
