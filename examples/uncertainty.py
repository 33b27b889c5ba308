"""
Uncertainty by dropout
======================

A network is often sure of what it has never seen. If dropout goes on at test time (Monte-Carlo
dropout, Gal and Ghahramani 2016, arXiv:1506.02142), each pass has another mask, and where the
passes disagree the network does not know. Here a network in NumPy learns eight of the ten kinds of
handwritten digits (scikit-learn's ``load_digits``). Then it sees test digits of these kinds, digits
of the two kinds that it has not learned, 4 and 9, and a digit that turns upside down.
"""

# %%
# The digits have 8 x 8 pixels. The network has two hidden layers of ReLU units.

import itertools

import matplotlib.pyplot as plt
import numpy as np
from skimage.transform import rotate
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

import fastdrop

images, labels = load_digits(return_X_y=True)
images = (images / 16).astype(np.float32)
kinds = np.array([0, 1, 2, 3, 5, 6, 7, 8])
learned = np.isin(labels, kinds)
novel = images[~learned]
train, test, train_labels, test_labels = train_test_split(
    images[learned], np.searchsorted(kinds, labels[learned]), test_size=0.4, random_state=0
)

generator = np.random.default_rng(0)
weights = [
    generator.standard_normal((fan_in, fan_out), np.float32) * np.float32(np.sqrt(2 / fan_in))
    for fan_in, fan_out in itertools.pairwise((64, 256, 256, len(kinds)))
]
layers = [fastdrop.Dropout(0.5, rng=key) for key in fastdrop.Key(0).spawn(2)]


def forward(x):
    """Return the probabilities of the kinds, and what came into each matrix product."""
    inputs = [x]
    for weight, layer in zip(weights, layers, strict=False):
        x = layer(np.maximum(x @ weight, 0))
        inputs.append(x)
    logits = x @ weights[-1]
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True), inputs


# %%
# Training, by gradient descent with momentum. The way back through a layer needs no stored mask:
# the layer has kept the key of its last call.

velocities = [np.zeros_like(weight) for weight in weights]
order = np.concatenate([generator.permutation(len(train)) for _ in range(30)])
with threadpool_limits(1):  # several threads are slower for matrices as small as these
    for batch in np.array_split(order, len(order) // 32):
        grad, inputs = forward(train[batch])
        grad[np.arange(len(batch)), train_labels[batch]] -= 1  # of the logits, by cross-entropy
        for i in (2, 1, 0):
            slope = inputs[i].T @ grad / len(batch)
            if i > 0:
                grad = layers[i - 1].backward(grad @ weights[i].T) * (inputs[i] > 0)
            velocities[i] = 0.9 * velocities[i] - 0.05 * slope
            weights[i] += velocities[i]

# %%
# For 100 passes the images are repeated along a new first axis. A mask is drawn for each element,
# so each pass has its own. The prediction is the mean of the passes.


def predict(x):
    """Return the probabilities of one pass without dropout, and the mean of 100 with it."""
    passes, _ = forward(np.broadcast_to(x, (100, *x.shape)))
    for layer in layers:
        layer.eval()
    one, _ = forward(x)
    for layer in layers:
        layer.train()
    return one, passes.mean(axis=0)


def sure(probabilities):
    """Return the share of the predictions that have a probability of more than 90 %."""
    return (probabilities.max(axis=-1) > 0.9).mean()


one_test, mean_test = predict(test)
one_novel, mean_novel = predict(novel)

# %%
# Both predictions are right about 97 % or more of the test digits. Neither can be right about a 4
# or a 9. Yet one pass without dropout is sure of most of them. The mean of the passes is sure of
# less than half as many, at a price: it is sure of somewhat fewer digits that it knows, too.

print(f"sure of 4 and 9:     {sure(one_novel):.0%} without, {sure(mean_novel):.0%} with dropout")
print(f"sure of test digits: {sure(one_test):.0%} without, {sure(mean_test):.0%} with dropout")
assert (one_test.argmax(axis=-1) == test_labels).mean() > 0.965
assert (mean_test.argmax(axis=-1) == test_labels).mean() > 0.965
assert sure(one_novel) > 0.5
assert sure(mean_novel) < 0.5 * sure(one_novel)
assert sure(one_test) > sure(mean_test) > 0.8

# %%
# Above: one pass without dropout. Below: the mean of 100 passes. Left: how sure the predictions
# are. Middle: the probabilities of the kinds, for a 3 that is turned. Right: the 4 and 9 of which
# the predictions are most unlike, and what one pass and the mean say of the kind that one pass
# predicts.

figure = plt.figure(figsize=(13, 4.8), layout="constrained")
left, middle, right = figure.subfigures(1, 3, width_ratios=(1, 1.2, 1.1), wspace=0.04)

bins = np.linspace(0.2, 1, 17)
panels = left.subplots(2, 1, sharex=True, sharey=True)
for axes, shown in zip(panels, ((one_test, one_novel), (mean_test, mean_novel)), strict=True):
    for values, colour in zip(shown, ("#0072B2", "#D55E00"), strict=True):
        shares = np.full(len(values), 1 / len(values))
        axes.hist(values.max(axis=-1), bins, weights=shares, color=colour, alpha=0.6)
    axes.yaxis.set_major_formatter("{x:.0%}")
panels[0].set_title("one pass without dropout")
panels[0].legend(["kinds it has learned", "4 and 9"], frameon=False, loc="upper center")
panels[1].set_title("mean of 100 passes with dropout")
panels[1].set_xlabel("probability of the predicted kind")

angles = np.arange(0, 181, 5)
three = test[22].reshape(8, 8)
turned = np.stack([rotate(three, angle) for angle in angles])
panels = middle.subplots(3, 1, height_ratios=(1, 3, 3))
panels[0].imshow(np.hstack(list(turned[::3])), cmap="gray_r")
panels[0].set_axis_off()
for axes, probabilities in zip(panels[1:], predict(turned.reshape(-1, 64)), strict=True):
    axes.stackplot(angles, probabilities.T, labels=kinds, colors=plt.get_cmap("Set2").colors)
    axes.set(xlim=(0, 180), ylim=(0, 1), xticks=range(0, 181, 30))
    axes.yaxis.set_major_formatter("{x:.0%}")
panels[2].set_xlabel("degrees by which a 3 is turned")
middle.legend(*panels[2].get_legend_handles_labels(), loc="outside right", reverse=True)

largest = np.argsort(mean_novel.max(axis=-1) - one_novel.max(axis=-1))
for axes, digit in zip(right.subplots(3, 4).flat, largest, strict=False):
    axes.imshow(novel[digit].reshape(8, 8), cmap="gray_r")
    axes.set_axis_off()
    kind = one_novel[digit].argmax()
    one, mean = one_novel[digit, kind], mean_novel[digit, kind]
    axes.set_title(f"{kinds[kind]}: {one:.0%} → {mean:.0%}", fontsize=9)
plt.show()
