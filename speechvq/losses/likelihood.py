"""Likelihoods of errors whose scale is unknown.

A reconstruction error is a negative log-likelihood: D values with independent Laplace errors of one
scale s cost D (log(2 s) + mae / s) nats. The best scale is the mean absolute error, so the cost is

    D (log(2 mae) + 1)   nats

the Laplace twin of the log of the mean squared error in SQ-VAE and AR-ELBO (Takida et al. 2021,
2022), which is here too for models of spectrograms. As the error falls the likelihood sharpens, and
with it the learned variances of the quantizers.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from speechvq.nn.precision import precise


def log_scale(
    errors: Tensor,
    groups: Tensor,
    n_groups: int,
    add: Callable[[Tensor], Tensor] = lambda sums: sums,
    *,
    least: float = 1e-3,
) -> Tensor:
    """log(scale) + error / scale of errors (b,), the scale being the mean error of the group.

    groups: (b,) integers below `n_groups`
    add: sums a tensor over all devices
    least: the smallest scale
    The scale is a constant for the gradient, which so is that of log(mean error).
    """
    with torch.no_grad():
        sums = errors.new_zeros(2, n_groups)
        sums[0].index_add_(0, groups, errors)
        sums[1].index_add_(0, groups, torch.ones_like(errors))
        sums = add(sums)
        scale = (sums[0] / sums[1].clamp_min(1)).clamp_min(least)[groups]
    return scale.log() + errors / scale


class GaussianLikelihood(nn.Module):
    """Negative log-likelihood under independent Gaussian errors of one learned variance.

    In training the variance is the best one for the batch, its mean squared error (AR-ELBO: Takida
    et al. 2021): the gradient is that of D/2 log(mse). In eval mode it is the exponential moving
    average of those.

    decay: of the moving average
    variance: sigma^2, a scalar; 0 before the first batch
    """

    variance: Tensor

    def __init__(self, *, decay: float = 0.99) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("variance", torch.zeros(()))

    def forward(
        self, target: Tensor, estimate: Tensor, add: Callable[[Tensor], Tensor] = lambda sums: sums
    ) -> Tensor:
        """Nats of each example (b,), for tensors (b, ...) of one shape.

        add: sums a tensor over all devices, so that the variance is that of the whole batch
        """
        with torch.autocast(target.device.type, enabled=False):
            if not (self.training or self.variance):
                raise ValueError(
                    "the likelihood has no variance yet: it is learned from training batches"
                )
            errors = (precise(target) - precise(estimate)).square().flatten(1)
            values = errors.shape[1]
            errors = errors.sum(1)
            variance = self.variance
            if self.training:
                sums = add(
                    torch.stack(
                        [errors.detach().sum(), errors.new_tensor(float(len(errors) * values))]
                    )
                )
                variance = (sums[0] / sums[1]).clamp_min(1e-8)
                self.variance.copy_(
                    self.decay * self.variance + (1 - self.decay) * variance
                    if self.variance
                    else variance
                )
            return 0.5 * (values * (2 * math.pi * variance).log() + errors / variance)
