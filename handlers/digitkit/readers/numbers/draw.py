"""A picture with its numbers drawn into it: a frame around each, green where it is accepted and red where it is not, and its text above;
the regions of a template in blue.
"""

import io
from math import inf
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digitkit.readers.numbers.number import Transcript

ACCEPTED, REFUSED, REGION = (0, 140, 60), (214, 39, 40), (31, 119, 180)
LONGEST_PX: Final = 2000  # sides of a drawing; a photo is drawn smaller
LEAST_PX: Final = 320  # a drawing's longer side, so that the texts can be read
TEXT: Final = 0.5  # height of a text, as a share of its number's
TEXT_PX: Final = (12, 32)  # the least and the greatest height of a text


def to_png(transcript: Transcript) -> bytes:
    """The picture with its numbers, or the first page that was asked for of a document, as a PNG in colour; raises why it was not read."""
    first = transcript.pages[0]
    if first.error is not None:
        raise first.error
    picture = transcript.document.open_page(first.number - 1, inf).picture
    numbers = [number for number in transcript.numbers if number.page == first.number]
    tall, wide = picture.shape
    scale = min(LONGEST_PX, max(LEAST_PX, tall, wide)) / max(tall, wide)
    size = (max(1, round(wide * scale)), max(1, round(tall * scale)))
    page = Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)
    heights = [np.hypot(*np.subtract(number.quad[3], number.quad[0])) * scale for number in numbers]
    text_px = int(np.clip(TEXT * max(heights, default=0), *TEXT_PX))
    above = 2 * text_px  # room for the texts of what stands at the upper edge
    drawing = Image.new("RGB", (size[0], size[1] + above), "white")
    drawing.paste(page, (0, above))
    pen, font = ImageDraw.Draw(drawing), ImageFont.load_default(text_px)
    for read in (transcript.fields or {}).values():
        if read.page == first.number:
            pen.polygon([(x * scale, y * scale + above) for x, y in read.quad], outline=REGION)
    for number in numbers:
        colour = ACCEPTED if number.accepted else REFUSED
        quad = [(x * scale, y * scale + above) for x, y in number.quad]
        pen.polygon(quad, outline=colour, width=2)
        text = f"{number.text}  {number.confidence:.2f}"
        left, top = (min(corner[axis] for corner in quad) for axis in (0, 1))
        left = max(0.0, min(left, size[0] - pen.textlength(text, font)))  # all of it is to be seen
        pen.text((left, top - 3), text, fill=colour, font=font, anchor="ls")
    buffer = io.BytesIO()
    drawing.save(buffer, format="PNG")
    return buffer.getvalue()
