"""The forms of exchange: folders, CSV, COCO and Label Studio. Each writes what stands beside the pictures, and reads it back."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from loop.agreement import DIGITS, LABELLED
from loop.exchange.labelled import PICTURES_ROOM, ExchangeError, Labelled

DIGITS_ROOM: Final = "digits"  # of digits' folders, which make finetune takes
COLUMNS: Final = ("path", "label", "sha256", "model", "read", "confidence")
CSV_FILE, COCO_FILE, TASKS_FILE, INTERFACE_FILE = "labels.csv", "annotations.json", "tasks.json", "label-studio.xml"
NAME, OBJECT = "digit", "image"  # of Label Studio's control, and of what it labels
INTERFACE: Final = f"""<View>
  <Image name="{OBJECT}" value="$image" zoom="true"/>
  <Choices name="{NAME}" toName="{OBJECT}" choice="single" showInLine="true">
{"".join(f'    <Choice value="{label}"/>' + chr(10) for label in LABELLED)}  </Choices>
</View>
"""


class ExchangeForm(NamedTuple):
    """A form of exchange.

    Attributes:
        room: the folder of a picture with a label.
        write: what stands beside the pictures.
        read: the labels of a folder; raises ExchangeError.
    """

    room: Callable[[str], str]
    write: Callable[[Path, Sequence[Labelled]], None]
    read: Callable[[Path], Iterator[Labelled]]


def in_pictures(label: str) -> str:
    return PICTURES_ROOM


def in_folders(label: str) -> str:
    """The folder of a label; those of digits stand by themselves, as make finetune takes them."""
    return f"{DIGITS_ROOM}/{label}" if label in DIGITS else label or "open"


def write_nothing(folder: Path, written: Sequence[Labelled]) -> None:
    """The folders say it all."""


def read_folders(folder: Path) -> Iterator[Labelled]:
    for label in LABELLED:
        for path in sorted((folder / in_folders(label)).glob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield Labelled(str(path.relative_to(folder)), label)


def write_csv(folder: Path, written: Sequence[Labelled]) -> None:
    with (folder / CSV_FILE).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for each in written:
            read = (each.answer.model, each.answer.label, round(each.answer.confidence, 4)) if each.answer else ("", "", "")
            table.writerow((each.path, each.label, each.sha256, *read))


def read_csv(folder: Path) -> Iterator[Labelled]:
    try:
        with (folder / CSV_FILE).open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file, strict=True):
                yield Labelled(row["path"] or "", row["label"] or "")
    except (KeyError, UnicodeDecodeError, csv.Error) as err:
        raise ExchangeError(f"{folder / CSV_FILE} is no CSV in UTF-8 with the columns path and label: {err}") from err


def write_coco(folder: Path, written: Sequence[Labelled]) -> None:
    """A box around the whole picture: what is known is what it shows, and not where."""
    images = [
        {"id": i, "file_name": each.path, "width": each.width, "height": each.height, "sha256": each.sha256}
        for i, each in enumerate(written, 1)
    ]
    annotations = [
        {
            **{"id": i, "image_id": i, "category_id": LABELLED.index(each.label), "bbox": [0, 0, each.width, each.height]},
            **{"area": each.width * each.height, "iscrowd": 0, "segmentation": []},
        }
        for i, each in enumerate(written, 1)
        if each.label
    ]
    categories = [{"id": i, "name": label, "supercategory": "digit"} for i, label in enumerate(LABELLED)]
    _write_json(folder / COCO_FILE, {"images": images, "annotations": annotations, "categories": categories})


def read_coco(folder: Path) -> Iterator[Labelled]:
    told = _read_json(folder / COCO_FILE)
    try:
        names = {category["id"]: str(category["name"]) for category in told["categories"]}
        labels: dict[Any, str] = {}
        for annotation in told["annotations"]:
            labels.setdefault(annotation["image_id"], names[annotation["category_id"]])
        yield from (Labelled(image["file_name"], labels.get(image["id"], "")) for image in told["images"])
    except (KeyError, TypeError) as err:
        raise ExchangeError(f"{folder / COCO_FILE} is no file of COCO: {err}") from err


def write_label_studio(folder: Path, written: Sequence[Labelled]) -> None:
    """Tasks with their labels as annotations and what was read as predictions, and the interface that they are labelled in."""
    (folder / INTERFACE_FILE).write_text(INTERFACE)
    tasks = []
    for each in written:
        task: dict[str, Any] = {"data": {"image": each.path, "sha256": each.sha256}}
        if each.label:
            task["annotations"] = [{"result": [_choice(each.label)]}]
        if each.answer is not None and each.answer.label in LABELLED:
            version = f"{each.answer.model} {each.answer.version}"
            task["predictions"] = [{"model_version": version, "score": each.answer.confidence, "result": [_choice(each.answer.label)]}]
        tasks.append(task)
    _write_json(folder / TASKS_FILE, tasks)


def _choice(label: str) -> dict[str, Any]:
    return {"from_name": NAME, "to_name": OBJECT, "type": "choices", "value": {"choices": [label]}}


def read_label_studio(folder: Path) -> Iterator[Labelled]:
    """The last annotation of each task that has one; the picture's address is a path, or names one in its parameter `d`."""
    try:
        for task in _read_json(folder / TASKS_FILE):
            results = [result for annotation in task.get("annotations", []) for result in annotation["result"]]
            labels = [result["value"]["choices"][0] for result in results if result.get("from_name") == NAME]
            address = urlsplit(task["data"]["image"])
            path = parse_qs(address.query).get("d", [unquote(address.path)])[0]
            yield Labelled(path.lstrip("/"), labels[-1] if labels else "")
    except (KeyError, TypeError, AttributeError, IndexError) as err:
        raise ExchangeError(f"{folder / TASKS_FILE} is no export of Label Studio in JSON: {err}") from err


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as err:
        raise ExchangeError(f"{path} is no JSON in UTF-8: {err}") from err


FORMS: Final = {
    "folder": ExchangeForm(in_folders, write_nothing, read_folders),
    "csv": ExchangeForm(in_pictures, write_csv, read_csv),
    "coco": ExchangeForm(in_pictures, write_coco, read_coco),
    "label-studio": ExchangeForm(in_pictures, write_label_studio, read_label_studio),
}
