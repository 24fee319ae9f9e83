"""Estimate the cost of a training (FLOPs, memory, hours) from its first step."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from rich.table import Table
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode, bmm_flop, sdpa_flop

from sciformer.arguments import check_least, check_positive
from sciformer.report.terminal import terminal

FROZEN = 4  # bytes per parameter: fp32 weight
TRAINED = 16  # and gradient, and AdamW's two averages
ATEN = torch.ops.aten


class Cost(Callback):
    """Measure the first training step and print the cost of the training.

    Floating-point operations are those of matrix products in forward and backward pass; a
    multiply-add counts as two. Memory per rank is 16 bytes per trained parameter (fp32 weights,
    gradients and AdamW's averages) and 4 per frozen one, divided over ranks under FSDP, plus
    activations stored for the backward pass. Use it with ``--trainer.fast_dev_run true``, which
    ends after one step and writes nothing.

    Args:
        tflops: Sustained speed of one device in 10^12 operations per second.
        ranks: Number of devices.
    """

    def __init__(self, tflops: float = 100.0, ranks: int = 8) -> None:
        check_positive(tflops=tflops)
        check_least(ranks=(ranks, 1))
        self.rate = tflops * 1e12
        self.ranks = ranks
        self.flops = FlopCounterMode(display=False, custom_mapping=CPU)
        self.kept: dict[int, int] = {}

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == 0:
            self.own = {p.data_ptr() for p in pl_module.parameters()}
            self.hooks = saved_tensors_hooks(self._keep, lambda tensor: tensor)
            self.hooks.__enter__()
            self.flops.__enter__()

    def _keep(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self.own:
            self.kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == 1:
            self.flops.__exit__(None, None, None)
            self.hooks.__exit__(None, None, None)
            terminal().print(self._table(len(batch[0]), pl_module))

    def _table(self, samples: int, module: LightningModule) -> Table:
        sizes = [(p.numel(), TRAINED if p.requires_grad else FROZEN) for p in module.parameters()]
        parameters, state = sum(n for n, _ in sizes), sum(n * each for n, each in sizes)
        flops = self.flops.get_total_flops() / samples
        kept = sum(self.kept.values()) / samples
        hours = flops * 1e6 / self.rate / self.ranks / 3600
        table = Table("Cost of the training, from its first step", "")
        table.add_row("parameters", f"{parameters:,}")
        table.add_row("FLOPs per sample, forward and backward", f"{flops:.3g}")
        table.add_row("weights, gradients, AdamW per rank: DDP", _mib(float(state)))
        table.add_row(
            f"weights, gradients, AdamW per rank: FSDP, {self.ranks} ranks",
            _mib(state / self.ranks),
        )
        table.add_row("kept for the backward, per sample of a rank", _mib(kept))
        rate = f"{self.ranks} ranks of {self.rate / 1e12:g} TFLOP/s"
        table.add_row(f"hours per million samples, {rate}", f"{hours:.3g}")
        return table


def _mib(size: float) -> str:
    return f"{size / 2**20:,.1f} MiB"


def _added(_: Any, a: Any, b: Any, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
    return bmm_flop(a, b)


def _attention(q: Any, k: Any, v: Any, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
    return sdpa_flop(q, k, v)


def _attention_backward(_: Any, q: Any, k: Any, v: Any, *args: Any, **kwargs: Any) -> int:
    return 5 * sdpa_flop(q, k, v) // 2  # five products for two, as the scores are computed again


CPU = {  # what torch's own table lacks
    ATEN.baddbmm_: _added,
    ATEN._scaled_dot_product_flash_attention_for_cpu: _attention,
    ATEN._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
}
