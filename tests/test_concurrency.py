"""16 threads at once: on arrays, layers and sources of keys, each result as of one thread alone.

FASTDROP_STRESS=60 gives each test 60 seconds instead of a few rounds.
"""

import itertools
import os
import sys
import threading
import time

import numpy as np
import pytest
import reference
from arrays import assert_same_bytes

import fastdrop
from fastdrop import Key, _core, threads

THREADS = 16
SECONDS = float(os.environ.get("FASTDROP_STRESS", 0))
SEEDED = 2**63 - 1  # what manual_seed folds in


@pytest.fixture
def at_once():
    """Call `work(n)` in 16 threads at once, in turn for all rounds; return the lists of results.

    What `meanwhile()` does goes on in one more thread. An exception of any thread is raised.
    """
    interval = sys.getswitchinterval()

    def run(work, rounds, meanwhile=None):
        until = time.monotonic() + SECONDS
        results: list[list] = [[] for _ in range(THREADS)]
        errors: list[BaseException] = []
        done: list[bool] = []
        start = threading.Barrier(THREADS + 1)

        def loop(n):
            try:
                start.wait(60)
                for turn in itertools.count():
                    if turn >= rounds and (time.monotonic() >= until or turn >= 200 * rounds):
                        return
                    results[n].append(work(n))
            except BaseException as error:
                errors.append(error)

        def beside():
            try:
                while not done:
                    meanwhile()
            except BaseException as error:
                errors.append(error)

        workers = [threading.Thread(target=loop, args=(n,)) for n in range(THREADS)]
        others = [threading.Thread(target=beside)] if meanwhile else []
        for thread in (*workers, *others):
            thread.start()
        try:
            start.wait(60)
            for worker in workers:
                worker.join()
        finally:
            done.append(True)
        for other in others:
            other.join()
        if errors:
            raise errors[0]
        return results

    sys.setswitchinterval(1e-6)  # threads change within calls of Python code, not only between them
    yield run
    sys.setswitchinterval(interval)


@pytest.fixture
def own_stream():
    """Restore the process's stream, which a test seeds."""
    state = fastdrop.get_rng_state()
    yield
    fastdrop.set_rng_state(state)


def flat(lists):
    return [item for items in lists for item in items]


def expected(x, key):
    """Return dropout(x, 0.5) by the reference."""
    kept = reference.keep(0, x.size, 0.5, key).reshape(x.shape)
    return np.where(kept, 2 * x, 0)


def key_taken(rng=None):
    """Return the key of a call."""
    _, key = fastdrop.dropout(np.ones(5), 0.5, rng=rng, return_key=True)
    assert key is not None
    return key


def calls_of(keys, base, begin=0):
    """Check that keys are those of the calls begin, begin + 1, ... of a stream, each once."""
    taken = [key.words for key in keys]
    assert len(set(taken)) == len(taken)
    assert set(taken) == {reference.fold_in(base, begin + n) for n in range(len(taken))}


@pytest.mark.parametrize("team", [1, 3, None])
def test_arrays_of_their_own(team, at_once, key):
    """Of many sizes and orders; in place, into out= and fresh."""
    size = _core.PARALLEL_MIN_SIZE + 5
    arrays, results = [], []
    for n in range(THREADS):
        x = np.arange(1, size // (1 + n % 5) + 1, dtype=np.float32 if n % 2 else np.float64)
        arrays.append(x[: x.size // 8 * 8].reshape(8, -1).T if n % 3 == 0 else x)
        results.append(expected(arrays[n], key.fold_in(n).words))

    def work(n):
        x, own = arrays[n], {"rng": key.fold_in(n), "num_threads": team}
        out = np.full_like(x, 7)
        assert fastdrop.dropout(x, 0.5, out=out, **own) is out
        assert_same_bytes(out, results[n])
        assert_same_bytes(fastdrop.dropout(x, 0.5, **own), results[n])
        y = x.copy(order="K")
        fastdrop.dropout(y, 0.5, inplace=True, **own)
        assert_same_bytes(y, results[n])

    at_once(work, 2)


def test_one_input_with_results_of_their_own(at_once, key):
    x = np.arange(1.0, 40_001)
    x.flags.writeable = False
    results = [expected(x, key.fold_in(n).words) for n in range(THREADS)]
    outs = np.zeros((THREADS, x.size))

    def work(n):
        fastdrop.dropout(x, 0.5, rng=key.fold_in(n), out=outs[n], num_threads=1 + n % 3)
        assert_same_bytes(outs[n], results[n])

    at_once(work, 10)


def test_one_key(at_once, key):
    x = np.arange(1.0, 20_001)
    result = expected(x, key.words)
    bits = reference.packed(reference.keep(0, 20_000, 0.5, key.words))

    def work(n):
        assert_same_bytes(fastdrop.dropout(x, 0.5, rng=key), result)
        assert_same_bytes(fastdrop.keep_mask(20_000, 0.5, rng=key, packed=True), bits)
        assert key.fold_in(n).words == reference.fold_in(key.words, n)

    at_once(work, 10)


def test_one_layer_gives_each_call_a_mask_of_its_own(at_once):
    layer, x = fastdrop.Dropout(0.5, rng=5), np.ones(1000, np.float32)
    masks = [y.tobytes() for y in flat(at_once(lambda n: layer(x), 50))]
    base = reference.seed_key(5)
    assert layer.state_dict() == {"key": base, "calls": len(masks)}
    keys = [Key.from_words(*reference.fold_in(base, n)) for n in range(len(masks))]
    assert set(masks) == {fastdrop.dropout(x, 0.5, rng=key).tobytes() for key in keys}
    assert expected(x, keys[-1].words).tobytes() in masks


def test_backward_of_a_layer_of_ones_own(at_once):
    layers = [fastdrop.Dropout(0.5, rng=n) for n in range(THREADS)]
    x = np.ones(1000)

    def work(n):
        y = layers[n](x)
        assert_same_bytes(layers[n].backward(x), y)

    at_once(work, 50)


def test_settings_are_assigned_while_a_layer_is_called(at_once):
    """A call takes the settings of before or after; none is lost, and the last one holds."""
    layer, x = fastdrop.Dropout(0.5, rng=1), np.full(200, 3.0)
    fills = itertools.count(10)

    def assign():
        layer.train(mode=True)
        layer.fill = next(fills)

    for y in flat(at_once(lambda n: layer(x), 100, assign)):
        assert len(set(y[y != 6])) == 1  # one fill for all of a call
    assert set(layer(x)) == {6, layer.fill}


def test_a_setting_assigned_while_a_call_collects_them_holds_from_the_next_call_on(monkeypatch):
    layer, x = fastdrop.Dropout(0.5, rng=1), np.full(200, 3.0)
    collect = layer._collect

    def slowly():
        options = collect()
        layer.fill = 7
        return options

    monkeypatch.setattr(layer, "_collect", slowly)
    assert set(layer(x)) == {0, 6}
    monkeypatch.undo()
    assert set(layer(x)) == {6, 7}


def test_the_default_stream_gives_each_call_a_key_of_its_own(at_once, own_stream):
    fastdrop.manual_seed(3)
    base = reference.fold_in(reference.seed_key(3), SEEDED)
    x = np.ones(16, np.float32)

    def work(n):
        y, key = fastdrop.dropout(x, 0.5, return_key=True)
        return key, y

    made = flat(at_once(work, 200))
    calls_of([key for key, _ in made], base)
    assert fastdrop.get_rng_state() == {"key": base, "calls": len(made)}
    for key, y in made[:: len(made) // 20]:
        assert_same_bytes(y, expected(x, key.words))


SPAN = 10**6  # calls from the begin of one stream to that of the next


@pytest.mark.parametrize("by_state", [False, True])
def test_the_default_stream_is_set_meanwhile(by_state, at_once, own_stream):
    """A key is of one stream and a count of that stream: none is left out, none comes twice."""
    bases: list[tuple[int, int]] = []
    last = [0, 0]

    def begin(n):
        return SPAN * n if by_state else 0

    def restart():
        n = len(bases)
        if n == 2000:
            time.sleep(1e-3)
            return
        base = reference.fold_in(reference.seed_key(n), SEEDED)
        bases.append(base)
        if by_state:
            fastdrop.set_rng_state({"key": base, "calls": begin(n)})
        else:
            fastdrop.manual_seed(n)
        time.sleep(1e-5)

    def work(n):
        if n == 0:  # one thread looks on
            state = fastdrop.get_rng_state()
            number = bases.index(state["key"])
            assert begin(number) <= state["calls"] < begin(number) + SPAN
            assert last <= [number, state["calls"]]
            last[:] = number, state["calls"]
        return key_taken().words

    restart()
    taken = flat(at_once(work, 300, restart))
    assert len(set(taken)) == len(taken)
    left = set(taken)
    for number, base in enumerate(bases):
        for call in itertools.count(begin(number)):
            words = reference.fold_in(base, call)
            if words not in left:
                break
            left.remove(words)
    assert not left


def test_one_generator_of_numpy(at_once):
    """A key is two draws in succession."""
    rng = np.random.default_rng(9)
    keys = flat(at_once(lambda n: key_taken(rng).words, 100))
    draws = np.random.default_rng(9).bit_generator.random_raw(2 * len(keys)).tolist()
    assert len(set(keys)) == len(keys)
    assert set(keys) == set(zip(draws[::2], draws[1::2], strict=True))


def test_ints_as_seeds(at_once):
    """The key of the last int is remembered, for all threads."""
    keys = [Key(n) for n in range(THREADS)]

    def work(n):
        for seed in (n, n // 2):
            assert key_taken(seed) == keys[seed]

    at_once(work, 200)


def test_the_number_of_threads_is_set_meanwhile(at_once, key, monkeypatch):
    monkeypatch.setattr(threads, "_setting", threads._setting)  # so that it is restored
    x = np.arange(1.0, _core.PARALLEL_MIN_SIZE + 2)
    result = expected(x, key.words)
    numbers = itertools.cycle((1, 2, 5))

    def work(n):
        assert 1 <= fastdrop.get_num_threads() <= 5
        assert_same_bytes(fastdrop.dropout(x, 0.5, rng=key), result)

    fastdrop.set_num_threads(2)
    at_once(work, 3, lambda: fastdrop.set_num_threads(next(numbers)))


def test_errors_advance_no_stream(at_once, own_stream):
    """Half of the threads make errors, with the stream and the layer that the others use."""
    layer, x = fastdrop.Dropout(0.5, rng=5), np.ones(10)
    fastdrop.manual_seed(4)
    base = reference.fold_in(reference.seed_key(4), SEEDED)

    def work(n):
        if n % 2:
            with pytest.raises(TypeError, match="not numeric"):
                fastdrop.dropout(np.full(3, "a"), 0.5)
            with pytest.raises(ValueError, match="out"):
                fastdrop.dropout(x, 0.5, out=np.zeros(3))
            with pytest.raises(TypeError, match="not numeric"):
                layer(np.full(3, "a"))
            return []
        layer(x)
        return [key_taken()]

    keys = flat(flat(at_once(work, 50)))
    calls_of(keys, base)
    assert layer.state_dict() == {"key": reference.seed_key(5), "calls": len(keys)}


@pytest.mark.skipif(not hasattr(sys, "_is_gil_enabled"), reason="a Python that has only the GIL")
def test_fastdrop_leaves_the_gil_off(run_python):
    script = """
import sys
before = sys._is_gil_enabled()
import numpy, fastdrop, fastdrop._cython
print(before == sys._is_gil_enabled())
"""
    assert run_python(script).strip() == "True"
