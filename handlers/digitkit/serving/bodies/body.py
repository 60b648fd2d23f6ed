"""What the body of a request holds: its pictures as they came, and those of JSON in KServe's protocol V1.

Every reader of this room returns sources in the request's order, and what makes a file or pixels of each of them: a list is read a few
pictures at a time, and one that is bad by itself is refused by itself. A body that is bad as a whole raises.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.errors import BadRequest, TooLarge
from digitkit.reader import NO_HINTS, Hints
from digitkit.serving.bodies.arrays import arrange, grey_of_colours, to_levels, unflattened
from digitkit.serving.bodies.wrapping import decode_base64, unwrapped
from digitkit.settings import Limits

Source: TypeAlias = bytes | bytearray | Picture

PICTURE_KEYS: Final = ("data", "b64", "image")  # under which an object holds its picture
MAX_DEPTH: Final = 2  # of objects in one another: {"image": {"b64": base64}} is how TensorFlow Serving's clients write it
OBJECTS: Final = '{"data": base64}, {"b64": base64}, {"image": base64}'
V1_FORMS: Final = f"a base64 string, {OBJECTS}, or rows of numbers from 0 to 255 or of fractions from 0 to 1"


class Sources(NamedTuple):
    """The pictures of one request as they came.

    Attributes:
        items: encoded files, values of JSON, or pixels (N, H, W).
        read: an item's bytes or pixels; raises BadRequest.
        targets: what each of them asks to have explained, "" where it does not say; () where none does.
        hints: what each of them says is known of it beforehand; () likewise.
    """

    items: Sequence[Any] | NDArray[np.uint8]
    read: Callable[[Any], Source]
    targets: tuple[str, ...] = ()
    hints: tuple[Hints, ...] = ()


def parse_json(data: bytes | bytearray) -> Any:
    """The JSON in `data`; raises BadRequest."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as err:
        raise BadRequest(f"{len(data)} bytes that are no JSON: {str(err).partition(':')[0]}") from err


def read_instances(body: Mapping[str, Any], limits: Limits) -> Sources:
    """The pictures of a KServe V1 request, {"instances": [...]}.

    Source: KServe's Data Plane V1 protocol, https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
    """
    instances = body["instances"]
    if not isinstance(instances, list) or not instances:
        raise BadRequest(f"instances is {kind_of(instances)}; it must be a list of one or more pictures")
    check_count(len(instances), limits)
    return of_objects(instances)


def of_objects(values: Sequence[Any]) -> Sources:
    """The pictures that values of JSON hold, with what those that are objects ask of them."""
    return Sources(values, read_instance, tuple(field_of(each, "target") for each in values), tuple(map(hints_of, values)))


def as_it_is(item: Any) -> Source:
    """An item that is a file's bytes, or a data URL of them, or pixels already.

    Raises BadRequest of any other: TorchServe parses a part that says it is JSON.
    """
    if isinstance(item, np.ndarray):
        return item
    if not isinstance(item, bytes | bytearray):
        raise BadRequest(f"a part is {kind_of(item)}, by its Content-Type; send the bytes of an encoded picture")
    return unwrapped(item)


def read_instance(value: Any) -> Source:
    """The file or the pixels of one value of JSON: base64, an object that holds it, or numbers; raises BadRequest."""
    for _ in range(MAX_DEPTH):
        if isinstance(value, dict):
            if not value.keys() & set(PICTURE_KEYS):
                raise BadRequest(f"an instance is an object without data, b64 or image; it must be {V1_FORMS}")
            value = next(value[key] for key in PICTURE_KEYS if key in value)
    if isinstance(value, str):
        return decode_base64(value)
    if not isinstance(value, list):
        raise BadRequest(f"an instance is {kind_of(value)}; it must be {V1_FORMS}")
    values = numbers(value)
    flat = unflattened(values) if values.ndim == 1 else values
    if flat is None:
        raise BadRequest(
            f"an instance has 1 dimensions and {values.size} numbers; it must have rows of numbers, or the 784 of a picture of 28 x 28"
        )
    pictures = arrange(to_levels(flat)).pictures
    if len(pictures) != 1:
        raise BadRequest(f"an instance holds {len(pictures)} pictures; each must be an instance of its own")
    return pictures[0] if pictures[0].ndim == 2 else grey_of_colours(pictures[0])


def field_of(value: Any, name: str) -> str:
    """What an object of JSON says under a name, "" where it says nothing."""
    field = value.get(name) if isinstance(value, dict) else None
    if isinstance(field, dict | list):
        return json.dumps(field)
    return "" if field is None else str(field)


def hints_of(value: Any) -> Hints:
    """What an object of JSON says is known of a picture beforehand."""
    return Hints(*(field_of(value, name) for name in Hints._fields)) if isinstance(value, dict) else NO_HINTS


def is_picture(body: Any) -> bool:
    """Whether an object of JSON holds one picture."""
    return isinstance(body, dict) and bool(body.keys() & set(PICTURE_KEYS))


def numbers(values: list[Any]) -> NDArray[np.float64]:
    """Nested lists of numbers as an array; raises BadRequest."""
    try:
        objects = np.asarray(values, dtype=object)  # any other type makes room for the longest string in every element
        array = objects.astype(np.float64) if set(map(type, objects.ravel())) <= {int, float} else np.empty(0)
    except (ValueError, OverflowError, RecursionError) as err:
        raise BadRequest("the rows of numbers are of different lengths, or nested too deeply") from err
    if not array.size:
        raise BadRequest("the pixels are not all numbers from 0 to 255")
    return array


def of_array(pixels: NDArray[np.uint8], limits: Limits) -> tuple[Sources, bool]:
    """The pictures in an array of grey levels, and whether it is a list of them; raises BadRequest and TooLarge."""
    arranged = arrange(pixels)
    check_count(len(arranged.pictures), limits)
    read = as_it_is if isinstance(arranged.pictures, np.ndarray) else grey_of_colours
    return Sources(arranged.pictures, read), arranged.is_list


def check_count(count: int, limits: Limits) -> None:
    """Raises TooLarge for more pictures than one request may bring."""
    if count > limits.pictures:
        raise TooLarge(f"{count} pictures in one request, the limit is {limits.pictures}")


def kind_of(value: Any) -> str:
    """What a JSON value is, in JSON's words."""
    if value is None:
        return "missing or null"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return {dict: "an object", str: "a string", bool: "true or false"}.get(type(value), "a number")
