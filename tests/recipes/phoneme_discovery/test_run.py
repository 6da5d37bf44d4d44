"""recipes/phoneme_discovery/run: what networks see, what they are trained for, and the command from a corpus to a report."""

import importlib
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from speechvq.errors import AudioError, ConfigError, ManifestError, OutputError, UnitsError
from speechvq.units.alignments.writers import write_textgrid
from speechvq.units.features import log_mel
from speechvq.units.recordings import Recording, read_units
from tests.helpers.paths import ROOT
from tests.helpers.unit_corpus import PHONES, corpus

FOLDER = ROOT / "recipes" / "phoneme_discovery"
RATE = 16_000
PLAN = """
books = [{ size = 8, rate = 25 }, { size = 16, rate = 50 }]
rounds = [{ steps = 3, clusters = [8] }, { steps = 2, clusters = [4, 8] }]
components = 6
[predictor]
width = 16
depth = 2
heads = 2
reach = 5
[prediction]
batch = 2
seconds = 0.64
[autoencoder]
width = 16
dimensions = 4
speaker = 4
[autoencoding]
steps = 3
batch = 4
seconds = 0.32
[contrast]
width = 16
dimensions = 4
[contrasting]
steps = 2
batch = 2
seconds = 0.32
"""


@pytest.fixture(scope="module")
def recipe():
    """Its modules, by name."""
    names = (
        "autoencoder",
        "contrast",
        "encoding",
        "inputs",
        "learning",
        "predictor",
        "run",
        "speech",
        "topline",
    )
    top = {"inputs", "run"}
    return {
        name: importlib.import_module(
            f"recipes.phoneme_discovery.{'' if name in top else 'models.'}{name}"
        )
        for name in names
    }


def wave_of(recording, labels, pitch):
    """What phones sound like: silence, hiss, or a tone of each vowel's own height, with the speaker's pitch below."""
    random = np.random.default_rng(pitch)
    times = np.arange(RATE // 25) / RATE
    sounds = {"a": np.sin(2 * np.pi * 900 * times), "u": np.sin(2 * np.pi * 350 * times)}
    sounds |= {"k": 0 * times, "s": random.normal(0, 0.5, len(times))}
    hum = 0.2 * np.sin(2 * np.pi * pitch * times)
    pieces = [
        sounds[PHONES[label]] + hum if label else 0 * times for label in labels[recording.name]
    ]
    return (0.2 * np.concatenate(pieces) + random.normal(0, 1e-3, len(pieces) * len(times))).astype(
        np.float32
    )


@pytest.fixture(scope="module")
def heard():
    """Recordings of four speakers, and their samples."""
    recordings, labels = corpus(each=2)
    pitches = {f"s{number}": 100 + 20 * number for number in range(4)}
    return recordings, {one.name: wave_of(one, labels, pitches[one.speaker]) for one in recordings}


@pytest.fixture(scope="module")
def speech(recipe, heard, tmp_path_factory):
    recordings, waves = heard
    return recipe["speech"].speech_of(
        recordings, lambda one: waves[one.name], tmp_path_factory.mktemp("spectra")
    )


def test_speech_is_standardized_by_speaker(speech, heard):
    recordings, waves = heard
    for voice in range(4):
        rows = np.concatenate(
            [speech.of(index) for index in np.flatnonzero(speech.voices == voice)]
        )
        assert np.allclose(rows.mean(0), 0, atol=0.01)
        assert np.allclose(rows.std(0), 1, atol=0.01)
    for index in (0, 5):
        assert np.allclose(speech.log_mel(index), log_mel(waves[recordings[index].name]), atol=0.02)


def test_speech_is_kept(recipe, heard, tmp_path):
    recordings, waves = heard
    first = recipe["speech"].speech_of(recordings[:3], lambda one: waves[one.name], tmp_path)
    again = recipe["speech"].speech_of(
        recordings[:3], lambda one: pytest.fail(f"{one.name} was read again"), tmp_path
    )
    assert np.array_equal(first.frames, again.frames)
    assert np.array_equal(first.log_mel(2), again.log_mel(2))


def test_short_recordings(recipe, tmp_path):
    """A recording of 30 ms is left out; one that is shorter than it was said to be ends with its last frame."""
    given = [Recording("a", "ann", 0.03), Recording("b", "ann", 0.2)]
    found = recipe["speech"].speech_of(
        given, lambda one: np.ones(480 if one.name == "a" else 2000, np.float32), tmp_path
    )
    assert found.names == ("b",)
    assert len(found.of(0)) == 20


def test_crops(recipe, speech):
    crops = recipe["speech"].Crops(speech, 64, seed=3)
    at, chosen = crops.draw(7, 200)
    assert np.array_equal(at, crops.draw(7, 200)[0])
    assert not np.array_equal(at, crops.draw(8, 200)[0])
    assert (at % 4 == 0).all()
    assert (
        at >= speech.starts[chosen]
    ).mean() > 0.9  # but for those that the end of everything moves
    assert at.max() + 64 <= len(speech.frames)


def test_warped(recipe):
    warped = recipe["speech"].warped
    mel = torch.arange(40.0).expand(3, 5, 40)
    assert torch.allclose(warped(mel, 0.0, torch.Generator().manual_seed(0)), mel, atol=0.01)
    moved = warped(mel, 0.2, torch.Generator().manual_seed(0))
    stretch = moved[:, 0, 20] / 20
    assert ((stretch - 1).abs() <= 0.2).all()
    assert torch.allclose(moved[:, 0, 10], 10 * stretch)  # a line stays one


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_spans(recipe, share):
    hidden = recipe["speech"].spans(200, 400, share, 10, torch.Generator().manual_seed(0))
    assert hidden[:, 20:].float().mean() == pytest.approx(share, abs=0.02)
    inside = hidden[:, 1:-1] & ~hidden[:, :-2] & ~hidden[:, 2:]
    assert not inside[:, 20:].any()  # none stands alone


def test_hidden_frames_are_not_seen(recipe):
    """What is said in frames that are hidden changes nothing but the frames at their edge, which the convolutions see."""
    module = recipe["predictor"]
    torch.manual_seed(0)
    network = module.Predictor(module.PredictorConfig(16, 2, 2, 5), [8]).eval()
    mel, hide = torch.randn(1, 80, 40), torch.zeros(1, 40, dtype=torch.bool)
    hide[:, 10:30] = True
    other = mel.clone()
    other[:, 26:54] += torch.randn(1, 28, 40)
    with torch.no_grad():
        assert torch.allclose(network(mel, hide)[0], network(other, hide)[0], atol=1e-5)
        assert not torch.allclose(network(mel)[0], network(other)[0], atol=0.01)


def test_prediction_loss(recipe):
    """The mean of -log p over hidden frames, added up over two sets of clusters."""
    logits = [torch.randn(2, 6, 4), torch.randn(2, 6, 3)]
    wanted = [torch.randint(4, (2, 6)), torch.randint(3, (2, 6))]
    hide = torch.tensor(
        [[True, False, True, False, False, False], [False, True, False, False, False, False]]
    )
    expected = sum(
        -sum(some[i, j].log_softmax(0)[want[i, j]] for i, j in ((0, 0), (0, 2), (1, 1))) / 3
        for some, want in zip(logits, wanted, strict=True)
    )
    assert recipe["predictor"].prediction_loss(logits, wanted, hide) == pytest.approx(
        float(expected), rel=1e-5
    )


def test_contrast_loss_by_hand(recipe):
    """Of four frames in a circle, all that are not neighbors are 2 apart; every negative is then the same."""
    module = recipe["contrast"]
    angles = torch.tensor([[0.0, 0.3, 1.0, 2.0]])
    found = module.contrast_loss(torch.stack([angles.cos(), angles.sin()], -1), torch.Generator())
    expected = 0.0
    for frame in range(3):
        near, far = (
            np.cos(float(angles[0, frame] - angles[0, (frame + distance) % 4]))
            for distance in (1, 2)
        )
        expected += np.log(1 + module.NEGATIVES * np.exp(far - near)) / 3
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_dissimilarity(recipe, monkeypatch):
    """1 - cosine of means of three frames either side, by loops; pieces change nothing."""
    module = recipe["contrast"]
    torch.manual_seed(0)
    network, mel = (
        module.Contrast(module.ContrastConfig(16, 4)).eval(),
        np.random.default_rng(0).normal(size=(30, 40)),
    )
    mel = mel.astype(np.float32)
    with torch.no_grad():
        rows = network(torch.from_numpy(mel)[None])[0].numpy()
    assert np.allclose((rows**2).sum(1), 1, atol=1e-5)
    found = module.dissimilarity(network, mel)
    for edge in range(29):
        before, after = rows[max(0, edge - 2) : edge + 1].mean(0), rows[edge + 1 : edge + 4].mean(0)
        assert found[edge] == pytest.approx(
            1 - before @ after / np.linalg.norm(before) / np.linalg.norm(after), abs=1e-5
        )
    monkeypatch.setattr(module, "PIECE", 7)
    assert np.allclose(module.dissimilarity(network, mel), found, atol=1e-5)


def test_contrast_learns_where_sounds_change(recipe, speech, heard, tmp_path):
    """Where phones meet, what was learned differs more than elsewhere, and much more than before; it is kept."""
    learning, module = recipe["learning"], recipe["contrast"]
    optim = learning.Optim(steps=40, batch=4, seconds=0.32, warmup=0)
    network = learning.learn_contrast(
        speech, module.ContrastConfig(32, 8), optim, tmp_path / "contrast", seed=0
    )
    torch.manual_seed(0)
    curve, before = (
        module.dissimilarity(some, speech.of(0))
        for some in (network, module.Contrast(module.ContrastConfig(32, 8)).eval())
    )
    edges = np.array([round(100 * one.start) - 1 for one in heard[0][0].phones.intervals[1:]])
    far = np.abs(np.arange(len(curve))[:, None] - edges).min(1) > 3
    assert curve[edges].mean() > 5 * curve[far].mean()
    assert curve[edges].mean() > 5 * before[edges].mean()
    again = learning.finished(
        tmp_path / "contrast", optim, lambda _: module.Contrast(module.ContrastConfig(32, 8))
    )
    assert np.array_equal(module.dissimilarity(again, speech.of(0)), curve)


def test_jittered(recipe):
    z = torch.arange(1000.0).expand(4, 3, 1000)
    found = recipe["autoencoder"].jittered(z, 0.3, torch.Generator().manual_seed(0)) - z
    assert set(found.unique().tolist()) == {-1, 0, 1}
    assert (found != 0).float().mean() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(found[:, 0], found[:, 2])
    assert torch.equal(recipe["autoencoder"].jittered(z, 0.0, torch.Generator()), z)


def test_long_recordings_go_in_pieces(recipe, speech, monkeypatch):
    torch.manual_seed(0)
    module = recipe["predictor"]
    network = module.Predictor(module.PredictorConfig(16, 2, 2, 5), [8]).eval()
    features = recipe["encoding"].codebook(network, speech, 0)
    whole = features(1)
    monkeypatch.setattr(recipe["encoding"], "LONGEST", 120)
    assert features(1).shape == whole.shape
    assert (
        np.abs(features(1) - whole).mean() < 0.3 * np.abs(whole).mean()
    )  # attention sees less; rows are where they were


def test_targets_are_clusters_of_standardized_rows(recipe, speech):
    found = recipe["encoding"].targets(
        speech, recipe["encoding"].cepstra(speech, 50), [4, 8], seed=0
    )
    assert [one.shape for one in found] == [(len(speech.frames) // 2,)] * 2
    assert [len(np.unique(one)) for one in found] == [4, 8]
    rows = np.zeros((len(speech.frames) // 2, 39))
    for index, some in recipe["encoding"].standardized(
        speech, recipe["encoding"].cepstra(speech, 50)
    ):
        rows[speech.starts[index] // 2 :][: len(some)] = some
    means = np.stack([rows[found[0] == code].mean(0) for code in range(4)])
    nearest = ((rows[:, None] - means) ** 2).sum(2).argmin(1)
    assert (nearest == found[0]).mean() > 0.95


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(recipe, speech, tmp_path):
    learning, predictor = recipe["learning"], recipe["predictor"]
    wanted = recipe["encoding"].targets(speech, recipe["encoding"].cepstra(speech, 50), [8], seed=0)

    def trained(folder, steps, decay=1.0):
        optim = learning.Optim(steps=steps, batch=2, seconds=0.64, warmup=0, decay=decay)
        config = predictor.PredictorConfig(16, 2, 2, 5)
        return learning.learn_predictor(
            speech, wanted, config, optim, folder, share=0.5, span=10, seed=0
        ).state_dict()

    straight = trained(tmp_path / "a", 4)
    saved = learning.SAVE_EVERY
    learning.SAVE_EVERY = 2
    try:
        real = learning.prediction_loss
        calls = []

        def interrupted(*given):
            calls.append(1)
            if len(calls) == 4:
                raise KeyboardInterrupt
            return real(*given)

        learning.prediction_loss = interrupted
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "b", 4)
        learning.prediction_loss = real
        resumed = trained(tmp_path / "b", 4)
    finally:
        learning.SAVE_EVERY, learning.prediction_loss = saved, real
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


@pytest.fixture(scope="module")
def work(heard, tmp_path_factory):
    """A finished run on recordings with alignments, and how to run it again."""
    recordings, waves = heard
    root = tmp_path_factory.mktemp("corpus")
    (root / "plan.toml").write_text(PLAN)
    for one in recordings:
        for folder in ("audio", "align"):
            (root / folder / one.speaker).mkdir(parents=True, exist_ok=True)
        soundfile.write(root / "audio" / one.speaker / f"{one.name}.wav", waves[one.name], RATE)
        write_textgrid(
            root / "align" / one.speaker / f"{one.name}.TextGrid", [one.phones], seconds=one.seconds
        )
    more = {"audio": str(root / "more.wav"), "seconds": 2.0}
    soundfile.write(root / "more.wav", waves[recordings[0].name][: 2 * RATE], RATE)
    (root / "more.jsonl").write_text(json.dumps(more) + "\n")

    def run(*options):
        command = [
            sys.executable,
            "-m",
            "recipes.phoneme_discovery.run",
            root / "audio",
            root / "work",
            "--align",
            root / "align",
        ]
        command += [
            "--train",
            root / "more.jsonl",
            "--held-out",
            "s3",
            "--config",
            root / "plan.toml",
            "--no-codec",
            *options,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    first = run()
    assert first.returncode == 0, first.stderr
    return root, run, first


def test_around(recipe):
    rows = np.array([[1.0], [2.0], [3.0]])
    assert recipe["topline"].around(rows, 1).tolist() == [[1, 1, 2], [1, 2, 3], [2, 3, 3]]
    assert recipe["topline"].around(rows[:0], 1).shape == (0, 3)


def test_from_a_corpus_to_a_report(work):
    root, _, first = work
    found = json.loads((root / "work" / "results.json").read_text())
    scores = {(one["name"], one["size"]): one for one in found["scores"]}
    assert len(scores) == 17
    by_speaker = scores["MFCC k-means, by speaker", 8]
    assert (
        by_speaker["accuracy"] > by_speaker["accuracy_majority"] + 20
    )  # tones and hiss are told apart
    assert (
        scores["masked prediction, shuffled", 8]["accuracy"] < by_speaker["accuracy_majority"] + 10
    )
    told = scores["told the phones: perceptron on MFCCs", 5]
    assert told["accuracy"] > by_speaker["accuracy"]
    assert found["split"]["unseen_speakers"]
    assert all(name.startswith("s3") for name in found["split"]["score"])
    page = (root / "work" / "report.html").read_text()
    assert "VQ-VAE" in page
    assert "<audio" in page
    methods = (root / "work" / "boundaries.csv").read_text()
    assert all(
        one in methods
        for one in (
            "peaks of mel change",
            "peaks of audible mel change",
            "peaks of learned contrast x",
        )
    )
    assert len(list((root / "work" / "textgrids").iterdir())) == 2
    assert str(root / "work" / "report.html") in first.stdout


def test_held_out_speakers_are_not_learned_from(work, recipe):
    root, _, _ = work
    run = recipe["run"]
    plan = run.read_plan(root / "plan.toml")
    recordings = run.load_recordings(root / "work")
    found = run.discovery(
        plan,
        root / "work",
        recordings,
        run.more_speech(root / "more.jsonl", recordings),
        "cpu",
        None,
    )
    assert set(found.training.speakers) == {"s0", "s1", "s2", "train-0"}
    assert set(found.corpus.speakers) == {"s0", "s1", "s2", "s3"}
    assert not any(name.startswith("s3") for name in found.fit)


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
    (root / "other.toml").write_text(PLAN.replace("steps = 3,", "steps = 4,"))
    found = run("--config", root / "other.toml")
    assert found.returncode == 1
    assert "another plan" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("rate = 25", "rate = 30"), "rate must be 25 or 50"),
        (("components = 6", "components = 0"), "components must be positive"),
        (("reach = 5", "reach = 4"), "reach must be odd"),
        (
            ("steps = 3, clusters = [8]", "steps = 3, clusters = []"),
            "clusters must be numbers above 1",
        ),
        (("components = 6", "codebook = 2"), "codebook must be from 0 to 1"),
        (("components = 6", "component = 6"), "component is not a known key"),
    ],
)
def test_plans_that_cannot_be(recipe, tmp_path, change, message):
    (tmp_path / "plan.toml").write_text(PLAN.replace(*change))
    with pytest.raises(ConfigError, match=message):
        recipe["run"].read_plan(tmp_path / "plan.toml")


def test_speakers_on_both_sides(recipe, heard, tmp_path):
    recordings, _ = heard
    (tmp_path / "more.jsonl").write_text(
        json.dumps({"audio": "a.wav", "seconds": 1, "speaker": "s1"}) + "\n"
    )
    with pytest.raises(ManifestError, match=r"s1 .*in the corpus, too"):
        recipe["run"].more_speech(tmp_path / "more.jsonl", recordings)


def test_networks_of_another_run(work):
    """With --models nothing is learned, and units are those of the networks there."""
    root, run, _ = work
    found = run("--models", root / "work")
    assert "leave one of them out" in found.stderr
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
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert "step" not in found.stderr
    assert not (root / "borrowed" / "models").exists()
    names = ["VQ-VAE-8-25.units", "masked-prediction-16-50.units"]
    for name in names:
        mine, theirs = (
            read_units(root / folder / "units" / name) for folder in ("borrowed", "work")
        )
        assert all(np.array_equal(mine.codes[one], theirs.codes[one]) for one in theirs.codes)


@pytest.mark.parametrize(
    ("change", "message"),
    [("phones", "other phones or others held out"), ("audio", "audio that has")],
)
def test_what_was_made_from_something_else_is_not_used(recipe, work, tmp_path, change, message):
    """Scores of other phones, networks that have heard who is now held out, codes of audio that is gone."""
    root, _, _ = work
    run = recipe["run"]
    (tmp_path / "manifest.jsonl").write_text((root / "work" / "manifest.jsonl").read_text())
    audio = tmp_path / "a.wav"
    audio.write_bytes(b"1")
    given = (
        run.read_plan(root / "plan.toml"),
        [Recording("a", "ann", 1.0, None, audio)],
        [],
        tmp_path,
        None,
    )
    run.check_plan(*given)
    run.check_plan(*given)
    if change == "audio":
        audio.write_bytes(b"12")
    else:
        text = (tmp_path / "manifest.jsonl").read_text()
        (tmp_path / "manifest.jsonl").write_text(
            text.replace('"held_out": true', '"held_out": false')
        )
    with pytest.raises(OutputError, match=message):
        run.check_plan(*given)


def test_a_record_that_says_less_is_completed(recipe, tmp_path):
    path = tmp_path / "record.json"
    path.write_text('{"plan": 1, "models": null}')
    recipe["inputs"].check_same(path, {"plan": 1, "models": None, "audio": "x"})
    with pytest.raises(OutputError, match="audio that has changed"):
        recipe["inputs"].check_same(path, {"plan": 1, "models": None, "audio": "y"})
    with pytest.raises(OutputError, match="other models"):
        recipe["inputs"].check_same(path, {"plan": 1, "audio": "x", "models": "m"})


def test_a_plan_of_before_there_was_a_network_is_completed(recipe, tmp_path):
    check, path = recipe["inputs"].check_same, tmp_path / "record.json"
    check(path, {"plan": {"seed": 0}})
    check(path, {"plan": {"seed": 0, "contrast": {"width": 16}}})
    for other in (
        {"seed": 1, "contrast": {"width": 16}},
        {"seed": 0, "contrast": {"width": 8}},
        {"seed": 0},
    ):
        with pytest.raises(OutputError, match="another plan"):
            check(path, {"plan": other})


def test_files_on_both_sides(recipe, work):
    """A file that --train has, too, without saying who speaks."""
    root, _, _ = work
    recordings = recipe["run"].load_recordings(root / "work")
    (root / "both.jsonl").write_text(
        json.dumps({"audio": str(recordings[0].audio), "seconds": 1}) + "\n"
    )
    with pytest.raises(ManifestError, match="is in the corpus, too"):
        recipe["run"].more_speech(root / "both.jsonl", recordings)
    (root / "gone.jsonl").write_text(json.dumps({"audio": "gone.wav", "seconds": 1}) + "\n")
    with pytest.raises(AudioError, match=r"gone\.wav"):
        recipe["run"].more_speech(root / "gone.jsonl", recordings)


def test_models_that_cannot_be_used(recipe, work, tmp_path):
    root, _, _ = work
    run = recipe["run"]
    plan, recordings = run.read_plan(root / "plan.toml"), run.load_recordings(root / "work")
    run.check_models(plan, root / "work", None)
    with pytest.raises(UnitsError, match="holds no network"):
        run.check_models(plan, tmp_path, None)
    with pytest.raises(ConfigError, match="leave one of them out"):
        run.check_models(plan, root / "work", root / "more.jsonl")
    run.check_strangers(recordings, run.held_out_of(root / "work"), root / "work")
    with pytest.raises(UnitsError, match="have learned from"):
        run.check_strangers(recordings, frozenset({recordings[0].name}), root / "work")


def test_devices_that_are_not_there(recipe):
    recipe["run"].check_device("cpu")
    for device in ("gpu", "cuda:99"):
        with pytest.raises(ConfigError, match="cannot train on"):
            recipe["run"].check_device(device)


def test_notes_say_nothing_of_phones_that_nobody_knows(recipe, work):
    root, _, _ = work
    run = recipe["run"]
    found = run.Discovery(None, root, None, None, ())
    results = run.Results(
        run.Split(("a",), ("b",), unseen_speakers=True), ({"bits_frames": 1.0},), ()
    )
    assert not any(
        "Maps" in line or "alignments" in line for line in run.notes(found, results, None, root)
    )


def test_too_little_speech_for_clusters(recipe, speech):
    with pytest.raises(UnitsError, match="cannot make 5000 clusters"):
        recipe["encoding"].targets(speech, recipe["encoding"].cepstra(speech, 50), [5000], seed=0)
