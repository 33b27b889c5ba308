"""The statistics of tests/statistics at a small size: masks pass, and bad masks do not.

The seed is fixed. With another one a run of good masks would alarm once in 10^6 (criterion.py).
`python tests/statistics` runs the same at full size with a fresh seed.
"""

import functools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")
sys.path.append(str(Path(__file__).parent / "statistics"))

import criterion
import dieharder
import evidence
import page
import planted
import reference
from source import Source
from streams import STREAMS, WORD_MASK

import fastdrop

SEED, SCALE = 20261126, 2.0**-12
RELATIONS = [
    "words exchanged",
    "both words",
    "both words inverted",
    "seeds n",
    "four seeds",
    "folds n",
    "four folds",
    "fold # of seeds n",
    "a key and its fold",
    "fold of fold",
    "folds exchanged",
    "folds of two keys",
    "spawned keys",
    "spawned keys of four",
    "calls of a layer",
    "calls of two layers",
]
# For each subject the bad masks, and the kinds of figures that each of these makes alarm.
ALARMS: dict[str, dict[type[Source], set[str]]] = {
    "counts": {planted.Biased: {"p = #"}},
    "nesting": {
        planted.Biased: {"dropped at the larger of p = # and #"},
        planted.SixteenBits: {"between p = # and #"},
        planted.Unnested: {"between p = # and #"},
    },
    "dispersion": {
        planted.TooEven: {"blocks", "lanes", "pairs of lanes", "parts of a lane"},
        planted.Steps: {"words", "steps", "positions modulo #"},
    },
    "runs": {planted.Runs: {"runs of kept", "runs of dropped"}},
    "correlation": {
        planted.EqualLanes: {"lag #", "pairs of a word at distance #"},
        planted.Sticky: {"tuples of # steps of lane #", "tuples of # steps of bit #"},
        planted.Runs: {"tuples of decisions # to # of a word"},
    },
    "blocks": {
        planted.RepeatedBlocks: {"# apart", "# apart, by position", "four", "four, by position"},
        planted.Steps: {"random pairs", "random pairs, by position"},
    },
    "keys": {
        planted.LinearKeys: {"two keys, by position", "four keys, by position"},
        planted.FewKeys: {
            "two keys",
            "four keys",
            *(f"{of_keys}{part}" for of_keys in RELATIONS for part in ("", ", by position")),
        },
    },
    "relatives": {
        planted.Biased: {"kept", "words", "tuples of #", "positions of words"},
        planted.RepeatedBlocks: {"tuples of two words"},
        planted.LinearKeys: {"lag #", "positions of neighbours"},
    },
    "windows": {
        planted.RepeatedWindows: {"windows of #"},
        planted.RepeatedBlocks: {"upper # decisions of words", "lower # decisions of words"},
    },
    "rank": {
        planted.LinearKeys: {"full rank of words", "low rank of words"},
        planted.LinearBlocks: {"full rank of lanes", "low rank of lanes"},
    },
    "exact": {
        planted.Biased: {"# elements", "DropBlock # of # x #", "alpha dropout"},
        planted.Unfair: {"choices of # of #", "at least # of #", "positions"},
        planted.Clustered: {"a pair"},
    },
}


def kind(name):
    """Return the name of a figure without numbers and what else is different in each."""
    first = re.sub(r"\d[\d.e^+-]*", "#", name.partition(",")[0])
    return f"{first}, by position" if name.endswith(", by position") else first


@functools.cache
def good_run(subject):
    """Run a subject on masks as they are."""
    return criterion.run(subject, Source(), SCALE, SEED)


@pytest.mark.parametrize("subject", criterion.SUBJECTS)
def test_masks_pass(subject):
    verdict = good_run(subject)
    assert not verdict.alarms, (str(verdict), verdict.worst())


@pytest.mark.parametrize("subject", ["counts", "rank"])
def test_a_run_is_repeated_by_its_seed(subject):
    assert criterion.run(subject, Source(), SCALE, SEED) == good_run(subject)
    assert criterion.run(subject, Source(), SCALE, SEED + 1) != good_run(subject)


@pytest.mark.parametrize(
    ("subject", "bad"), [(subject, bad) for subject, every in ALARMS.items() for bad in every]
)
def test_bad_masks_alarm(subject, bad):
    verdict = criterion.run(subject, bad(), SCALE, SEED)
    assert verdict.alarms
    assert {kind(result.name) for result in verdict.worst()} >= ALARMS[subject][bad]


@pytest.mark.parametrize("subject", criterion.SUBJECTS)
def test_each_kind_of_figure_is_seen_to_alarm(subject):
    seen = set().union(*ALARMS[subject].values())
    assert seen == {kind(result.name) for result in good_run(subject).results}


def test_p_values_that_are_not_uniform_alarm():
    results = [evidence.Result("", p, 1) for p in np.linspace(0.3, 0.7, 200)]
    verdict = criterion.Verdict("", results)
    assert verdict.alarms
    assert verdict.worst() == []


def test_a_p_value_that_is_no_number_alarms():
    good = [evidence.Result("", p, 1) for p in np.linspace(0.005, 0.995, 100)]
    assert not criterion.Verdict("", good).alarms
    bad = [*good, evidence.Result("", float("nan"), 1)]
    assert criterion.Verdict("", bad).alarms


@pytest.mark.parametrize("name", STREAMS)
def test_the_stream_for_other_programs_is_that_of_the_statistics(name):
    command = [sys.executable, str(page.HERE / "streams.py"), name, "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        found = np.frombuffer(writer.stdout.read(2**21), "<u8")
    expected = next(STREAMS[name](Source(), fastdrop.Key(5)))
    np.testing.assert_array_equal(found, expected)
    assert writer.returncode == 0  # also where the reader leaves


@pytest.mark.parametrize(("again", "alarm"), [(0.3, False), (1 - 1e-5, True)])
def test_a_weak_figure_of_dieharder_is_repeated(monkeypatch, again, alarm):
    asked = []

    def run(options, stream, seed):
        asked.append((options, seed))
        p = 0.4 if len(asked) != 2 else 0.001
        repeats = options[-2:] == ["-p", "60"]
        return [{"samples": [100, 20], "p": again if repeats else p, "seed": seed}]

    monkeypatch.setattr(dieharder, "run", run)
    figures = list(dieharder.run_stream("blocks", 1))
    weak = [figure for figure in figures if "repeated" in figure]
    assert [figure["repeated"]["p"] for figure in weak] == [again]
    assert len({seed for _, seed in asked}) == len(asked) == len(figures) + 1
    assert sum(map(dieharder.alarms, figures)) == alarm
    assert dieharder.alarms({"p": 1e-7})


def test_keys_whose_words_are_chosen_can_share_blocks():
    """A limit that docs/randomness.md states: 64 PHI more in k0 are a block more."""
    k0, k1 = 2**40 + 1, 7
    ahead = fastdrop.Key.from_words((k0 + 64 * reference.PHI) & WORD_MASK, k1)
    blocks = Source().blocks(3, 0.5, fastdrop.Key.from_words(k0, k1))
    np.testing.assert_array_equal(Source().blocks(2, 0.5, ahead), blocks[1:])


def test_the_page_has_the_tables_of_the_last_runs():
    if not page.PAGE.exists():
        pytest.skip("the pages are not here, only the tests")
    assert page.check() == 0
