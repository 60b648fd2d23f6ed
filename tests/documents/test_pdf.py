"""PDFs: how pages are drawn, and which of the text that the file holds counts."""

import time
from dataclasses import replace
from math import inf

import numpy as np
import pytest
from lines import spelled
from made_documents import pdf, picture_object, scanned, stream, written

from digitkit.documents.document import UNSEEN, Document, DocumentPage
from digitkit.documents.file_kinds import open_file
from digitkit.errors import Overloaded, TooLarge
from digitkit.pictures.allowance import Allowance
from digitkit.settings import Limits


def opened(data: bytes, limits: Limits) -> Document:
    document = open_file(data, limits, Allowance(limits.request_pixels, pages=limits.pages))
    assert isinstance(document, Document)
    return document


def first_page(data: bytes, limits: Limits) -> DocumentPage:
    return opened(data, limits).open_page(0, inf)


def signs(page: DocumentPage) -> str:
    assert page.text is not None
    return page.text.signs


def test_a_page_is_drawn_at_150_dpi_upright_and_dark_on_white(limits: Limits) -> None:
    page = first_page(pdf(written((72, 700, "1.234,50"))), limits)
    assert (page.picture.shape, page.picture.dtype, page.dpi) == ((1754, 1240), np.uint8, 150.0)
    rows, columns = np.nonzero(page.picture < 128)
    assert 278 <= rows.min() < rows.max() <= 302
    assert 145 <= columns.min() < columns.max() <= 260


def test_a_page_of_any_size_stays_within_its_pixels(limits: Limits) -> None:
    page = first_page(pdf(written((72, 700, "20417")), size=(40_000, 40_000)), limits)
    assert page.picture.size <= limits.page_pixels * 1.001
    assert page.dpi is not None
    assert page.dpi < 10


def test_the_text_of_the_file_stands_where_the_page_shows_it(limits: Limits) -> None:
    page = first_page(pdf(written((72, 700, "No. 20417"), (300, 100, "7"))), limits)
    assert page.text is not None
    assert page.text.signs.split() == ["No.", "20417", "7"]
    for i, sign in enumerate(page.text.signs):
        if not sign.isspace():
            left, top, right, bottom = page.text.boxes[i].round().astype(int)
            assert page.picture[top : bottom + 1, left : right + 1].min() < 100


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_it_does_so_on_pages_that_are_turned(turned: int, limits: Limits) -> None:
    page = first_page(pdf(written((72, 700, "20417")), Rotate=str(turned).encode()), limits)
    assert page.text is not None
    ys, xs = np.nonzero(page.picture < 128)
    boxes = page.text.boxes[[i for i, sign in enumerate(page.text.signs) if sign.isdigit()]]
    assert [xs.min(), ys.min(), xs.max(), ys.max()] == pytest.approx([*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)], abs=3)


HIDDEN = {
    "white on white": b"1 1 1 rg " + written((72, 600, "666")) + b"0 0 0 rg ",
    "under a red area": written((72, 600, "666")) + b"1 0 0 rg 60 590 200 40 re f 0 0 0 rg ",
    "under a picture": written((72, 600, "666")) + b"q 200 0 0 40 60 590 cm /P Do Q ",
    "in no ink": b"3 Tr " + written((72, 600, "666")) + b"0 Tr ",
    "beside the page": written((700, 600, "666")),
    "below the page": written((72, -50, "666")),
    "too small to see": b"BT /F 0.1 Tf 72 600 Td (666) Tj ET ",
}


@pytest.mark.parametrize("content", HIDDEN.values(), ids=HIDDEN)
def test_text_that_nobody_can_see_does_not_count(content: bytes, limits: Limits) -> None:
    picture = picture_object(np.tile(np.arange(256, dtype=np.uint8), (64, 1)))
    page = first_page(pdf(content + written((72, 700, "20417")), objects=[picture], XObject=b"<< /P 6 0 R >>"), limits)
    assert signs(page).replace(UNSEEN, "").split() == ["20417"]
    alone = first_page(pdf(content, objects=[picture], XObject=b"<< /P 6 0 R >>"), limits)
    assert alone.text is None


def test_a_scanned_page_has_a_picture_and_no_text(limits: Limits) -> None:
    line = np.asarray(255 - spelled("20417"), dtype=np.uint8)
    page = first_page(scanned(line), limits)
    assert page.text is None
    assert page.picture.std() == pytest.approx(line.std(), rel=0.1)


def test_a_form_that_is_filled_in_shows_its_fields(limits: Limits) -> None:
    look = stream(written((2, 5, "314")), b"/Subtype /Form /BBox [0 0 200 20] /Resources << /Font << /F 3 0 R >> >>")
    field = b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (a) /V (314) /F 4 /Rect [72 600 272 620] /AP << /N 7 0 R >> >>"
    form = pdf(b"", objects=[field, look], Annots=b"[6 0 R]").replace(b"/Type /Catalog", b"/Type /Catalog /AcroForm << /Fields [6 0 R] >>")
    page = first_page(form, limits)
    assert (page.picture < 128).sum() > 50
    assert signs(page) == "314"


def test_a_page_that_takes_too_long_is_given_up(limits: Limits) -> None:
    document = opened(pdf(b"0 0 m 500 800 l 10 300 l f\n" * 1_000, packed=True), limits)
    with pytest.raises(Overloaded, match="before a page of the PDF was drawn"):
        document.open_page(0, time.perf_counter())
    assert document.open_page(0, inf).picture.min() == 0
    with pytest.raises(TooLarge, match="has more lines"):
        first_page(pdf(b"0 0 m 500 800 l 10 300 l f\n" * 30_000, packed=True), limits)


def test_no_page_is_opened_before_it_is_asked_for(limits: Limits) -> None:
    broken = pdf(written((72, 700, "1"))).replace(b"/MediaBox [0 0 595 842]", b"/MediaBox [0 0 0 0]    ")
    assert opened(broken, limits).count == 1


def test_a_document_of_more_pages_than_the_limit_is_refused(limits: Limits) -> None:
    pages = [written((72, 700, str(i))) for i in range(4)]
    assert opened(pdf(*pages), replace(limits, pages=4)).count == 4
    with pytest.raises(TooLarge, match="a document of 4 pages or more; 3 are left"):
        opened(pdf(*pages), replace(limits, pages=3))


def test_all_documents_of_a_request_share_its_pages(limits: Limits) -> None:
    allowance = Allowance(limits.request_pixels, pages=3)
    for _ in range(3):
        open_file(pdf(written((72, 700, "1"))), limits, allowance)
    with pytest.raises(TooLarge, match="0 are left"):
        open_file(pdf(written((72, 700, "1"))), limits, allowance)
