"""Adversarial training: discriminators with an optimizer of their own."""

from collections.abc import Mapping

import lightning_fabric
import torch
from torch import Tensor

from speechvq.losses.discriminators import (
    Discriminators,
    DiscriminatorsConfig,
    discriminator_loss,
    feature_matching,
    generator_loss,
)
from speechvq.train.optimizer import flat, restore

OPTIMIZER = "optimizer."
"""What the names of the optimizer's state begin with; the others are those of the weights."""


class Adversary:
    """Gives the network its adversarial terms, and learns from the decoded speech afterwards."""

    def __init__(self, config: DiscriminatorsConfig, fabric: lightning_fabric.Fabric) -> None:
        self.discriminators = Discriminators(config)
        optimizer = torch.optim.AdamW(
            self.discriminators.parameters(),
            lr=config.learning_rate,
            betas=(0.8, 0.99),
            fused=True,
        )
        self._fabric = fabric
        self._model, self._wrapped = fabric.setup(self.discriminators, optimizer)
        self._optimizer = self._wrapped.optimizer

    def terms(self, waves: Tensor, estimate: Tensor) -> dict[str, Tensor]:
        """The terms "adversarial" and "feature_matching" (b,) of waveforms (b, t)."""
        self.discriminators.requires_grad_(False)  # noqa: FBT003 - torch's name for it
        with torch.no_grad():
            real = self.discriminators(waves)
        decoded = self.discriminators(estimate)
        return {
            "adversarial": generator_loss(decoded),
            "feature_matching": feature_matching(real, decoded),
        }

    def learn(self, waves: Tensor, estimate: Tensor) -> float:
        """A step on recordings and decoded speech (b, t), and the loss before it.

        The decoder gets no gradient.
        """
        self.discriminators.requires_grad_(True)  # noqa: FBT003
        both = self._model(torch.cat([waves, estimate.detach()]))
        half = len(waves)
        real = [(x[:half], []) for x, _ in both]
        decoded = [(x[half:], []) for x, _ in both]
        loss = discriminator_loss(real, decoded)
        self._fabric.backward(loss)
        self._wrapped.step()
        self._wrapped.zero_grad()
        return loss.item()

    def state_dict(self) -> dict[str, Tensor]:
        """Weights and the optimizer's state."""
        state = {OPTIMIZER + name: value for name, value in flat(self._optimizer).items()}
        return dict(self.discriminators.state_dict()) | state

    def load_state_dict(self, values: Mapping[str, Tensor]) -> None:
        """Continue from what `state_dict` gave. Raises what torch raises for another network's."""
        state = {
            name.removeprefix(OPTIMIZER): value
            for name, value in values.items()
            if name.startswith(OPTIMIZER)
        }
        self.discriminators.load_state_dict(
            {name: value for name, value in values.items() if not name.startswith(OPTIMIZER)}
        )
        restore(self._optimizer, state)
