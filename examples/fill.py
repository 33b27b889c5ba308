"""
Missing values and colours
==========================

``fill=`` is what a dropped element becomes: NaN for a missing value, a colour for a pixel. The
table is scikit-learn's ``load_breast_cancer``: 569 tumours, of which ten means are taken. Values
are removed at six rates, and three imputers restore them. With one key a value that is missing at a
rate is missing at every higher rate too, so a curve shows one experiment that gets worse, not six
that differ by chance.
"""

import itertools
import warnings

import matplotlib.pyplot as plt
import numpy as np
from skimage import data
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 # for the next import
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.preprocessing import scale

import fastdrop

# %%
# ``scale=False`` leaves the values that are not dropped unchanged.

table = scale(load_breast_cancer().data[:, :10])  # so that errors are in standard deviations
rates = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
keys = [fastdrop.Key(seed) for seed in range(5)]


def remove(rate, key):
    """Return the table with missing values."""
    return fastdrop.dropout(table, rate, rng=key, scale=False, fill=np.nan)


for low, high in itertools.pairwise(rates):
    assert np.isnan(remove(high, keys[0]))[np.isnan(remove(low, keys[0]))].all()

# %%
# The error of an imputer is the root mean square of what it imputes minus what was removed.
# ``SimpleImputer`` imputes the mean, so its error is one standard deviation at every rate.

warnings.simplefilter("ignore", ConvergenceWarning)  # five rounds are enough here
imputers = {
    "SimpleImputer": SimpleImputer(),
    "KNNImputer": KNNImputer(),
    "IterativeImputer": IterativeImputer(max_iter=5, random_state=0),
}


def error(imputer, rate, key):
    """Return the error of the values that were removed and imputed."""
    holes = remove(rate, key)
    missing = np.isnan(holes)
    return np.sqrt(np.mean((imputer.fit_transform(holes)[missing] - table[missing]) ** 2))


errors = {
    name: np.array([[error(imputer, rate, key) for key in keys] for rate in rates])
    for name, imputer in imputers.items()
}
for name, values in errors.items():
    print(f"{name:17}" + "".join(f"{mean:6.2f}" for mean in values.mean(axis=1)))
means = np.array([values.mean(axis=1) for values in errors.values()])
assert abs(means[0] - 1).max() < 0.05
assert (np.diff(means, axis=0) < 0).all()  # at every rate the next imputer is better

# %%
# The pixels of an image are dropped as wholes: ``noise_shape`` has 1 for the axis of the colours,
# so they share a decision. The fill is the mean colour of ImageNet.

colour = (124, 116, 104)
photo = data.chelsea()
pixels = fastdrop.dropout(photo, 0.5, rng=7, noise_shape=(None, None, 1), scale=False, fill=colour)
filled = (pixels == colour).all(axis=-1)
assert (pixels[~filled] == photo[~filled]).all()
assert abs(filled.mean() - 0.5) < 0.01

# %%
# Mean and range of the error over five keys, and half of the photo.

figure, (curves, picture) = plt.subplots(
    1, 2, figsize=(9, 3.6), width_ratios=(1.15, 1), layout="constrained"
)
colours = ("#0072B2", "#D55E00", "#009E73")
for (name, values), line, marker in zip(errors.items(), colours, "so^", strict=True):
    curves.plot(rates, values.mean(axis=1), color=line, marker=marker, label=name)
    curves.fill_between(rates, values.min(axis=1), values.max(axis=1), color=line, alpha=0.2)
curves.set(xlabel="rate of missing values", ylabel="error of imputed values (sd)", ylim=(0, None))
curves.xaxis.set_major_formatter("{x:.0%}")
curves.set_title("fill=np.nan")
curves.grid(alpha=0.3)
curves.legend(frameon=False)
picture.imshow(pixels, interpolation="nearest")
picture.set_title(f"fill={colour}, half of the pixels")
picture.set(xticks=[], yticks=[])
plt.show()
