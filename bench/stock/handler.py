"""The baseline: a digit handler as TorchServe's documentation teaches it, on TorchServe's own image classifier.

Everything but the scaling of the pictures is TorchServe's: decoding, batching, softmax, the five best classes as the answer.
"""

from torchvision import transforms
from ts.torch_handler.image_classifier import ImageClassifier

from digitkit.readers.digits.digit import MNIST_MEAN, MNIST_STD


class StockHandler(ImageClassifier):  # type: ignore[misc]
    """TorchServe's image classifier for pictures of 28 x 28 px."""

    image_processing = transforms.Compose([transforms.ToTensor(), transforms.Normalize((MNIST_MEAN,), (MNIST_STD,))])
