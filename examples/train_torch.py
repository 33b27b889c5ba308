"""
Training in PyTorch
===================

One line, ``fastdrop.torch.enable()``, makes all dropout of PyTorch on the CPU fastdrop's: here that
of a small transformer that reads handwritten digits (scikit-learn's ``load_digits``), three modules
and the dropout within attention. The model, the seeds and the training stay as they are. The masks
are others, as with another seed, so the losses agree but are not equal.
"""

# %%
# A digit of 8 x 8 pixels is a sequence of 16 patches of 2 x 2 pixels. To each patch 16 numbers are
# added that say which one it is. The encoder is PyTorch's own.

import contextlib
import time
from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import fastdrop.torch

torch.set_num_threads(1)  # of which the model is too small to need more
images, labels = load_digits(return_X_y=True)
patches = (images / 16).reshape(-1, 4, 2, 4, 2).swapaxes(2, 3).reshape(-1, 16, 4)
places = np.broadcast_to(np.eye(16), (len(images), 16, 16))
train, test, train_labels, test_labels = map(
    torch.from_numpy,
    train_test_split(
        np.concatenate([patches, places], axis=-1, dtype=np.float32), labels, random_state=0
    ),
)


def make_model(p, width=64):
    """Return a transformer with one layer that reads a digit from its patches."""
    layer = torch.nn.TransformerEncoderLayer(width, 4, 4 * width, p, batch_first=True)
    return torch.nn.Sequential(
        torch.nn.Linear(20, width),
        torch.nn.TransformerEncoder(layer, 1),
        torch.nn.Flatten(),
        torch.nn.Linear(16 * width, 10),
    )


def step(model, optimizer, images, labels):
    """Take a step of training, and return its loss."""
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def train_model(seed, epochs=5):
    """Train a model; return its mean loss in each epoch, and its accuracy in the test."""
    torch.manual_seed(seed)
    model = make_model(p=0.1)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    losses = []
    for _ in range(epochs):
        batches = torch.randperm(len(train)).split(100)
        losses.append(
            np.mean([step(model, optimizer, train[rows], train_labels[rows]) for rows in batches])
        )
    with torch.no_grad():
        right = model.eval()(test).argmax(dim=1) == test_labels
    return losses, right.float().mean().item()


# %%
# Train with three seeds, by PyTorch's dropout and by fastdrop's. ``enabled()`` holds for a block of
# code; a program that wants fastdrop throughout calls ``enable()`` once. The curves lie together,
# and with the same seed a training is the same again.

theirs = [train_model(seed) for seed in range(3)]
with fastdrop.torch.enabled():
    ours = [train_model(seed) for seed in range(3)]
    assert train_model(0, epochs=1)[0] == ours[0][0][:1]

their_losses, our_losses = (np.array([losses for losses, _ in runs]) for runs in (theirs, ours))
their_accuracy, our_accuracy = (np.mean([right for _, right in runs]) for runs in (theirs, ours))
print(f"test accuracy: {their_accuracy:.1%} by PyTorch's dropout, {our_accuracy:.1%} by fastdrop's")
assert np.abs(their_losses.mean(axis=0) - our_losses.mean(axis=0)).max() < 0.2
assert min(their_accuracy, our_accuracy) > 0.88
assert (our_losses != their_losses).all()

# %%
# The time of a step, by the clock of the process, which other programs do not advance: the best of
# 15 steps in each setting, taken in turn. p = 0 shows what is left without any dropout.

settings: dict[str, tuple[float, Callable]] = {
    "PyTorch's dropout": (0.1, contextlib.nullcontext),
    "fastdrop.torch.enable()": (0.1, fastdrop.torch.enabled),
    "no dropout": (0.0, contextlib.nullcontext),
}
times = dict.fromkeys(settings, np.inf)
for _ in range(15):
    for name, (p, setting) in settings.items():
        model = make_model(p)
        optimizer = torch.optim.AdamW(model.parameters())
        with setting():
            start = time.process_time()
            step(model, optimizer, train[:100], train_labels[:100])
            times[name] = min(times[name], time.process_time() - start)

# %%
# Thin lines are single seeds. The hatched part of a bar is what dropout adds to a step.

figure, (curves, bars) = plt.subplots(
    1, 2, figsize=(12, 4.2), layout="constrained", width_ratios=(1.3, 1)
)
orange, blue, grey = "#D55E00", "#0072B2", "#999999"
for losses, colour, style, name in zip(
    (their_losses, our_losses), (orange, blue), ("-", "--"), settings, strict=False
):
    curves.semilogy(range(1, 6), losses.T, color=colour, linestyle=style, linewidth=0.8, alpha=0.6)
    mean = losses.mean(axis=0)
    curves.semilogy(range(1, 6), mean, color=colour, linestyle=style, linewidth=3, label=name)
curves.set(xlabel="epoch", ylabel="training loss", xticks=range(1, 6), title="the same training")
curves.grid(alpha=0.3)
curves.legend(frameon=False)

least = min(times.values())
for (name, seconds), colour in zip(times.items(), (orange, blue, grey), strict=True):
    bars.barh(name, 1e3 * least, color=colour)
    bars.barh(name, 1e3 * (seconds - least), left=1e3 * least, color=colour, alpha=0.5, hatch="///")
    bars.text(1e3 * seconds, name, f" {1e3 * seconds:.1f}", va="center")
bars.invert_yaxis()
bars.set(xlabel="milliseconds for a step of training", title="in less time")
bars.spines[["top", "right"]].set_visible(False)
bars.margins(x=0.12)
plt.show()
