"""TIFF files of several pages, as scanners and faxes write them."""

import io
import warnings
from functools import partial

from PIL import Image

from digitkit.documents.document import Document, DocumentPage
from digitkit.errors import UnreadablePicture
from digitkit.pictures.allowance import Allowance
from digitkit.pictures.codec import DECODER_FAULTS, decode_picture
from digitkit.settings import Limits


def open_tiff(data: bytes, limits: Limits, allowance: Allowance) -> Document | None:
    """The document in a TIFF of several pages; None where it has one, and for what decode_picture refuses in its own words.

    Raises:
        TooLarge: it has more pages than the limit.
        UnreadablePicture: the directory of a page is damaged.
    """
    resolutions = _resolutions(data, limits.pages)
    if len(resolutions) < 2:
        return None
    allowance.turn(len(resolutions))
    return Document(len(resolutions), partial(_page, data, limits, resolutions))


def _resolutions(data: bytes, most: int) -> list[float | None]:
    """The dots per inch of each page, None where it does not say, of up to one page more than the limit."""
    found: list[float | None] = []
    with warnings.catch_warnings(action="ignore"):  # Pillow warns of odd metadata; the pictures are what counts
        try:
            with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
                while len(found) <= most:
                    image.seek(len(found))
                    across = float(image.info.get("dpi", (0, 0))[0])
                    found.append(across if across > 1 else None)  # 1 stands for an unknown one
        except EOFError:  # the page before was the last one
            return found
        except DECODER_FAULTS as err:
            if len(found) < 2:  # a picture that says more follows, and is whole
                return found
            raise UnreadablePicture(f"page {len(found) + 1} of the TIFF has a damaged directory") from err
        except Image.DecompressionBombError:
            return []
    return found


def _page(data: bytes, limits: Limits, resolutions: list[float | None], index: int, deadline: float) -> DocumentPage:
    return DocumentPage(decode_picture(data, limits, frame=index), resolutions[index])
