"""
Blocks of a larger array
========================

``origin=`` says where a block begins in a whole, whose shape is ``full_shape=``. The block gets the
bytes that one call on the whole would give it. So tiles of an image, chunks of a file and shards of
several machines are dropped in any order, and without any communication. Here a photo is dropped
tile by tile, and then by two processes at once.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from skimage import data

import fastdrop

# %%
# The whole in one call, with which the tiles are compared. Pixels are dropped as wholes: the
# length 1 in ``noise_shape`` means that the colours share a decision.

photo = data.chelsea()
options = {"p": 0.4, "rng": fastdrop.Key(7), "noise_shape": (None, None, 1), "scale": False}
whole = fastdrop.dropout(photo, **options)

# %%
# Tiles of 64 x 64 pixels, in random order and in place. After half of them, half is dropped.

corners = [(row, column) for row in range(0, 300, 64) for column in range(0, 451, 64)]
order = np.random.default_rng(1).permutation(corners).tolist()
tiled = photo.copy()
for count, (row, column) in enumerate(order):
    if count == len(order) // 2:
        half = tiled.copy()
    tile = tiled[row : row + 64, column : column + 64]
    fastdrop.dropout(tile, inplace=True, origin=(row, column, 0), full_shape=photo.shape, **options)
assert np.array_equal(tiled, whole)
assert 0 < np.mean(half != whole) < np.mean(photo != whole)

# %%
# Two processes that know nothing of each other work on one memory-mapped file, on every second
# tile each. They need the key, here the seed 7, and the place of their tiles.

program = """
import sys
import numpy as np
import fastdrop

path, first = sys.argv[1:]
image = np.load(path, mmap_mode="r+")
corners = [(row, column) for row in range(0, 300, 64) for column in range(0, 451, 64)]
for row, column in corners[int(first) :: 2]:
    fastdrop.dropout(
        image[row : row + 64, column : column + 64], 0.4, rng=7, noise_shape=(None, None, 1),
        scale=False, inplace=True, origin=(row, column, 0), full_shape=image.shape,
    )
"""
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "photo.npy"
    np.save(path, photo)
    processes = [
        subprocess.Popen([sys.executable, "-c", program, path, str(first)]) for first in (0, 1)
    ]
    assert [process.wait() for process in processes] == [0, 0]
    shared = np.load(path)
differing = np.sum(shared != whole)
print(f"{differing} bytes of {whole.size} differ from the whole")
assert differing == 0

# %%
# The photo after half of the tiles, after the work of two processes, one in blue and the other in
# orange, and after one call.

figure, panels = plt.subplots(
    1, 3, figsize=(9, 2.5), subplot_kw={"xticks": [], "yticks": []}, layout="constrained"
)
titles = {
    f"{len(order) // 2} of {len(order)} tiles": half,
    "two processes, one file": shared,
    f"the whole at once: {differing} bytes differ": whole,
}
for panel, (title, image) in zip(panels, titles.items(), strict=True):
    panel.imshow(image, interpolation="nearest")
    panel.set_title(title)
for number, (row, column) in enumerate(corners):
    height, width = photo[row : row + 64, column : column + 64].shape[:2]
    frame = Rectangle((column + 1, row + 1), width - 3, height - 3, fill=False, lw=1.5)
    frame.set_edgecolor(("#0072B2", "#D55E00")[number % 2])
    panels[1].add_patch(frame)
plt.show()
