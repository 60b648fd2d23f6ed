"""What is put under load: a model, its task, and the pictures that it is sent, whose right answers are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.model_list import DIGITS, read_models
from loadtest.strict_yaml import WrongSettings, read_yaml
from testbed.answers import contradictions
from testbed.pictures import load_pictures


@dataclass(frozen=True, slots=True)
class SentPicture:
    """A picture that users send.

    Attributes:
        body: the encoded file.
        answer: what the JSON answer says if the picture is read correctly; it may say more.
    """

    body: bytes
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """A model under load, under its name in TorchServe."""

    name: str
    task: str
    pictures: Sequence[SentPicture]

    @property
    def bodies(self) -> list[bytes]:
        return [picture.body for picture in self.pictures]

    def accuracy(self, answers: Sequence[Any]) -> float:
        """The share of the pictures that are read correctly, 0 to 1, judged by the parsed answers to them."""
        pairs = zip(answers, self.pictures, strict=True)
        return sum(not contradictions(answer, picture.answer) for answer, picture in pairs) / len(self.pictures)


def find_subject(name: str, models: Path, data_root: Path, pictures: Path | None = None) -> Subject:
    """A model of the list `models`; one that is not in the list, on another server, is taken to read digits.

    Args:
        pictures: the file of those that are sent, where it is not that of the list.
    Raises:
        WrongSettings: the pictures that the list names cannot be used, or it names none for a task other than digits.
        PicturesError: MNIST's test pictures are needed and missing.
        ServerError: the list cannot be read.
    """
    listed = read_models(models).get(name)
    task = listed.task if listed else DIGITS
    sent = pictures or (listed.pictures if listed else None)
    if sent:
        return Subject(name, task, _read_pictures(sent))
    if task != DIGITS:
        raise WrongSettings(f"{models.name} names no pictures for {name}: MNIST's test pictures do not tell what its answers must say")
    return Subject(name, task, [SentPicture(picture.png, {"digit": picture.label}) for picture in load_pictures(data_root)])


def _read_pictures(path: Path) -> list[SentPicture]:
    told = read_yaml(path)
    if unknown := [name for name, answer in told.items() if not isinstance(answer, dict) or not answer]:
        raise WrongSettings(f"{path}: {unknown[0]} must have what the answer to it says, as {{digit: 7}}")
    try:
        return [SentPicture((path.parent / name).read_bytes(), answer) for name, answer in told.items()]
    except OSError as err:
        raise WrongSettings(f"{path} names a picture that cannot be read: {err}") from err
