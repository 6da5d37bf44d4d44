"""Training: a loop that saves itself, and what all networks are trained on."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, autocast, nn

from recipes.phoneme_discovery.models.autoencoder import Autoencoder, AutoencoderConfig
from recipes.phoneme_discovery.models.contrast import Contrast, ContrastConfig, contrast_loss
from recipes.phoneme_discovery.models.predictor import Predictor, PredictorConfig, prediction_loss
from recipes.phoneme_discovery.models.speech import GROUP, Crops, Speech, spans, vtlp
from speechvq.config import require
from speechvq.errors import TrainingError
from speechvq.quantize.learning import CodebookLearner, codeword_sums
from speechvq.train.checkpoint import TrainState, best_weights
from speechvq.train.fabric import launched
from speechvq.train.fit import Intervals, Numbers, Task, fit

N = TypeVar("N", bound=nn.Module)

LOG_EVERY, SAVE_EVERY, RESET_EVERY, NEVER = 100, 250, 100, 10**9


@dataclass(frozen=True)
class Optim:
    """AdamW and its schedule.

    steps: of training; `batch` examples of `seconds` each
    learning_rate, warmup, decay: its maximum, steps of warm-up, and share of the steps in which it
        falls
    grad_clip: largest norm of the gradient
    vtlp: range of vocal tract length perturbation of the input, see `speech.vtlp`
    """

    steps: int = 3000
    batch: int = 32
    seconds: float = 4.0
    learning_rate: float = 1e-3
    warmup: int = 200
    decay: float = 0.5
    grad_clip: float = 1.0
    vtlp: float = 0.12

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "learning_rate", "grad_clip", "decay"):
            require(getattr(self, name) > 0, f"{name} must be positive, not {getattr(self, name)}")
        require(self.warmup >= 0, f"warmup must not be negative, not {self.warmup}")
        require(0 <= self.vtlp < 1, f"vtlp must be at least 0 and below 1, not {self.vtlp}")
        require(self.frames > 0, f"seconds must be at least 0.04, not {self.seconds}")

    @property
    def frames(self) -> int:
        """Frames of an example, a multiple of those of a code at 25 Hz."""
        return int(self.seconds * 100) // GROUP * GROUP


class StepTask(Task):
    """A task given by functions of the step.

    step_loss: the loss of a step
    after: called at the end of every step
    start: called before the first step of a new training
    """

    def __init__(
        self,
        step_loss: Callable[[int], Tensor],
        after: Callable[[int], None] | None = None,
        start: Callable[[], None] | None = None,
    ) -> None:
        self.step_loss, self.after, self.start = step_loss, after, start
        self.losses: list[float] = []

    def begin(self, *, new: bool) -> None:
        """Call `start`."""
        if new and self.start is not None:
            self.start()

    def loss(self, step: int) -> tuple[Tensor, Numbers]:
        """The loss of a step."""
        return self.step_loss(step), {}

    def stepped(self, step: int, loss: float) -> Numbers:
        """Call `after`, and remember the loss."""
        self.losses.append(loss)
        if self.after is not None:
            self.after(step)
        return {}


def learn(task: StepTask, state: TrainState, optim: Optim, folder: Path, device: str) -> None:
    """Train to the end, or resume from the newest checkpoint in `folder`, with lines on stderr.

    Raises TrainingError when the loss is not finite.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def report(kind: str, step: int, numbers: Numbers) -> None:
        if kind == "train":
            minutes = numbers["seconds_per_step"] * (optim.steps - step) / 60
            print(
                f"{folder.name}: step {step} of {optim.steps}, loss {np.mean(task.losses):.3f}, "
                f"{minutes:.0f} min left",
                file=sys.stderr,
            )
            task.losses.clear()

    intervals = Intervals(LOG_EVERY, NEVER, SAVE_EVERY)
    fabric = launched(torch.device(device).type, 1)
    fit(task, state, optim, fabric, intervals, folder=folder, report=report)


def finished(folder: Path, optim: Optim, build: Callable[[dict[str, Tensor]], N]) -> N | None:
    """The network whose training in a folder came to its end; None where none did.

    build: a network for weights by their names
    Raises TrainingError for a damaged file, or weights of another network.
    """
    last = folder / f"step-{optim.steps:08d}"
    if not last.exists():
        return None
    try:
        network = build(best_weights(last))
    except (LookupError, TypeError, RuntimeError) as error:
        raise TrainingError(
            f"cannot use {last}: {str(error).splitlines()[0]}; is it of another plan?"
        ) from error
    network.load_state_dict(best_weights(last, network))
    return network.eval()


def optimizer_of(network: nn.Module, optim: Optim) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        network.parameters(), optim.learning_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )


def learn_predictor(
    speech: Speech,
    targets: Sequence[NDArray[np.integer]],
    config: PredictorConfig,
    optim: Optim,
    folder: Path,
    *,
    mask_share: float,
    mask_span: int,
    seed: int,
    device: str = "cpu",
) -> Predictor:
    """Train a network to predict the clusters of masked frames.

    targets: sets of clusters of all frames of the speech at 50 Hz, (n / 2,) each
    mask_share, mask_span: share of frames at 50 Hz that are masked, and frames in a masked span
    """
    torch.manual_seed(seed)
    network = Predictor(config, [int(clusters.max()) + 1 for clusters in targets]).to(device)
    state = TrainState(network, optimizer_of(network, optim))
    crops = Crops(speech, optim.frames, seed=seed)

    def loss(step: int) -> Tensor:
        random = torch.Generator().manual_seed(seed * 1_000_003 + step)
        at, _ = crops.draw(step, optim.batch)
        mel = vtlp(speech.cut(at, optim.frames), optim.vtlp, random).to(device)
        labels = [
            np.stack([clusters[begin // 2 : (begin + optim.frames) // 2] for begin in at])
            for clusters in targets
        ]
        hide = spans(optim.batch, optim.frames // 2, mask_share, mask_span, random).to(device)
        with autocast(device, torch.bfloat16):
            logits = network(mel, hide)
        return prediction_loss(
            logits, [torch.from_numpy(label.astype(np.int64)).to(device) for label in labels], hide
        )

    learn(StepTask(loss), state, optim, folder, device)
    return network.eval()


def learn_contrast(
    speech: Speech,
    config: ContrastConfig,
    optim: Optim,
    folder: Path,
    *,
    seed: int,
    device: str = "cpu",
) -> Contrast:
    """Train a contrastive boundary detector."""
    torch.manual_seed(seed)
    network = Contrast(config).to(device)
    crops = Crops(speech, optim.frames, seed=seed)

    def loss(step: int) -> Tensor:
        random = torch.Generator().manual_seed(seed * 1_000_003 + step)
        at, _ = crops.draw(step, optim.batch)
        return contrast_loss(
            network(vtlp(speech.cut(at, optim.frames), optim.vtlp, random).to(device)), random
        )

    state = TrainState(network, optimizer_of(network, optim))
    learn(StepTask(loss), state, optim, folder, device)
    return network.eval()


def learn_autoencoder(
    speech: Speech,
    config: AutoencoderConfig,
    optim: Optim,
    folder: Path,
    *,
    size: int,
    factor: int,
    commitment: float,
    seed: int,
    device: str = "cpu",
) -> Autoencoder:
    """Train a VQ-VAE to decode standardized spectra from `size` codes, one per `factor` frames."""
    torch.manual_seed(seed)
    network = Autoencoder(config, size, factor, speech.voices.max() + 1).to(device)
    codebooks = CodebookLearner([network.quantizer], decay=0.99)
    state = TrainState(network, optimizer_of(network, optim), parts={"codebooks": codebooks})
    crops = Crops(speech, optim.frames, seed=seed)

    def loss(step: int) -> Tensor:
        random = torch.Generator().manual_seed(seed * 1_000_003 + step)
        at, chosen = crops.draw(step, optim.batch)
        mel = speech.cut(at, optim.frames)
        with autocast(device, torch.bfloat16):
            decoded, quantized = network(
                vtlp(mel, optim.vtlp, random).to(device),
                torch.from_numpy(speech.voices[chosen]).to(device),
                random,
            )
        codebooks.update(codeword_sums(quantized, torch.ones(len(at), device=device), size))
        return (decoded.float() - mel.to(device)).square().mean() + commitment * quantized.terms[
            "commitment"
        ].mean() / quantized.z[0].numel()

    def after(step: int) -> None:
        if (step + 1) % RESET_EVERY == 0:
            codebooks.reset_dead(torch.Generator().manual_seed(seed * 1_000_003 + step))

    task = StepTask(loss, after, lambda: start(network, codebooks, speech, crops, optim, seed))
    learn(task, state, optim, folder, device)
    return network.eval()


@torch.no_grad()
def start(
    network: Autoencoder,
    codebooks: CodebookLearner,
    speech: Speech,
    crops: Crops,
    optim: Optim,
    seed: int,
) -> None:
    """Codewords begin as k-means centers of what the untrained encoder gives for some speech."""
    device = next(network.parameters()).device
    mel = speech.cut(crops.draw(optim.steps, 256)[0], optim.frames).to(device)
    codebooks.init_kmeans(lambda: [network.latents(mel)], seed=seed)
