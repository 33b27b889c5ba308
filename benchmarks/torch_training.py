"""Train a small transformer on the CPU with PyTorch's dropout and with fastdrop's.

    python -m pip install '.[torch]' matplotlib
    python benchmarks/torch_training.py steps --json benchmarks/figures/training-zen5.json
    python benchmarks/torch_training.py compiled
    python benchmarks/torch_training.py curves --output docs/training.png

The model predicts the next character of Python's own language reference, which comes with Python
as `pydoc_data.topics`. `steps` times whole training steps (forward, loss, backward, AdamW) of the
ways in turn, asks the profiler for dropout's share of a step, and measures the peak memory of
each way in a process of its own. `compiled` times steps with `torch.compile`, each way in a process
of its own, and prints the graph breaks. `curves` trains a smaller model with seeds for each way,
and draws the losses. ``--busy`` measures the CPU time of one thread, for a machine that others use.

With p = 0 PyTorch's attention is another: a fused kernel, which has no dropout on the CPU. So p = 0
is measured with the attention that dropout needs as well, and dropout's share is what a step takes
longer than that.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pydoc_data.topics import topics
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile

import fastdrop.torch
from fastdrop.cli.info import processor

UNFUSED = "p = 0, unfused"
WAYS = ("PyTorch", "replace(model)", "enable()", UNFUSED, "p = 0")
TEXT = "\n".join(topics[name] for name in sorted(topics))
CHARACTERS = sorted(set(TEXT))
CODES = torch.tensor([CHARACTERS.index(c) for c in TEXT])
TRAINED = len(CODES) * 9 // 10  # the rest is for validation


class Model(nn.Module):
    """A causal transformer of PyTorch's own layers over characters."""

    def __init__(self, width, layers, heads, length, p, norm_first):
        super().__init__()
        self.embedding = nn.Embedding(len(CHARACTERS), width)
        self.position = nn.Parameter(0.02 * torch.randn(length, width))
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, p, "gelu", batch_first=True, norm_first=norm_first
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.output = nn.Linear(width, len(CHARACTERS))
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(length))

    def forward(self, characters: torch.Tensor) -> torch.Tensor:
        """Return the logits of the character after each."""
        x = self.embedding(characters) + self.position
        return self.output(self.encoder(x, self.mask, is_causal=True))


def batch(size: int, length: int, generator: torch.Generator, first: int, last: int):
    """Return random pieces of the text, and the same moved by a character."""
    places = torch.randint(first, last - length - 1, (size,), generator=generator)
    pieces = CODES[places[:, None] + torch.arange(length + 1)]
    return pieces[:, :-1], pieces[:, 1:]


def loss_of(model: nn.Module, data: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    return nn.functional.cross_entropy(model(data[0]).flatten(0, 1), data[1].flatten())


def switched(way: str) -> contextlib.AbstractContextManager[None]:
    """Make within a block what is special of a way."""
    if way == "enable()":
        return fastdrop.torch.enabled()
    return sdpa_kernel(SDPBackend.MATH) if way == UNFUSED else contextlib.nullcontext()


def make_step(way: str, options: argparse.Namespace, compiled: bool) -> Callable[[], None]:
    """Return a training step of the large model in one of the ways."""
    torch.manual_seed(0)
    model: Any = Model(256, 4, 8, 128, 0.0 if way.startswith("p = 0") else 0.1, options.norm_first)
    if way == "replace(model)":
        fastdrop.torch.replace(model)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-4)
    if compiled:
        model = torch.compile(model, fullgraph=True)
    data = batch(32, 128, torch.Generator().manual_seed(0), 0, TRAINED)

    def step() -> None:
        optimizer.zero_grad()
        loss_of(model, data).backward()
        optimizer.step()

    return step


def times_of(ways: tuple[str, ...], options: argparse.Namespace, compiled: bool):
    """Return the milliseconds of the steps of several ways, which take turns."""
    steps = {way: make_step(way, options, compiled) for way in ways}
    clock = time.thread_time if options.busy else time.perf_counter
    times: dict[str, list[float]] = {way: [] for way in ways}
    for i in range(options.rounds + 2):
        for way in ways:
            with switched(way):
                begin = clock()
                steps[way]()
                if i >= 2:  # the first two compile, and take memory from the system
                    times[way].append(1e3 * (clock() - begin))
    return times


def compare(times: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Print and return what the ways' times say."""
    result = {}
    theirs, without = (statistics.median(times[way]) for way in ("PyTorch", UNFUSED))
    for way, kept in times.items():
        best, median = min(kept), statistics.median(kept)
        share = 1 - without / median
        result[way] = {"best": best, "median": median, "share": share}
        print(
            f"{way:16} best {best:7.1f} ms, median {median:7.1f} ms, {theirs / median:5.2f} times "
            f"as fast as PyTorch's, dropout's share {share:6.1%}",
            flush=True,
        )
    return result


def ancestors(event: Any) -> Iterator[Any]:
    while event is not None:
        yield event
        event = event.cpu_parent


def profiled_share(way: str, options: argparse.Namespace, steps: int = 5) -> float:
    """Return dropout's share of a step by the profiler.

    It is the time within `aten::dropout` and, in the backward pass, within the functions that
    autograd recorded in there: they carry the same sequence numbers. So may the function that
    autograd records next, which the name tells apart.
    """
    step = make_step(way, options, False)
    with switched(way):
        step()
        step()
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            for _ in range(steps):
                with torch.profiler.record_function("step"):
                    step()
    events = profiler.events()
    total = sum(e.cpu_time_total for e in events if e.name == "step")
    calls = [e for e in events if e.name == "aten::dropout"]
    recorded = {
        e.sequence_nr
        for e in events
        if e.sequence_nr >= 0 and any(a.name == "aten::dropout" for a in ancestors(e))
    }
    backward = [
        e
        for e in events
        if e.name.endswith(("evaluate_function: MulBackward0", "evaluate_function: _DropBackward"))
        and e.sequence_nr in recorded
    ]
    if len(backward) != len(calls):
        raise RuntimeError(f"{len(calls)} calls of dropout, {len(backward)} in the backward pass")
    return sum(e.cpu_time_total for e in calls + backward) / total


def alone(command: str, way: str, options: argparse.Namespace) -> Any:
    """Return what a command prints for one way, in a process of its own."""
    arguments = ["--way", way, "--rounds", str(options.rounds)]
    arguments += ["--norm-first"] * options.norm_first + ["--busy"] * options.busy
    program = [sys.executable, __file__, command, *arguments]
    output = subprocess.run(program, check=True, stdout=subprocess.PIPE).stdout
    return json.loads(output.splitlines()[-1])


def memory(options: argparse.Namespace) -> None:
    step = make_step(options.way, options, False)
    with switched(options.way):
        for _ in range(5):
            step()
    with open("/proc/self/status") as file:
        (peak,) = (line.split()[1] for line in file if line.startswith("VmHWM"))
    print(int(peak) / 1024)


def steps(options: argparse.Namespace) -> None:
    print(f"{processor()}, PyTorch {torch.__version__}, {torch.get_num_threads()} threads")
    figures: dict[str, Any] = {"steps": compare(times_of(WAYS, options, False))}
    figures["profiler"] = {way: profiled_share(way, options) for way in ("PyTorch", "enable()")}
    for way, share in figures["profiler"].items():
        print(f"{way:16} dropout's share by the profiler {share:6.2%}", flush=True)
    figures["memory"] = {way: alone("memory", way, options) for way in WAYS}
    for way, peak in figures["memory"].items():
        print(f"{way:16} peak memory {peak:7.0f} MiB", flush=True)
    write(figures, options)


def compiled(options: argparse.Namespace) -> None:
    """Time compiled steps: what one model compiled would serve another, however it is enabled."""
    if options.way:
        from torch._dynamo.utils import counters

        times = times_of((options.way,), options, True)[options.way]
        print(json.dumps({"times": times, "breaks": counters["graph_break"]}))
        return
    print(f"{processor()}, PyTorch {torch.__version__}, {torch.get_num_threads()} threads")
    results = {way: alone("compiled", way, options) for way in WAYS}
    figures = {"compiled": compare({way: result["times"] for way, result in results.items()})}
    print("graph breaks:", {way: result["breaks"] for way, result in results.items()})
    write(figures, options)


def write(figures: dict[str, Any], options: argparse.Namespace) -> None:
    """Write the figures into the file that was asked for."""
    machine = {"processor": processor(), "threads": torch.get_num_threads()}
    settings = {"norm_first": options.norm_first, "busy": options.busy, "rounds": options.rounds}
    if options.json:
        about = {"machine": machine, "torch": torch.__version__, "settings": settings}
        json.dump(figures | about, options.json, indent=1)


def train(way: str, seed: int, options: argparse.Namespace) -> dict[str, list[float]]:
    """Train the small model; return its losses on training data, and in evaluation on others."""
    torch.manual_seed(seed)
    model = Model(64, 2, 4, 64, 0.0 if way.startswith("p = 0") else options.p, True)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    pieces, held_out = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(0)
    unseen = batch(128, 64, held_out, TRAINED, len(CODES))
    losses: dict[str, list[float]] = {"step": [], "trained": [], "unseen": []}
    recent = []
    with switched(way):
        for step in range(1, options.steps + 1):
            optimizer.zero_grad()
            loss = loss_of(model, batch(32, 64, pieces, 0, TRAINED))
            loss.backward()
            optimizer.step()
            recent.append(loss.item())
            if step % (options.steps // 25) == 0:
                model.eval()
                with torch.no_grad():
                    losses["unseen"].append(loss_of(model, unseen).item())
                model.train()
                losses["step"].append(step)
                losses["trained"].append(statistics.mean(recent))
                recent.clear()
    return losses


def curves(options: argparse.Namespace) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    ways = {"PyTorch": "#c44e52", "enable()": "#4c72b0", "p = 0": "#8c8c8c"}
    names = ("PyTorch's dropout", "fastdrop.torch.enable()", "no dropout")
    runs: dict[str, list[dict[str, list[float]]]] = {way: [] for way in ways}
    for seed in range(options.seeds):
        for way in ways:
            runs[way].append(train(way, seed, options))
            last = {name: values[-1] for name, values in runs[way][-1].items()}
            print(f"{way:10} seed {seed}: {last}", flush=True)
    plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "font.size": 10})
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for ax, kind, title in zip(
        axes, ("trained", "unseen"), ("in training", "in evaluation, on unseen text"), strict=True
    ):
        for (way, color), name in zip(ways.items(), names, strict=True):
            at = runs[way][0]["step"]
            values = torch.tensor([run[kind] for run in runs[way]])
            style = (0, (4, 2)) if way == "enable()" else "-"  # PyTorch's line lies below it
            ax.plot(at, values.mean(0), color=color, lw=1.8, ls=style, label=name)
            ax.fill_between(at, values.amin(0), values.amax(0), color=color, alpha=0.25, lw=0)
            final = values[:, -1]
            print(f"{kind:8} {way:10} {final.mean():.4f} +- {final.std():.4f}")
        ax.set(title=f"Loss {title}", xlabel="step", ylabel="nats per character")
        ax.grid(alpha=0.25)
    axes[0].legend(frameon=False, title=f"mean and range of {options.seeds} seeds, p = {options.p}")
    figure.savefig(options.output, dpi=120)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True)
    for function in (steps, compiled, memory):
        command = commands.add_parser(function.__name__)
        command.set_defaults(run=function)
        command.add_argument("--norm-first", action="store_true")
        command.add_argument("--rounds", type=int, default=20)
        command.add_argument("--busy", action="store_true", help="time one thread's CPU time")
        command.add_argument("--json", type=argparse.FileType("w"), help="file for the figures")
        command.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    command = commands.add_parser("curves")
    command.set_defaults(run=curves)
    command.add_argument("--seeds", type=int, default=5)
    command.add_argument("--steps", type=int, default=500)
    command.add_argument("-p", type=float, default=0.1)
    command.add_argument("--output", default="training.png")
    options = parser.parse_args()
    if getattr(options, "busy", False):
        torch.set_num_threads(1)
    options.run(options)


if __name__ == "__main__":
    main()
