"""
Image augmentation in place
===========================

Pixel, channel and coarse dropout make training images harder, so that a network cannot rely on a
few pixels, on one colour or on one part of an object. Here all three work on a batch of uint8
photos in place, without a copy in floats and without a mask to store. Each image of the batch gets
decisions of its own, labels get the holes of their images, and a key of 16 bytes brings every
picture back. The photos are in the wheel of scikit-image.
"""

# %%
# A batch of four photos, of shape (N, H, W, C) and dtype uint8.

import matplotlib.pyplot as plt
import numpy as np
from skimage import data
from skimage.transform import resize

import fastdrop

SIDE = 256


def square(photo, top, left, side):
    """Cut a square out of a photo and resize it to 256 x 256 pixels."""
    crop = photo[top : top + side, left : left + side]
    return np.rint(255 * resize(crop, (SIDE, SIDE), anti_aliasing=True)).astype(np.uint8)


photos = np.stack(
    [
        square(data.astronaut(), 0, 60, 340),
        square(data.chelsea(), 0, 90, 300),
        square(data.coffee(), 20, 140, 370),
        square(data.rocket(), 0, 110, 427),
    ]
)

# %%
# Pixel dropout: all channels of a pixel share a decision, which is what the last 1 of
# ``noise_shape`` says. A dropped pixel gets the mean colour of ImageNet. ``scale=False`` leaves the
# others unchanged, and ``inplace=True`` writes into the batch.

MEAN = (124, 116, 104)
pixels = photos.copy()
result = fastdrop.dropout(
    pixels,
    0.3,
    inplace=True,
    noise_shape=(None, None, None, 1),
    scale=False,
    fill=MEAN,
    rng=fastdrop.Key(1),
)
changed = (pixels != photos).any(axis=-1)
assert result is pixels
assert (pixels[changed] == MEAN).all()
assert abs(changed.mean() - 0.3) < 0.01

# %%
# Channel dropout: ``count=1`` drops exactly one of the three colours of each image. The channels
# come second in ``dropout2d``, so it gets a view in which they do; nothing is copied.

channels = photos.copy()
fastdrop.dropout2d(
    np.moveaxis(channels, -1, 1), count=1, inplace=True, scale=False, rng=fastdrop.Key(2)
)
assert np.array_equal((~channels.any(axis=(1, 2))).sum(axis=-1), [1, 1, 1, 1])

# %%
# Coarse dropout: 3 to 8 holes, each 12 to 30 % of the image high and wide. The same key gives
# labels the same holes, here filled with 255, which many losses ignore.

holes = photos.copy()
options = {"holes": (3, 8), "size": ((0.12, 0.3), (0.12, 0.3)), "inplace": True}
fastdrop.coarse_dropout(holes, fill=MEAN, rng=fastdrop.Key(7), **options)

labels = np.zeros((len(photos), SIDE, SIDE, 1), np.uint8)
fastdrop.coarse_dropout(labels, fill=255, rng=fastdrop.Key(7), **options)
assert (holes[labels[..., 0] == 255] == MEAN).all()
assert np.array_equal(holes[labels[..., 0] == 0], photos[labels[..., 0] == 0])

# %%
# In training the three follow each other, with a key for each epoch, image and step. Any image can
# be made again, alone and in any process. ``min_keep=1`` leaves at least one channel.


def augment(image, key):
    """Augment an image (H, W, C) in place, and return it."""
    options = {"inplace": True, "scale": False}
    fastdrop.dropout2d(np.moveaxis(image, -1, 0), 0.3, min_keep=1, rng=key.fold_in(0), **options)
    fastdrop.dropout(
        image, 0.1, noise_shape=(None, None, 1), fill=MEAN, rng=key.fold_in(1), **options
    )
    return fastdrop.coarse_dropout(image, (2, 5), 0.18, fill=MEAN, inplace=True, rng=key.fold_in(2))


key = fastdrop.Key(13)
epochs = [
    np.stack([augment(photo.copy(), key.fold_in(epoch, i)) for i, photo in enumerate(photos)])
    for epoch in range(2)
]
assert np.array_equal(augment(photos[3].copy(), key.fold_in(1, 3)), epochs[1][3])
assert not np.array_equal(epochs[0], epochs[1])

# %%
# One row for each photo. The last two columns are the same photos in two epochs.

columns = {
    "photo": photos,
    "30 % of the pixels": pixels,
    "one channel of three": channels,
    "3 to 8 holes": holes,
    "all three, epoch 0": epochs[0],
    "all three, epoch 1": epochs[1],
}
figure, panels = plt.subplots(
    len(photos), len(columns), figsize=(12, 8.2), layout="constrained", squeeze=False
)
for column, (title, images) in enumerate(columns.items()):
    panels[0, column].set_title(title, fontsize=11)
    for axes, image in zip(panels[:, column], images, strict=True):
        axes.imshow(image)
        axes.set_axis_off()
figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
plt.show()
