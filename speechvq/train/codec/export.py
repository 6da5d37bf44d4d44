"""From a training run to a model file: the newest weights, and an embedding for every voice.

Where the run has an average of the weights, that is exported. Held-out speakers are no voices of
the model: what is measured on them is measured on voices that it does not know.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from speechvq.codec.codec import Codec
from speechvq.codec.file import load, save_model
from speechvq.codec.network import Network
from speechvq.codec.voices import Voice
from speechvq.data.corpus import Corpus, pack
from speechvq.data.manifest import Utterance, read_manifest
from speechvq.data.speech import read_utterance
from speechvq.data.split import held_out_speakers, hold_out_speech, spoken
from speechvq.errors import TrainingError
from speechvq.nn import speaker
from speechvq.nn.isolation import standard_defaults
from speechvq.output import check_writable
from speechvq.train.checkpoint import best_weights, checkpoints
from speechvq.train.codec.config import Experiment, read_experiment
from speechvq.train.folder import EXPERIMENT

METADATA = ("sex", "language", "age", "corpus")
FILES = 50
"""The number of files of a voice whose embeddings are averaged."""


@standard_defaults()
def export_run(run: Path, target: Path, seconds: float, *, force: bool = False) -> Codec:
    """Write the model file of a run and load it again.

    Raises TrainingError when the run has no checkpoint, and OutputError; an existing file is
    replaced only with `force`, and never one that the model is made from.
    """
    experiment, checkpoint = _experiment(run)
    network = Network(experiment.codec)
    network.load_state_dict(best_weights(checkpoint, network))
    network.eval()
    rows = read_manifest(experiment.data.manifest)
    sources = [run / EXPERIMENT, *checkpoint.iterdir(), experiment.data.manifest]
    check_writable(target, force=force, sources=[*sources, *(row.audio for row in rows)])
    corpus = pack(rows, Path(experiment.data.cache), experiment.codec.sample_rate, read_utterance)
    training = hold_out_speech([spoken(row) for row in rows], experiment.data.held_out).training
    own = [row for row, is_training in zip(rows, training, strict=True) if is_training]
    voices = voices_of(network, corpus.restricted(training), own, seconds)
    save_model(target, network, experiment.name, voices, force=force)
    return load(target)


def held_out_of(run: Path) -> list[str]:
    """The names of the speakers that a run holds out. Raises TrainingError and ManifestError."""
    data = _experiment(run)[0].data
    return sorted(held_out_speakers(list(map(spoken, read_manifest(data.manifest))), data.held_out))


def _experiment(run: Path) -> tuple[Experiment, Path]:
    """The experiment of a run, and its last checkpoint. Raises TrainingError."""
    saved = checkpoints(run)
    if not saved or not (run / EXPERIMENT).exists():
        raise TrainingError(
            f"{run} is not the folder of a training run: it has no checkpoint; run `speechvq "
            "train` first"
        )
    return read_experiment(run / EXPERIMENT), saved[-1]


@torch.inference_mode()
def voices_of(
    network: Network, corpus: Corpus, rows: Sequence[Utterance], seconds: float
) -> list[Voice]:
    """The named voices with at least `seconds` of training audio, those with the most first.

    The embedding of each is the mean of those of its files.
    """
    voices = []
    for voice, name in enumerate(corpus.names):
        files = np.flatnonzero(corpus.voices == voice)
        duration = corpus.lengths[files].sum() / network.config.sample_rate
        if not len(files) or duration < seconds:
            continue
        chosen = files[np.unique(np.linspace(0, len(files) - 1, FILES).round().astype(int))]
        embeddings = [
            network.reference(torch.from_numpy(corpus.wave(index))[None, None]) for index in chosen
        ]
        mean = torch.cat(embeddings).mean(0)
        metadata = {
            key: rows[int(files[0])].metadata[key]
            for key in METADATA
            if key in rows[int(files[0])].metadata
        }
        packed = speaker.pack(speaker.to_steps(mean).tolist())
        voices.append(Voice(name, packed, metadata | {"seconds": round(float(duration))}))
    return sorted(voices, key=lambda voice: -voice.metadata["seconds"])
