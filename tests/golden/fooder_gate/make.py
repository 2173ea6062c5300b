#!/usr/bin/env python3
"""Computes the logits in case.toml with PyTorch: pip install torch numpy; python3 make.py

The network is written here from its model card, not from the Rust code: stem 3x3 with batch norm
and ReLU; one residual block with stride 2 and a 1x1 skip; mean over the map; linear.
"""
from pathlib import Path

import torch
from torch import nn

STEM, BLOCK, SIDE = 32, 64, 64


class ConvBn(nn.Module):
    def __init__(self, from_, to, kernel, stride):
        super().__init__()
        self.conv = nn.Conv2d(from_, to, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(to)

    def forward(self, x):
        return self.bn(self.conv(x))


class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = ConvBn(2, STEM, 3, 1)
        self.block = nn.ModuleDict(
            {
                "0": ConvBn(STEM, BLOCK, 3, 2),
                "1": ConvBn(BLOCK, BLOCK, 3, 1),
                "skip": ConvBn(STEM, BLOCK, 1, 2),
            }
        )
        self.head = nn.Linear(BLOCK, 2)

    def forward(self, x):
        x = self.stem(x).relu()
        inner = self.block["1"](self.block["0"](x).relu())
        x = (inner + self.block["skip"](x)).relu()
        return self.head(x.mean((2, 3)))


class Numbers:
    """Knuth's MMIX generator; the top 24 bits as a number in -0.5..0.5."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 40) / 2**24 - 0.5

    def fill(self, shape):
        count = int(torch.tensor(shape).prod())
        return torch.tensor([self.next() for _ in range(count)], dtype=torch.float64).reshape(shape)


network = Gate().double().eval()
numbers = Numbers(2512)
weights = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
for name in sorted(weights):
    value = numbers.fill(list(weights[name].shape))
    if name.endswith("running_var"):
        value = value.abs() + 0.5
    # The weights travel as 32-bit floats; what is multiplied is the same on both sides.
    weights[name] = value.float().double()
network.load_state_dict(weights, strict=False)
maps = (numbers.fill([1, 2, SIDE, SIDE]) + 0.5).float().double()
with torch.no_grad():
    logits = network(maps)[0].tolist()
(Path(__file__).parent / "case.toml").write_text(
    f"# PyTorch {torch.__version__.split('+')[0]}, 64-bit floats.\npreset = \"default\"\nlogits = {logits}\n"
)
