"""The other side of adversarial training: discriminators with an optimizer of their own."""

from pathlib import Path

import lightning_fabric
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from speechvq.losses.discriminators import (
    AdversaryConfig,
    Discriminators,
    distance,
    fooled,
    learned,
)
from speechvq.train.optimizer import flat, restore

JUDGES, OPTIMIZER = "judges.safetensors", "judges-optimizer.safetensors"


class Adversary:
    """Judges decoded speech for the network, and learns from it afterwards."""

    def __init__(self, config: AdversaryConfig, fabric: lightning_fabric.Fabric) -> None:
        self.judges = Discriminators(config)
        optimizer = torch.optim.AdamW(
            self.judges.parameters(), lr=config.learning_rate, betas=(0.8, 0.99), fused=True
        )
        self._fabric = fabric
        self._model, wrapped = fabric.setup(self.judges, optimizer)
        self._wrapped, self.optimizer = wrapped, wrapped.optimizer

    def terms(self, waves: Tensor, estimate: Tensor) -> dict[str, Tensor]:
        """What the judges say of waveforms (b, t), for each example (b,): "adversarial" and "feature_matching"."""
        self.judges.requires_grad_(False)  # noqa: FBT003 - torch's name for it
        with torch.no_grad():
            real = self.judges(waves)
        decoded = self.judges(estimate)
        return {"adversarial": fooled(decoded), "feature_matching": distance(real, decoded)}

    def learn(self, waves: Tensor, estimate: Tensor) -> float:
        """A step on recordings and decoded speech (b, t), the decoder left alone; the loss before it."""
        self.judges.requires_grad_(True)  # noqa: FBT003
        both = self._model(torch.cat([waves, estimate.detach()]))
        half = len(waves)
        real = [(x[:half], []) for x, _ in both]
        decoded = [(x[half:], []) for x, _ in both]
        loss = learned(real, decoded)
        self._fabric.backward(loss)
        self._wrapped.step()
        self._wrapped.zero_grad()
        return loss.item()

    def save(self, folder: Path) -> None:
        """Write weights and optimizer."""
        save_file(self.judges.state_dict(), folder / JUDGES)
        save_file(flat(self.optimizer), folder / OPTIMIZER)

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote. Raises what reading raises."""
        self.judges.load_state_dict(load_file(folder / JUDGES))
        restore(self.optimizer, load_file(folder / OPTIMIZER))
