"""The command from a corpus to a report, run again, and with networks of another run."""

import json
import subprocess
import sys

import numpy as np

from recipes.phoneme_discovery.corpora.prepared import load_recordings
from recipes.phoneme_discovery.inputs import more_speech
from recipes.phoneme_discovery.plan import read_plan
from recipes.phoneme_discovery.reporting import notes_of
from recipes.phoneme_discovery.run import discovery
from recipes.phoneme_discovery.systems import Discovery
from speechvq.units.evaluation.results import Results
from speechvq.units.recordings import read_units
from speechvq.units.split import Split


def test_from_a_corpus_to_a_report(work):
    root, _, first = work
    results = json.loads((root / "work" / "results.json").read_text())
    scores = {(recording["name"], recording["size"]): recording for recording in results["scores"]}
    assert len(scores) == 17
    by_speaker = scores["MFCC k-means, by speaker", 8]
    assert (
        by_speaker["accuracy"] > by_speaker["accuracy_majority"] + 20
    )  # tones and hiss are told apart
    assert (
        scores["masked prediction, shuffled", 8]["accuracy"] < by_speaker["accuracy_majority"] + 10
    )
    told = scores["supervised topline: MLP on MFCCs", 5]
    assert told["accuracy"] > by_speaker["accuracy"]
    assert results["split"]["unseen_speakers"]
    assert all(name.startswith("s3") for name in results["split"]["score"])
    page = (root / "work" / "report.html").read_text()
    assert "VQ-VAE" in page
    assert "<audio" in page
    methods = (root / "work" / "boundaries.csv").read_text()
    assert all(
        item in methods
        for item in (
            "peaks of mel change",
            "peaks of energy-gated spectral change",
            "peaks of contrastive score x",
        )
    )
    assert len(list((root / "work" / "textgrids").iterdir())) == 2
    assert str(root / "work" / "report.html") in first.stdout


def test_held_out_speakers_are_not_learned_from(work):
    root, _, _ = work
    plan = read_plan(root / "plan.toml")
    recordings = load_recordings(root / "work")
    run_of_plan = discovery(
        plan,
        root / "work",
        recordings,
        more_speech(root / "more.jsonl", recordings),
        "cpu",
        None,
    )
    assert run_of_plan.training is not None
    assert set(run_of_plan.training.speakers) == {"s0", "s1", "s2", "train-0"}
    assert set(run_of_plan.corpus.speakers) == {"s0", "s1", "s2", "s3"}
    assert not any(name.startswith("s3") for name in run_of_plan.fit)


def test_units_are_what_the_networks_say(work):
    """Codes of the VQ-VAE are the nearest codewords of what was kept beside them."""
    root, _, _ = work
    units = read_units(root / "work" / "units" / "VQ-VAE-8-25.units")
    for name, rows in units.features.items():
        distances = ((rows[:, None].astype(float) - units.codewords) ** 2).sum(2)
        chosen = np.take_along_axis(distances, units.codes[name][:, None].astype(int), 1)[:, 0]
        assert (chosen <= distances.min(1) + 0.02).all()  # rows were kept in half precision


def test_again_nothing_is_made_again(work):
    root, run, first = work
    before = {path: path.stat().st_mtime_ns for path in (root / "work" / "units").iterdir()}
    again = run()
    assert again.returncode == 0, again.stderr
    assert again.stdout == first.stdout
    assert "making" not in again.stderr
    assert before == {path: path.stat().st_mtime_ns for path in (root / "work" / "units").iterdir()}


def test_another_plan_in_the_same_folder(work):
    root, run, _ = work
    plan = root / "plan.toml"
    before = plan.read_text()
    plan.write_text(before.replace("steps = 3,", "steps = 4,"))
    done = run()
    plan.write_text(before)
    assert done.returncode == 1
    assert "another plan" in done.stderr
    assert "Traceback" not in done.stderr


def test_networks_of_another_run(work):
    """With --models nothing is learned, and units are those of the networks there."""
    root, run, _ = work
    done = run("--models", root / "work")
    assert "leave one of them out" in done.stderr
    command = [
        sys.executable,
        "-m",
        "recipes.phoneme_discovery.run",
        root / "audio",
        root / "borrowed",
        "--align",
        root / "align",
        "--no-codec",
    ]
    command += ["--held-out", "s3", "--config", root / "plan.toml", "--models", root / "work"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "step" not in done.stderr
    assert not (root / "borrowed" / "models").exists()
    names = ["VQ-VAE-8-25.units", "masked-prediction-16-50.units"]
    for name in names:
        mine, theirs = (
            read_units(root / folder / "units" / name) for folder in ("borrowed", "work")
        )
        assert all(np.array_equal(mine.codes[row], theirs.codes[row]) for row in theirs.codes)


def test_notes_say_nothing_of_phones_that_nobody_knows(work):
    root, _, _ = work
    run_of_plan = Discovery(*([None] * 4), ())  # type: ignore[arg-type]
    results = Results(Split(("a",), ("b",), unseen_speakers=True), ({"bits_frames": 1.0},), ())
    assert not any(
        "Maps" in line or "alignments" in line
        for line in notes_of(run_of_plan, results, None, root)
    )
