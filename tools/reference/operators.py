#!/usr/bin/env python3
"""Outputs and gradients of each operator of src/model/nn/ops.rs, computed by PyTorch.

    python3 tools/reference/operators.py tests/golden/operators/operators.safetensors

For each case the file holds `CASE.in.N` (inputs, in our layouts: channels last), `CASE.out`,
`CASE.by` (random weights of the outputs) and `CASE.grad.N` (gradients of `sum(out * by)`). All in
64-bit floats, stored as 32-bit ones. Needs torch and safetensors; made with torch 2.15.0.
"""

import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

LAST = {4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}
FIRST = {4: (0, 3, 1, 2), 5: (0, 4, 1, 2, 3)}


def first(x):
    return x.permute(FIRST[x.dim()])


def last(x):
    return x.permute(LAST[x.dim()])


def conv(stride, padding, groups):
    return lambda x, w, b: last(F.conv2d(first(x), w, b, stride, padding, groups=groups))


def transposed(stride, padding, output_padding):
    return lambda x, w, b: last(
        F.conv_transpose2d(first(x), w, b, stride, padding, output_padding)
    )


def over_time(x, w, b):
    kernel = w[:, :, :, None, None]
    return last(F.conv3d(first(x), kernel, b, padding=(w.shape[2] // 2, 0, 0)))


def norm(training):
    def run(x, gamma, beta, *statistics):
        rows = x.reshape(-1, x.shape[-1])
        mean, var = statistics or (None, None)
        return F.batch_norm(rows, mean, var, gamma, beta, training, 0.0, 1e-5).reshape(x.shape)

    return run


def spikes(x, decay, bias):
    """Soft Spiking Neural Unit, its equations spelled out; autograd goes back through time."""
    state, spike, all_spikes = 0.0, 0.0, []
    for current in x.unbind(1):
        state = current + decay * state * (1 - spike)
        spike = torch.sigmoid(state + bias)
        all_spikes.append(spike)
    return torch.stack(all_spikes, 1)


# name: function, shapes of inputs, which of them have a gradient (all if not said)
CASES = {
    "conv": (conv(1, 1, 1), [(2, 6, 5, 3), (19, 3, 3, 3), (19,)]),
    "conv-strided": (conv(2, 1, 1), [(1, 7, 6, 5), (6, 5, 3, 3), (6,)]),
    "conv-pointwise": (conv(1, 0, 1), [(2, 3, 4, 9), (35, 9, 1, 1), (35,)]),
    "conv-depthwise": (conv(2, 1, 18), [(2, 5, 6, 18), (18, 1, 3, 3), (18,)]),
    "conv-transposed": (transposed(2, 1, 1), [(2, 3, 4, 6), (6, 5, 3, 3), (5,)]),
    "temporal": (over_time, [(2, 4, 3, 2, 5), (7, 5, 3), (7,)]),
    "linear": (F.linear, [(5, 33), (18, 33), (18,)]),
    "batch-norm": (norm(True), [(3, 4, 2, 5), (5,), (5,)]),
    "batch-norm-fixed": (norm(False), [(3, 4, 2, 5), (5,), (5,), (5,), (5,)], 3),
    "layer-norm": (lambda x, g, b: F.layer_norm(x, g.shape, g, b, 1e-5), [(6, 21), (21,), (21,)]),
    "max-pool": (lambda x: last(F.max_pool2d(first(x), 2)), [(2, 5, 6, 3)]),
    "max-pool-time": (lambda x: last(F.max_pool3d(first(x), (2, 1, 1))), [(2, 5, 2, 3, 3)]),
    "mean-pixels": (lambda x: x.mean((1, 2)), [(2, 4, 3, 5)]),
    "relu": (F.relu, [(4, 9)]),
    "leaky-relu": (lambda x: F.leaky_relu(x, 0.125), [(4, 9)]),
    "silu": (F.silu, [(4, 9)]),
    "sigmoid": (torch.sigmoid, [(4, 9)]),
    "attention": (F.scaled_dot_product_attention, [(2, 2, 7, 5)] * 3),
    "soft-spike": (spikes, [(2, 6, 2, 3, 5), (5,), (5,)]),
    "mse": (F.mse_loss, [(3, 7), (3, 7)]),
}


def optimisers():
    """Ten steps of each optimiser on one parameter, with a gradient that changes."""
    tensors = {}
    for name, make in (
        ("adamw", lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.05)),
        ("adamax", lambda p: torch.optim.Adamax(p, lr=0.02, weight_decay=0.05)),
    ):
        weight = torch.randn(37, dtype=torch.float64)
        tensors[f"{name}.start"] = weight.clone()
        gradients = torch.randn(10, 37, dtype=torch.float64)
        tensors[f"{name}.gradients"] = gradients
        weight.requires_grad_(True)
        optimiser = make([weight])
        for gradient in gradients:
            weight.grad = gradient.clone()
            optimiser.step()
        tensors[f"{name}.end"] = weight.detach().clone()
    return tensors


def main():
    torch.manual_seed(0)
    tensors = optimisers()
    for name, (function, shapes, *differentiable) in CASES.items():
        inputs = [torch.randn(shape, dtype=torch.float64) for shape in shapes]
        if name.startswith("batch-norm-fixed"):
            inputs[4] = inputs[4].abs() + 0.1  # a variance
        if name == "soft-spike":
            inputs[1] = torch.sigmoid(inputs[1])  # a decay
        if name == "relu":
            inputs[0][0, :3] = 0.0  # where its slope jumps
        count = differentiable[0] if differentiable else len(inputs)
        for x in inputs[:count]:
            x.requires_grad_(True)
        out = function(*inputs)
        by = torch.randn(out.shape, dtype=torch.float64)
        (out * by).sum().backward()
        for n, x in enumerate(inputs):
            tensors[f"{name}.in.{n}"] = x.detach()
            if x.grad is not None:
                tensors[f"{name}.grad.{n}"] = x.grad
        tensors[f"{name}.out"] = out.detach()
        tensors[f"{name}.by"] = by
    save_file(
        {name: x.to(torch.float32).contiguous() for name, x in tensors.items()},
        sys.argv[1],
        {"torch": torch.__version__},
    )


if __name__ == "__main__":
    main()
