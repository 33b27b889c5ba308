"""fastdrop.torch's modules, models whose modules are exchanged, and workers of a DataLoader."""

import copy
import io
import pickle

import pytest

torch = pytest.importorskip("torch")

from tensors import CASES, assert_same_values, dropped, next_key  # noqa: E402
from torch import nn  # noqa: E402

import fastdrop  # noqa: E402
import fastdrop.torch  # noqa: E402

NAMES = {
    "dropout": "Dropout",
    "dropout1d": "Dropout1d",
    "dropout2d": "Dropout2d",
    "dropout3d": "Dropout3d",
    "alpha_dropout": "AlphaDropout",
    "feature_alpha_dropout": "FeatureAlphaDropout",
}


@pytest.fixture(autouse=True)
def seed():
    """Give each test the same numbers and keys, whatever ran before."""
    torch.manual_seed(0)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(("name", "shape", "decided"), CASES)
def test_modules_are_functions(name, shape, decided, inplace):
    make = getattr(fastdrop.torch, NAMES.get(name, "DropPath"))
    module, x = make(0.3, inplace), torch.randn(shape)
    expected = dropped(name, x, 0.3, decided, next_key())
    y = module(x)
    assert_same_values(y, expected)
    assert (y is x) == (inplace and "alpha" not in name)  # as in PyTorch
    assert module.eval()(x) is x
    assert not module.training


@pytest.mark.parametrize("name", NAMES.values())
def test_modules_are_pytorchs(name):
    ours, theirs = getattr(fastdrop.torch, name), getattr(nn, name)
    module = ours(0.2, inplace=True)
    assert isinstance(module, theirs)
    assert repr(module) == repr(theirs(0.2, inplace=True))
    assert module.state_dict() == {}
    for p in (-0.1, 1.1):
        with pytest.raises(ValueError, match=f"between 0 and 1, but got {p}"):
            ours(p)
    seen = []
    module.register_forward_hook(lambda *arguments: seen.append(arguments))
    module(torch.ones((2,) * {"Dropout1d": 3, "Dropout2d": 4}.get(name, 5)))
    assert len(seen) == 1


def test_paths_check_their_arguments():
    assert repr(fastdrop.torch.DropPath(0.1)) == "DropPath(p=0.1, mode=row, inplace=False)"
    with pytest.raises(ValueError, match="between 0 and 1, but got 2"):
        fastdrop.torch.DropPath(2)
    with pytest.raises(ValueError, match="mode must be"):
        fastdrop.torch.DropPath(0.1, mode="rows")
    y = fastdrop.torch.DropPath(0.5, mode="batch")(torch.ones(100, 3))
    assert len(y.unique()) == 1


class Own(nn.Dropout):
    """A user's own subclass."""


def model():
    """A model with a module of each kind, one of them used twice."""
    shared = nn.Dropout(0.1)
    return nn.Sequential(
        nn.Linear(4, 4),
        shared,
        nn.Sequential(shared, nn.AlphaDropout(0.2), Own(0.3)),
        nn.ModuleDict({"a": nn.Dropout1d(), "b": nn.Dropout2d(), "c": nn.Dropout3d()}),
        nn.FeatureAlphaDropout(),
    )


def test_replace_and_restore():
    original = model().eval()
    before = list(original.modules())
    kinds = [type(module) for module in before]
    text, state = repr(original), original.state_dict()
    seen = []
    original[1].register_forward_hook(lambda *arguments: seen.append(1))
    assert fastdrop.torch.replace(original) is original
    assert fastdrop.torch.replace(original) is original
    assert all(a is b for a, b in zip(original.modules(), before, strict=True))
    replaced = [type(module).__module__.split(".")[0] for module in before]
    assert replaced.count("fastdrop") == 6
    assert type(original[2][2]) is Own  # what its author has made is left alone
    assert repr(original) == text
    assert original.state_dict().keys() == state.keys()
    assert not original[1].training
    x = torch.full((1000,), torch.nan)
    assert (original[1].train()(x) == 0).any()  # ours
    assert seen == [1]
    assert fastdrop.torch.restore(original) is original
    assert [type(module) for module in before] == kinds
    assert original[1](x).isnan().all()  # theirs


def test_a_traced_model_is_replaced_and_keeps_its_mode():
    model = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)))
    assert type(fastdrop.torch.replace(model).get_submodule("1")) is fastdrop.torch.Dropout
    x = torch.ones(100, 4)
    assert (model(x) == 0).any()
    assert (model.eval()(x) != 0).all()


def test_replaced_models_are_copied_pickled_and_saved():
    original = fastdrop.torch.replace(model())
    file = io.BytesIO()
    torch.save(original, file)
    file.seek(0)
    copies = [
        copy.deepcopy(original),
        pickle.loads(pickle.dumps(original)),
        torch.load(file, weights_only=False),
    ]
    for other in copies:
        assert [type(m) for m in other.modules()] == [type(m) for m in original.modules()]
    assert type(original[1]).__module__ == "fastdrop.torch"


LOADER = """
import sys, warnings, zlib
import numpy as np, torch, fastdrop, fastdrop.torch
warnings.simplefilter("ignore")  # that a process with threads is forked

class Data(torch.utils.data.Dataset):
    def __len__(self):
        return 8
    def __getitem__(self, item):
        ours = fastdrop.torch.dropout(torch.ones(200), 0.5)
        return ours, torch.from_numpy(fastdrop.dropout(np.ones(200), 0.5)).float()

if __name__ == "__main__":
    method, seeded = sys.argv[1], sys.argv[2] == "True"
    fastdrop.torch.dropout(torch.ones(2**20))  # both OpenMP runtimes have had a team
    torch.ones(2**20).exp()
    torch.manual_seed(7)
    options = {"worker_init_fn": fastdrop.torch.seed_worker} if seeded else {}
    loader = torch.utils.data.DataLoader(
        Data(), num_workers=2, multiprocessing_context=method, **options
    )
    for _ in range(2):
        for pair in loader:
            for y in pair:
                print(zlib.crc32(y.numpy().tobytes()))
"""


def test_workers_have_masks_of_their_own_that_can_be_repeated(tmp_path, run_python):
    (tmp_path / "program.py").write_text(LOADER)
    script = "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]], check=True)"

    def run(method, seeded):
        arguments = ("program.py", method, str(seeded))
        lines = run_python(script, *arguments, cwd=tmp_path).split()
        assert len(set(lines)) == 32  # two epochs of 8 items, each dropped by two functions
        return lines

    first, second, third = run("fork", True), run("spawn", True), run("fork", False)
    assert first == second
    # PyTorch seeds its own generator in the workers; the process's stream is seeded here.
    assert third[::2] == first[::2]
    assert third[1::2] != first[1::2]


def test_a_forked_child_drops_after_both_have_had_a_team(run_python):
    script = """
import os, sys, warnings
import torch, fastdrop.torch
warnings.simplefilter("ignore")
x = torch.ones(2**20)
torch.manual_seed(1)
expected = fastdrop.torch.dropout(x).numpy().tobytes()
x.exp()
pid = os.fork()
if not pid:
    torch.manual_seed(1)
    os._exit(0 if fastdrop.torch.dropout(x).numpy().tobytes() == expected else 1)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert run_python(script) == "0\n"


def test_a_worker_is_seeded_by_its_seed():
    torch.manual_seed(2**63 + 5)
    fastdrop.torch.seed_worker(0)
    key = fastdrop.get_rng_state()["key"]
    fastdrop.manual_seed(2**63 + 5)
    assert fastdrop.get_rng_state()["key"] == key
    torch.manual_seed(-3)  # PyTorch takes negative seeds, and makes them positive
    fastdrop.torch.seed_worker(1)
