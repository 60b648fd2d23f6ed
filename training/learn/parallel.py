"""Data-parallel training: the processes that torchrun started, each with its share of every batch.

The batch stays the recipe's. Every process draws the same order and takes every size-th picture of a batch; their gradients are
averaged, so that all take the step that one process would take. Batch norm is the exception: it normalises over a process's
own share, and the first one's running statistics are those that are kept.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from training.recipe import TrainingError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Group:
    """The processes of one training, seen from one of them. Without arguments, a process alone.

    Attributes:
        rank: of this process, 0 to size - 1; the first one prints, evaluates and writes files.
        size: how many there are, on all machines.
        local_rank: of this process among those of its machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def wrap(self, net: nn.Module) -> nn.Module:
        """The net to call in a training step: its gradients come out averaged over the processes."""
        return net if self.size == 1 else DistributedDataParallel(net, forward_sync_buffers=False)

    def shares(self, order: Tensor, batch_size: int) -> list[Tensor]:
        """This process's share of each batch; within a batch every process has equally many pictures.

        Where the number of pictures is no multiple of the processes, the first few come twice in an epoch.
        """
        filled = torch.cat([order, order[: -len(order) % self.size]])
        return [batch[self.rank :: self.size] for batch in filled.split(batch_size)]

    def share(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """This process's share of a batch that all have drawn; all of it where it has fewer pictures than there are processes."""
        return batch if len(batch[0]) < self.size else tuple(part[self.rank :: self.size] for part in batch)

    def wait(self) -> None:
        """Wait until every process has come to this point."""
        if self.size > 1:
            distributed.barrier()

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make` returns on the first process, on all of them; the others wait for it."""
        if self.size == 1:
            return make()
        made = [make() if self.is_first else None]
        distributed.broadcast_object_list(made)
        return cast(T, made[0])


ALONE = Group()


@contextmanager
def joined(device: str) -> Iterator[Group]:
    """The group of the processes that torchrun started, NCCL's on GPUs and gloo's on CPUs; ALONE without torchrun.

    Raises:
        TrainingError: a GPU was asked for by its number, or there are more processes than GPUs.
    """
    if not distributed.is_torchelastic_launched():
        yield ALONE
        return
    rank, size, local_rank = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    if ":" in device:
        raise TrainingError(f"device {device!r} with torchrun: every process takes the GPU of its own number; use auto, cuda or cpu")
    if on_gpu and local_rank >= torch.cuda.device_count():
        raise TrainingError(
            f"process {local_rank} has no GPU of its own, this machine has {torch.cuda.device_count()}; start no more processes"
        )
    if on_gpu:
        torch.cuda.set_device(local_rank)
        distributed.init_process_group("nccl", device_id=torch.device("cuda", local_rank))
    else:
        distributed.init_process_group("gloo")
    try:
        yield Group(rank, size, local_rank)
    finally:
        distributed.destroy_process_group()
