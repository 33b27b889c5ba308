"""
A Dask array from disk
======================

An array in chunks on disk is dropped chunk by chunk, by as many threads, processes or machines as
there are. `fastdrop.dask.dropout` gives each chunk the bytes that one call on the whole array would
give it, so the chunking does not matter, and any part can be made again alone. Here a photo of a
retina (in the wheel of scikit-image) lies in a Zarr array. Pixels are dropped, the more the farther
right, and the photo is restored from those that are left.
"""

# %%
# The photo, 1411 x 1411 pixels in three colours, in a Zarr array with chunks of 256 x 256 pixels.

import tempfile
from pathlib import Path

import dask.array as da
import matplotlib.pyplot as plt
import numpy as np
from skimage import data
from skimage.filters import gaussian

import fastdrop
import fastdrop.dask

folder = tempfile.TemporaryDirectory()
photo = data.retina().astype(np.float32) / 255
path = Path(folder.name)
da.from_array(photo, chunks=(256, 256, 3)).to_zarr(path / "photo.zarr")
x = da.from_zarr(path / "photo.zarr")
assert x.numblocks == (6, 6, 1)

# %%
# A pixel at the left edge is dropped with probability 0.5, one at the right edge with 0.99.
# ``noise_shape`` says that the colours of a pixel share a decision, and ``fill`` that dropped
# pixels become NaN. Nothing is read or computed yet.

p = np.linspace(0.5, 0.99, x.shape[1])[:, np.newaxis]
options = {"noise_shape": (None, None, 1), "scale": False, "fill": np.nan}
dropped = fastdrop.dask.dropout(x, p, rng=fastdrop.Key(7), **options)
assert isinstance(dropped, da.Array)

# %%
# From disk to disk: no more than a few chunks are in memory at a time.

dropped.to_zarr(path / "dropped.zarr")
dropped = da.from_zarr(path / "dropped.zarr")

# %%
# The result is that of one call on the whole photo, and of any other chunking. A part reads only
# the chunks that it touches.

whole = fastdrop.dropout(photo, p, rng=fastdrop.Key(7), **options)
assert np.array_equal(dropped.compute(), whole, equal_nan=True)
other = fastdrop.dask.dropout(x.rechunk((500, 299, 1)), p, rng=fastdrop.Key(7), **options)
assert np.array_equal(other.compute(), whole, equal_nan=True)
part = fastdrop.dask.dropout(x, p, rng=fastdrop.Key(7), **options)[700:710, 700:710]
assert np.array_equal(part.compute(), whole[700:710, 700:710], equal_nan=True)

# %%
# A dropped pixel becomes a mean of the pixels that are left around it. The weights are Gaussians of
# four widths: the narrowest has nearly all the weight, unless it reaches no pixel. ``map_overlap``
# gives each chunk a margin of four times the largest width, where the Gaussian is cut off.


def restore(block):
    """Return a block whose dropped pixels are means of those around them."""
    kept = ~np.isnan(block[..., :1])
    filled = np.where(kept, block, 0)
    sums, weights = np.zeros_like(filled), np.zeros(kept.shape, np.float32)
    for width, weight in ((1, 1), (2, 1e-3), (4, 1e-6), (8, 1e-9)):
        sums += weight * gaussian(filled, width, channel_axis=-1)
        weights += weight * gaussian(kept.astype(np.float32), width, channel_axis=-1)
    return np.where(kept, filled, sums / weights)


restored = dropped.map_overlap(restore, depth=(32, 32, 0), boundary="none").compute()
folder.cleanup()
left = np.isfinite(whole[..., 0])
error = np.sqrt(np.mean((restored - photo) ** 2))
print(f"{left.mean():.0%} of the pixels are left; error of the restored photo: {error:.1%}")
assert np.array_equal(restored[left], photo[left])
assert left.mean() < 0.26
assert error < 0.02

# %%
# The lines are the borders of the chunks.

figure, panels = plt.subplots(1, 3, figsize=(13, 4.7), layout="constrained")
pictures = {
    "a photo, in 36 chunks": photo,
    "50% of the pixels dropped at the left, 99% at the right": np.where(left[..., None], photo, 1),
    f"restored, with an error of {error:.1%}": restored,
}
for axes, (title, picture) in zip(panels, pictures.items(), strict=True):
    axes.imshow(picture)
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()
for border in range(256, len(photo), 256):
    panels[0].axhline(border, color="white", linewidth=0.6)
    panels[0].axvline(border, color="white", linewidth=0.6)
plt.show()
