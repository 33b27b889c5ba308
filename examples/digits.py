"""Digits: a network in NumPy, trained with and without dropout on few handwritten digits.

A perceptron with two hidden layers learns the real 8x8 images of scikit-learn's `load_digits`. It
is NumPy in float32, except for the layers of `fastdrop.Dropout`. It is trained on only 400 of the
1797 images, because regularisation matters most if data are few. The results hold for such a small
set and not beyond.

The settings were chosen by validation accuracy after the last epoch, averaged over the seeds 1000
to 1019, among p = 0, 0.1, 0.2 on the inputs, p = 0, 0.2, 0.5 on the hidden units, step sizes 0.001,
0.003, 0.01, and 30 or 100 epochs. The best without dropout had 95.5 %, the best with it 96.4 %; the
usual p = 0.5 on the hidden units did as well as 0.2. Each arm has the step size that was best for
it. Adam, its falling step size and the widths were chosen before, also on validation images. The
test images had no part in this, and the reported seeds are others: 0, 1, 2, ...

On the validation images, by which the settings were chosen, the gain is 1.0 points. On the test
images it is smaller: 0.5 points over ten seeds, with a standard error of 0.2. That error covers the
seeds only (training images, first weights, masks). The test images are the same for all seeds, and
their choice adds an error of about 0.2. The same machine gives the same figures each time; another
may round its matrix products differently.
"""

from __future__ import annotations

import argparse
import itertools
import sys

import numpy as np

from fastdrop import Dropout, Key

try:
    from matplotlib.figure import Figure
    from sklearn.datasets import load_digits
except ModuleNotFoundError as error:
    sys.exit(
        f"{error}: this example needs scikit-learn and matplotlib, which "
        "`python -m pip install '.[examples]'` installs with fastdrop"
    )

WIDTHS = (64, 256, 256, 10)
TRAINING, VALIDATION = 400, 500
TEST = 1797 - TRAINING - VALIDATION
BATCH = 32
ARMS = {
    "without dropout": {"p_input": 0.0, "p_hidden": 0.0, "step_size": 0.001},
    "with dropout": {"p_input": 0.1, "p_hidden": 0.2, "step_size": 0.003},
}


class Network:
    """A perceptron of ReLU layers with dropout on the images and on each hidden layer.

    Parameters
    ----------
    widths : sequence of int
        Values per image, hidden units layer by layer, classes.
    p_input, p_hidden : float
        Probability of an input, and of a hidden unit, to be dropped. With 0 a layer is the
        identity and draws nothing, so that a network without dropout is the same code.
    rng : numpy.random.Generator
        For the first weights.
    key : fastdrop.Key
        For the masks.
    """

    def __init__(self, widths, p_input, p_hidden, *, rng, key):
        self.weights = [
            rng.standard_normal((fan_in, fan_out), np.float32) * np.float32(np.sqrt(2 / fan_in))
            for fan_in, fan_out in itertools.pairwise(widths)
        ]
        self.biases = [np.zeros(fan_out, np.float32) for fan_out in widths[1:]]
        input_key, *hidden_keys = key.spawn(len(self.weights))
        # In place only where the network owns the array: the images are the caller's.
        self.dropouts = [
            Dropout(p_input, rng=input_key),
            *(Dropout(p_hidden, inplace=True, rng=hidden_key) for hidden_key in hidden_keys),
        ]

    @property
    def parameters(self):
        """The arrays that are trained, in the order of `backward`."""
        return [*self.weights, *self.biases]

    def train(self):
        """Let dropout drop; return the network."""
        for dropout in self.dropouts:
            dropout.train()
        return self

    def eval(self):
        """Make dropout the identity; return the network."""
        for dropout in self.dropouts:
            dropout.eval()
        return self

    def forward(self, images):
        """Return the logits, of shape (images, classes)."""
        self.inputs: list[np.ndarray] = []
        values = images
        for weight, bias, dropout in zip(self.weights, self.biases, self.dropouts, strict=True):
            if self.inputs:
                np.maximum(values, 0, out=values)
            values = dropout(values)
            self.inputs.append(values)
            values = values @ weight + bias
        return values

    def backward(self, grad):
        """Return the gradients of the parameters, given that of the last logits."""
        weight_grads: list[np.ndarray] = []
        bias_grads: list[np.ndarray] = []
        for layer in reversed(range(len(self.weights))):
            values = self.inputs[layer]
            weight_grads.insert(0, values.T @ grad)
            bias_grads.insert(0, grad.sum(axis=0))
            if layer > 0:
                grad = self.dropouts[layer].backward(grad @ self.weights[layer].T)
                # Dropout has overwritten the ReLU's output, but a kept value still has its sign,
                # and the gradient of a dropped one is 0 already.
                grad *= values > 0
        return [*weight_grads, *bias_grads]


class Adam:
    """Adam (Kingma and Ba, 2015, arXiv:1412.6980), on arrays that it changes in place."""

    def __init__(self, parameters, decays=(0.9, 0.999), epsilon=1e-8):
        self.parameters = parameters
        self.decays = decays
        self.epsilon = epsilon
        self.steps = 0
        self.means = [np.zeros_like(parameter) for parameter in parameters]
        self.squares = [np.zeros_like(parameter) for parameter in parameters]

    def step(self, grads, step_size):
        """Move each parameter against its gradient."""
        self.steps += 1
        first, second = self.decays
        first_bias, second_bias = 1 - first**self.steps, 1 - second**self.steps
        for parameter, grad, mean, square in zip(
            self.parameters, grads, self.means, self.squares, strict=True
        ):
            mean += (1 - first) * (grad - mean)
            square += (1 - second) * (grad * grad - square)
            scale = np.sqrt(square / second_bias) + self.epsilon
            parameter -= step_size / first_bias * mean / scale


def cross_entropy(logits, labels):
    """Return the mean softmax cross-entropy and its gradient with respect to the logits."""
    images = np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1, keepdims=True)
    loss = np.mean(np.log(sums[:, 0]) - shifted[images, labels])
    grad = exponentials / sums
    grad[images, labels] -= 1
    return loss, grad / len(labels)


def load_parts(rng):
    """Return the images and labels of the training, the validation and the test set.

    The test set is the same for every `rng`, so that no choice made on validation images has seen
    it; `rng` divides the other images into training and validation.
    """
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    shuffled = np.random.default_rng(0).permutation(len(images))
    development, test = np.split(shuffled, [TRAINING + VALIDATION])
    training, validation = np.split(rng.permutation(development), [TRAINING])
    return [(images[part], labels[part]) for part in (training, validation, test)]


def train(seed, epochs, *, p_input, p_hidden, step_size):
    """Train one network and record how it does.

    Everything random follows from `seed`: two arms of one seed have the same training images,
    first weights and batches, so their difference is a paired one. The step size falls linearly
    to zero, so that the last epoch is neither lucky nor unlucky.

    Returns
    -------
    ndarray of shape (3, epochs)
        Training loss, validation accuracy and test accuracy after each epoch, in evaluation mode.
    """
    split_rng, weight_rng, order_rng = np.random.default_rng(seed).spawn(3)
    training, validation, test = load_parts(split_rng)
    images, labels = training
    network = Network(WIDTHS, p_input, p_hidden, rng=weight_rng, key=Key(seed))
    optimizer = Adam(network.parameters)
    history = np.empty((3, epochs))
    for epoch in range(epochs):
        network.train()
        order = order_rng.permutation(len(images))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            _, grad = cross_entropy(network.forward(images[batch]), labels[batch])
            optimizer.step(network.backward(grad), step_size * (1 - epoch / epochs))
        network.eval()
        loss, _ = cross_entropy(network.forward(images), labels)
        history[:, epoch] = loss, accuracy(network, *validation), accuracy(network, *test)
    return history


def accuracy(network, images, labels):
    """Return the percentage of the images that the network gets right."""
    return 100 * np.mean(network.forward(images).argmax(axis=1) == labels)


def print_table(histories):
    """Print the accuracy of the networks after their last epoch, and what dropout changes.

    Parameters
    ----------
    histories : dict of str to ndarray of shape (seeds, 3, epochs)
        What `train` returns, by the name of the arm.
    """
    final = {name: history[:, 1:, -1] for name, history in histories.items()}
    without, dropped = final.values()
    seeds = len(without)
    rows = {
        f"{name} (sd over seeds)": (values.mean(axis=0), values.std(axis=0, ddof=1))
        for name, values in final.items()
    }
    gain = dropped - without
    rows["paired difference (standard error)"] = (
        gain.mean(axis=0),
        gain.std(axis=0, ddof=1) / np.sqrt(seeds),
    )
    print(
        f"{seeds} seeds; {TRAINING} training, {VALIDATION} validation and {TEST} test images, "
        "the test images the same for all seeds"
    )
    for name, settings in ARMS.items():
        print(f"{name}: " + ", ".join(f"{setting} = {n}" for setting, n in settings.items()))
    print(f"\n{'accuracy in %':36}{'validation':>16}{'test':>16}")
    for name, (means, spreads) in rows.items():
        cells = [f"{mean:.2f} ({spread:.2f})" for mean, spread in zip(means, spreads, strict=True)]
        print(f"{name:36}" + "".join(f"{cell:>16}" for cell in cells))


def draw_band(axes, values, label, **style):
    """Draw the mean over the first axis, and a band from its lowest to its highest value."""
    epochs = np.arange(1, values.shape[1] + 1)
    (line,) = axes.plot(epochs, values.mean(axis=0), label=label, **style)
    axes.fill_between(
        epochs, values.min(axis=0), values.max(axis=0), color=line.get_color(), alpha=0.2, lw=0
    )


def plot_curves(histories, path):
    """Save a picture of the test accuracy and the training loss of both arms."""
    # A Figure made without pyplot is drawn by Agg and needs no display.
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    accuracy_axes, loss_axes = figure.subplots(1, 2)
    for (name, history), line in zip(histories.items(), ("--", "-"), strict=True):
        draw_band(loss_axes, history[:, 0], name, linestyle=line)
        draw_band(accuracy_axes, history[:, 2], name, linestyle=line)
    lowest = min(history[:, 2, -1].min() for history in histories.values())
    accuracy_axes.set_ylim(lowest - 3, 100)
    accuracy_axes.set_ylabel("test accuracy (%), axis not from 0")
    accuracy_axes.legend(loc="lower right")
    loss_axes.set_yscale("log")
    loss_axes.set_ylabel("training loss (cross-entropy, dropout off)")
    loss_axes.legend(loc="upper right")
    for axes in (accuracy_axes, loss_axes):
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
    seeds = len(next(iter(histories.values())))
    figure.suptitle(
        f"Trained on {TRAINING} digits, tested on {TEST}: mean of {seeds} seeds, "
        "band from lowest to highest"
    )
    figure.savefig(path, dpi=150)


def count_from(least):
    """Return a converter for argparse: an int that is at least `least`."""

    def count(text):
        number = int(text)
        if number < least:
            raise argparse.ArgumentTypeError(f"must be {least} or more, but is {number}")
        return number

    return count


def main():
    """Train both arms for every seed, print the table and save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=count_from(2), default=10, help="networks per arm")
    parser.add_argument("--epochs", type=count_from(2), default=100, help="per network")
    parser.add_argument("--output", default="digits.png", help="path of the picture")
    arguments = parser.parse_args()
    histories = {
        name: np.stack(
            [train(seed, arguments.epochs, **settings) for seed in range(arguments.seeds)]
        )
        for name, settings in ARMS.items()
    }
    print_table(histories)
    plot_curves(histories, arguments.output)
    print(f"\ncurves: {arguments.output}")


if __name__ == "__main__":
    main()
