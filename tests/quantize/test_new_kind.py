"""A kind of quantizer from outside: a configuration and a codebook, and all else works with it."""

import itertools
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from speechvq.config import parse, to_dict
from speechvq.quantize.base import CodebookConfig
from speechvq.quantize.config import AnyQuantizerConfig
from speechvq.quantize.learning import CodebookLearner, codeword_sums
from speechvq.quantize.residual import NearestCodebook, ResidualVQ
from speechvq.quantize.topdown import Level, TopDown
from speechvq.train.codec.diagnostics import Usage
from speechvq.train.optimizer import parameter_groups


@dataclass(frozen=True)
class SignConfig(CodebookConfig):
    """Signs of z: 2^dim fixed codewords, as in binary and finite scalar quantization."""

    kind: Literal["sign"] = "sign"
    dim: int = 3
    codebook_size: int = 8

    residual = True

    @property
    def terms(self) -> frozenset[str]:
        return frozenset({"commitment"})

    def build(self, n_codebooks: int) -> ResidualVQ:
        return ResidualVQ([SignCodebook(self.dim) for _ in range(n_codebooks)])


class SignCodebook(NearestCodebook):
    straight_through = True

    def __init__(self, dim: int) -> None:
        super().__init__(2**dim, dim)
        corners = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=dim)))
        self.register_buffer("codewords", corners)

    def nearest(
        self, z: Tensor, codes: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        codes = self.choose(z) if codes is None else codes
        codeword = self.lookup(codes)
        return codeword, {"commitment": (z - codeword).square().sum((1, 2))}, codes


@dataclass(frozen=True)
class Holder:
    quantizer: AnyQuantizerConfig | SignConfig


def test_a_new_kind_is_configured_built_trained_searched_and_measured_through_the_contract():
    holder = parse(Holder, {"quantizer": {"kind": "sign"}})
    assert holder == Holder(SignConfig()) == parse(Holder, to_dict(holder))
    torch.manual_seed(0)
    level = Level(5, 4, holder.quantizer.build(2))
    stack = TopDown([level], [], 4)
    result = stack([torch.randn(2, 5, 6)], torch.tensor([1, 2]))
    assert result.terms.keys() == holder.quantizer.terms
    assert torch.equal(
        level.quantizer.codebooks[0].choose(result.inputs[0]),
        (result.inputs[0] > 0).long().mul(torch.tensor([4, 2, 1])[None, :, None]).sum(1),
    )
    (result.z.sum() + result.terms["commitment"].sum()).backward()
    assert all(parameter.grad is not None for parameter in stack.parameters())
    rates = {"weight_decay": 0.01, "codebook_learning_rate": 9.0, "variance_learning_rate": 9.0}
    assert {group["scale"] for group in parameter_groups(stack, **rates)} == {1.0}
    learner = CodebookLearner(stack.codebooks, decay=0.9)
    learner.update(codeword_sums(result, torch.tensor([1, 2]), 8))
    assert not learner.active
    stack.eval()
    features = [torch.randn(2, 5, 6)]
    codes, usage = stack.encode(features), Usage(stack.codebooks)
    assert torch.equal(stack.decode(codes), stack(features).z)
    usage.add(stack(features))
    assert 1 <= usage.numbers()["codebook1/perplexity"] <= 8
    assert not level.quantizer.searchable
