"""Fill: values removed from a table at six rates, and how imputers restore them.

`fill=np.nan` makes what is dropped a missing value, and `scale=False` leaves the rest alone. The
table is scikit-learn's `load_breast_cancer`: 569 tumours, of which ten means are taken. With one
key the values that are missing at a rate are missing at every higher rate too, so a curve shows one
experiment that gets worse, not six that differ by chance. The second picture fills pixels of a
photo with a colour.
"""

from __future__ import annotations

import warnings

import numpy as np
from pictures import BLUE, GREEN, GREY, ORANGE, load_photo, make_figure, picture_path, save, show
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 # for the next import
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.preprocessing import scale

import fastdrop

RATES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
SEEDS = range(5)
IMPUTERS = {
    "SimpleImputer": (SimpleImputer(), BLUE, "s"),
    "KNNImputer": (KNNImputer(), ORANGE, "o"),
    # Five rounds do, and the warning that they are few would be one for each fit.
    "IterativeImputer": (IterativeImputer(max_iter=5, random_state=0), GREEN, "^"),
}


def error(imputer, table, rate, key):
    """Return the root mean square error of the values that were removed and imputed."""
    holes = fastdrop.dropout(table, rate, rng=key, scale=False, fill=np.nan)
    gone = np.isnan(holes)
    return np.sqrt(np.mean((imputer.fit_transform(holes)[gone] - table[gone]) ** 2))


def main():
    """Measure, print the errors, and draw the curves and the photo."""
    path = picture_path(__doc__, "fill.png")
    warnings.simplefilter("ignore", ConvergenceWarning)
    table = scale(load_breast_cancer().data[:, :10])  # so that errors are in standard deviations
    keys = [fastdrop.Key(seed) for seed in SEEDS]

    figure = make_figure(9, 3.6)
    curves, picture = figure.subplots(1, 2, width_ratios=(1.15, 1))
    print(f"{'error in standard deviations':30}" + "".join(f"{rate:7.0%}" for rate in RATES))
    for name, (imputer, colour, marker) in IMPUTERS.items():
        errors = np.array([[error(imputer, table, rate, key) for key in keys] for rate in RATES])
        print(f"{name:30}" + "".join(f"{mean:7.2f}" for mean in errors.mean(axis=1)))
        curves.plot(RATES, errors.mean(axis=1), color=colour, marker=marker, label=name)
        curves.fill_between(RATES, errors.min(axis=1), errors.max(axis=1), color=colour, alpha=0.2)
    curves.set(xlabel="rate of missing values", ylim=(0, None))
    curves.set_ylabel("error of imputed values (sd)")
    curves.xaxis.set_major_formatter("{x:.0%}")
    curves.set_title("fill=np.nan", fontsize=11)
    curves.grid(alpha=0.3)
    curves.legend(frameon=False)

    photo = load_photo()
    pixels = fastdrop.dropout(
        photo, 0.5, rng=7, noise_shape=(None, None, 1), scale=False, fill=GREY
    )
    filled = (pixels == GREY).all(axis=-1).mean()
    print(f"pixels of the photo that have the colour {GREY}: {filled:.1%}")
    show(picture, pixels, f"fill={GREY}, half of the pixels")
    save(figure, path)


if __name__ == "__main__":
    main()
