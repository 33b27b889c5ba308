"""
Missing values at a rate for each feature
=========================================

How much does a model lose if values are missing, and does the imputer matter? To find out, remove
values from a table that is complete. In real tables some columns have more holes than others, so p
is an array here, with a rate for each of 13 measurements of 178 Italian wines (scikit-learn's
``load_wine``). The holes go into a pipeline that scales, imputes and classifies; its accuracy is
cross-validated at each mean rate, with the holes mostly in the columns that tell the three kinds
of wine apart, or mostly in the others.
"""

# %%
# The columns are sorted by how well each alone tells the kinds of wine apart (the F statistic).

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 # for the next import
from sklearn.feature_selection import f_classif
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import fastdrop

wine = load_wine()
order = np.argsort(f_classif(wine.data, wine.target)[0])
table = wine.data[:, order]
names = [wine.feature_names[column] for column in order]

# %%
# A rate for each column, from a quarter of the mean to seven quarters. p broadcasts as arrays do
# in NumPy, so an array of 13 rates fits a table of 178 x 13 values. ``fill=np.nan`` makes what is
# dropped a missing value, and ``scale=False`` leaves the rest unchanged.

slope = np.linspace(0.25, 1.75, len(names))
designs = {"mostly in uninformative columns": slope[::-1], "mostly in informative columns": slope}

key = fastdrop.Key(7)
holes = fastdrop.dropout(table, 0.4 * slope, rng=key, scale=False, fill=np.nan)
gone = np.isnan(holes)
assert np.array_equal(holes[~gone], table[~gone])
assert abs(gone.mean() - 0.4) < 0.02
assert gone[:, -1].mean() > 4 * gone[:, 0].mean()

# %%
# With one key, what is missing at a rate is missing at every higher rate too. So a curve shows one
# experiment that gets worse, not several that differ by chance.

more_holes = fastdrop.dropout(table, 0.5 * slope, rng=key, scale=False, fill=np.nan)
assert np.isnan(more_holes[gone]).all()

# %%
# Three imputers, in a pipeline that learns everything from the training folds: the mean of the
# column, the mean of the five nearest wines, and a regression of each column on all others.

rates = (0, 0.1, 0.2, 0.3, 0.4, 0.5)
keys = fastdrop.Key(7).spawn(3)
imputers = {
    "SimpleImputer": SimpleImputer(),
    "KNNImputer": KNNImputer(),
    "IterativeImputer": IterativeImputer(max_iter=2, random_state=0),
}
# Two rounds do no worse than ten here, and the warning that they are few would be one for each fit.
warnings.simplefilter("ignore", ConvergenceWarning)


def accuracy(imputer, p, key, seed):
    """Return the cross-validated accuracy of the pipeline on the table with missing values."""
    holes = fastdrop.dropout(table, p, rng=key, scale=False, fill=np.nan)
    model = make_pipeline(StandardScaler(), imputer, LogisticRegression())
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    return cross_val_score(model, holes, wine.target, cv=folds).mean()


with threadpool_limits(1):  # several threads are slower for matrices as small as these
    results = {
        (design, name): np.array(
            [
                [accuracy(imputer, rate * slope, key, n) for n, key in enumerate(keys)]
                for rate in rates
            ]
        )
        for design, slope in designs.items()
        for name, imputer in imputers.items()
    }
for (design, name), values in results.items():
    print(f"{design}, {name}:", *(f"{value:.0%}" for value in values.mean(axis=1)))

# %%
# Where the values are missing matters more than the imputer: at half of the values, the worst
# imputer does better if uninformative columns have most of the holes than the best if informative
# ones have.

harmless, harmful = (
    [values[-1].mean() for (name, _), values in results.items() if name == design]
    for design in designs
)
assert min(harmless) > max(harmful) + 0.02

# %%
# At the left the table, turned on its side: holes are white, and beside each measurement is its
# rate. The lines are means over three keys, and the bands reach from the worst key to the best.

blue, orange, green = "#0072B2", "#D55E00", "#009E73"  # which colour-blind people can tell apart
figure, (picture, *panels) = plt.subplots(
    1, 3, figsize=(13, 4.2), layout="constrained", width_ratios=(1.5, 1, 1)
)
ranks = np.where(gone, np.nan, table.argsort(axis=0).argsort(axis=0))
picture.imshow(ranks.T, aspect="auto", cmap="viridis", interpolation="nearest")
picture.set_yticks(
    range(len(names)),
    [
        f"{name.partition('_of_')[0].replace('_', ' ')}  {rate:.0%}"
        for name, rate in zip(names, gone.mean(axis=0), strict=True)
    ],
)
picture.set(title="40% missing, mostly in informative columns", xlabel="178 wines", xticks=[])
for axes, design in zip(panels, designs, strict=True):
    for (name, colour), marker in zip(
        zip(imputers, (blue, orange, green), strict=True), "so^", strict=True
    ):
        values = results[design, name]
        axes.plot(rates, values.mean(axis=1), color=colour, marker=marker, label=name)
        axes.fill_between(rates, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.15)
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.set(title=design, xlabel="mean rate of missing values", ylim=(0.75, 1))
    axes.grid(alpha=0.3)
panels[0].set_ylabel("accuracy in five folds")
panels[0].legend(frameon=False, loc="lower left")
plt.show()
