"""The ConvNeXt block in one dimension, optionally conditioned on a vector.

Liu et al. 2022, "A ConvNet for the 2020s"; in 1-D for speech: Siuzdak 2023, "Vocos". The condition
enters as scale and shift after the normalization (FiLM: Perez et al. 2018).
"""

from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn import functional

from speechvq.nn.conv import outputs
from speechvq.nn.streaming import State, Step


class Block(Step):
    """Depthwise convolution, normalization, two linear maps at each frame, residual connection.

    Input and output (b, width, f). With `condition` > 0, `step` takes a vector (b, condition) that
    scales and shifts the normalized frames.
    """

    def __init__(
        self, width: int, *, kernel: int, lookahead: int, expansion: int, condition: int = 0
    ) -> None:
        super().__init__()
        self.left, self.kernel, self.lookahead = kernel - 1 - lookahead, kernel, Fraction(lookahead)
        self.depthwise = nn.Conv1d(width, width, kernel, groups=width)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, expansion * width)
        self.contract = nn.Linear(expansion * width, width)
        self.film = nn.Linear(condition, 2 * width) if condition else None
        nn.init.trunc_normal_(self.contract.weight, std=0.5 * width**-0.5)
        nn.init.zeros_(self.contract.bias)
        if self.film is not None:
            nn.init.zeros_(self.film.bias)

    def initial_state(self, batch: int) -> State:
        return self.norm.weight.new_zeros(batch, len(self.norm.weight), self.left)

    def step(
        self, x: Tensor, state: State, condition: Tensor | None = None
    ) -> tuple[Tensor, State]:
        x = torch.cat([state, x], -1)
        count = outputs(x.shape[-1], self.kernel, 1)
        if not count:
            return x[..., :0], x
        h = self.norm(self.depthwise(x).transpose(1, 2))
        if self.film is not None and condition is not None:
            scale, shift = self.film(condition).unsqueeze(1).chunk(2, -1)
            h = torch.addcmul(h + shift, h, scale)
        h = self.contract(functional.gelu(self.expand(h)))
        return x[..., self.left : self.left + count] + h.transpose(1, 2), x[..., count:]
