"""An exponential moving average of a net's weights, which validates better than the last step's and costs next to nothing."""

from torch import Tensor, nn
from torch.optim.swa_utils import PARAM_LIST, AveragedModel, get_ema_multi_avg_fn


def make_average(net: nn.Module, decay: float) -> AveragedModel:
    """A copy of `net` to be updated after every step: each update keeps the share `decay` of what the copy was.

    The first updates keep less, (1 + n) / (10 + n) after n of them, so that the initial weights are soon forgotten however
    short the training is. The running statistics of batch norm are averaged with the weights that they belong to.
    Source of the ramp: tf.train.ExponentialMovingAverage, `num_updates`.
    """

    def update(averaged: PARAM_LIST, current: PARAM_LIST, count: Tensor | int) -> None:
        updates = int(count)
        get_ema_multi_avg_fn(min(decay, (1 + updates) / (10 + updates)))(averaged, current, count)

    return AveragedModel(net, multi_avg_fn=update, use_buffers=True)
