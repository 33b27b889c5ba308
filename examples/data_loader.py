"""
A data loader with workers
==========================

A loader's workers are copies of one process. If they copy a seeded generator, all of them draw the
same masks, and a loader that starts its workers anew has them drawn again in each epoch. There are
two ways out. `fastdrop.torch.seed_worker` gives each worker of each epoch a stream of its own. A
key that is folded from the epoch and the item gives each item its mask, whatever the number of
workers. The images are faces of 25 x 25 pixels, in the wheel of scikit-image.
"""

# %%
# A data set that drops 30 % of the patches of a face: 5 x 5 patches, whose 5 x 5 pixels share a
# decision. ``rng`` is a generator, or None for the process's own stream, or a key from which one is
# folded for each epoch and item. With an item comes the number of the worker that made it. (To
# PyTorch's loader, any object that has a length and items is a data set.)

import matplotlib.pyplot as plt
import numpy as np
import torch
from skimage import data
from torch.utils.data import DataLoader, get_worker_info

import fastdrop
from fastdrop.torch import seed_worker

faces = data.lfw_subset()[[18, 25, 94, 53, 50, 29, 54, 74]]


def drop_patches(face, rng):
    """Return a face of which 30 % of the patches are NaN."""
    patches = face.reshape(5, 5, 5, 5)  # rows of patches, rows of pixels, and columns likewise
    patches = fastdrop.dropout(
        patches, 0.3, rng=rng, noise_shape=(None, 1, None, 1), scale=False, fill=np.nan
    )
    return patches.reshape(25, 25)


class Faces:
    """Faces with dropped patches."""

    def __init__(self, rng):
        self.rng = rng
        self.epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # workers see it change

    def __len__(self):
        return len(faces)

    def __getitem__(self, item):
        rng = self.rng
        if isinstance(rng, fastdrop.Key):
            rng = rng.fold_in(int(self.epoch), item)
        face = drop_patches(faces[item], rng)
        return torch.from_numpy(face), get_worker_info().id


# %%
# Two epochs with two workers, which load two faces at a time. They are forked here; where workers
# are spawned, the code that starts them has to be under ``if __name__ == "__main__":``.


def load(rng, workers=2, worker_init_fn=None):
    """Return the faces of two epochs, of shape (2, 8, 25, 25), and the worker of each."""
    torch.manual_seed(7)  # from which the loader takes a seed for its workers in each epoch
    dataset = Faces(rng)
    loader = DataLoader(
        dataset,
        batch_size=2,
        num_workers=workers,
        worker_init_fn=worker_init_fn,
        multiprocessing_context="fork",
    )
    images, numbers = [], []
    for epoch in range(2):
        dataset.epoch.fill_(epoch)
        batches = list(loader)
        images.append(torch.cat([batch[0] for batch in batches]).numpy())
        numbers.append(torch.cat([batch[1] for batch in batches]).numpy())
    return np.array(images), np.array(numbers)


def number_masks(images):
    """Return a number for each image, the same for those that have the same mask."""
    numbers: dict[bytes, int] = {}
    masks = [np.isnan(image).tobytes() for image in images.reshape(-1, 25, 25)]
    return [numbers.setdefault(mask, len(numbers) + 1) for mask in masks]


# %%
# A generator that is copied to the workers: 16 faces have 4 different masks, because both workers
# draw the same four, in both epochs.

copied = load(np.random.default_rng(7))
assert max(number_masks(copied[0])) == 4

# %%
# ``seed_worker`` seeds the stream of each worker. All masks differ, and the same number of workers
# makes the same faces in each run. Another number makes others.

seeded = load(None, worker_init_fn=seed_worker)
assert max(number_masks(seeded[0])) == 16
assert np.array_equal(load(None, 2, seed_worker)[0], seeded[0], equal_nan=True)
assert not np.array_equal(load(None, 1, seed_worker)[0], seeded[0], equal_nan=True)

# %%
# A key for each epoch and item: all masks differ, and the number of workers does not matter. Any
# face can be made again without a loader.

folded = load(fastdrop.Key(7))
assert max(number_masks(folded[0])) == 16
assert np.array_equal(load(fastdrop.Key(7), 1)[0], folded[0], equal_nan=True)
again = drop_patches(faces[5], fastdrop.Key(7).fold_in(1, 5))
assert np.array_equal(folded[0][1, 5], again, equal_nan=True)

# %%
# The colour says which worker dropped the patches, and the number says which mask it is.

colours = np.array([(230, 159, 0), (86, 180, 233)]) / 255


def draw(panels, images, workers):
    """Draw eight faces for each of two epochs on 16 axes."""
    for axes, image, worker, number in zip(
        panels.flat, images.reshape(-1, 25, 25), workers.flat, number_masks(images), strict=True
    ):
        face = np.repeat(image[..., np.newaxis], 3, axis=-1)
        axes.imshow(np.where(np.isnan(face), colours[worker], face))
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color=colours[worker], linewidth=3)
        axes.text(0.2, 23.4, number, fontsize=10, bbox={"color": "white", "pad": 1.5})


figure = plt.figure(figsize=(13, 4.6), layout="constrained")
titles = (
    "a copied generator: 4 masks",
    "seed_worker: 16 masks",
    "key.fold_in(epoch, item): 16 masks",
)
for part, title, loaded in zip(
    figure.subfigures(1, 3, wspace=0.04), titles, (copied, seeded, folded), strict=True
):
    part.suptitle(title)
    panels = part.subplots(4, 4)
    draw(panels, *loaded)
    for row, label in enumerate(("epoch 0", "", "epoch 1", "")):
        panels[row, 0].set_ylabel(label)
plt.show()
