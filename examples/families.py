"""
Patches, holes, blocks, channels, samples
=========================================

Some decisions are for more than an element, and some are not independent. The photo is a crop of
224 x 224 pixels of the cat Chelsea, so it has 14 x 14 patches of 16 x 16. The digits are the first
of scikit-learn's ``load_digits``.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data
from sklearn.datasets import load_digits

import fastdrop

photo = data.chelsea()[40:264, 110:334]
grey = (124, 116, 104)

# %%
# Exactly 147 of the 196 patches are hidden, 75 %, as masked autoencoders do.

mask = fastdrop.keep_mask(196, count=147, rng=7)
assert np.sum(~mask) == 147
patches = photo.reshape(14, 16, 14, 16, 3)
hidden = fastdrop.apply_mask(patches, mask.reshape(14, 1, 14, 1, 1), 0, fill=grey)
hidden = hidden.reshape(photo.shape)

# %%
# Eight holes, each a fifth of the photo high and wide. Where holes overlap, the pixels count
# once.

cut, uncut = fastdrop.coarse_dropout(photo, 8, 0.2, fill=grey, rng=7, return_mask=True)
print(f"holes: {1 - uncut.mean():.0%} of the pixels dropped")
assert (cut[~uncut] == grey).all()
assert (cut[uncut] == photo[uncut]).all()

# %%
# Blocks of 28 x 28 pixels, in each colour other ones: ``drop_block2d`` takes arrays with the
# channels first. The rate of dropped values is p on average; one photo is few blocks.

channels = np.moveaxis(photo, -1, 0)
blocks, key = fastdrop.drop_block2d(channels, 0.3, 28, rng=7, scale=False, return_key=True)
gone = fastdrop.drop_block2d(np.ones(channels.shape), 0.3, 28, rng=key) == 0
print(f"blocks: {gone.mean():.0%} of the values dropped")
assert (blocks == channels * ~gone).all()

# %%
# Exactly one of the three colours of each quarter.

quarters = photo.reshape(2, 112, 2, 112, 3).transpose(0, 2, 4, 1, 3).reshape(4, 3, 112, 112)
tinted = fastdrop.dropout2d(quarters, count=1, rng=1, scale=False)
assert (np.sum(~tinted.any(axis=(2, 3)), axis=1) == 1).all()
tinted = tinted.reshape(2, 2, 3, 112, 112).transpose(0, 3, 1, 4, 2).reshape(photo.shape)

# %%
# Whole samples, each with probability 0.3, become what ``fill`` says.

digits = load_digits().images[:25]
sampled = fastdrop.drop_path(digits, 0.3, rng=7, scale=False, fill=6)
dropped = (sampled == 6).all(axis=(1, 2))
print(f"samples: {dropped.sum()} of {len(digits)} dropped")
assert (sampled[~dropped] == digits[~dropped]).all()
side_by_side = np.pad(sampled.reshape(5, 5, 8, 8), ((0, 0), (0, 0), (1, 1), (1, 1)))
side_by_side = side_by_side.swapaxes(1, 2).reshape(50, 50)

# %%
# Each picture has the call that made it as its title.

pictures = {
    "a photo": photo,
    "keep_mask(196, count=147)": hidden,
    "coarse_dropout(x, 8, 0.2)": cut,
    "drop_block2d(x, 0.3, 28)": np.moveaxis(blocks, 0, -1),
    "dropout2d(x, count=1)": tinted,
    "drop_path(x, 0.3)": side_by_side,
}
figure, panels = plt.subplots(
    2, 3, figsize=(7.5, 5.4), subplot_kw={"xticks": [], "yticks": []}, layout="constrained"
)
for panel, (title, picture) in zip(panels.flat, pictures.items(), strict=True):
    panel.imshow(picture, cmap="gray_r", interpolation="nearest")
    panel.set_title(title, fontsize=11)
plt.show()
