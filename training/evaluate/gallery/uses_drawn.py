"""The pictures of docs/uses.md, each drawn as people send them for that use."""

from collections.abc import Callable, Mapping
from typing import Final

from digitkit.contract import Picture
from training.data.mnist import Split
from training.evaluate.gallery.collage import MACHINE_READABLE, MONOSPACED, Collage
from training.lines import displays, dot_rows, drums

DARK, LIT = 0.12, 0.92
CARD_MM = (85.6, 54.0)  # ISO 7810, ID-1
MRZ = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")  # ICAO 9303, part 5


def house_number(train: Split) -> Picture:
    sign = Collage((220, 320), train, 1, ground=0.25, ink=LIT)
    sign.print("128", 70, 68, 84)
    sign.rule(40, 30, 280, 190)
    return sign.picture(4)


def plate(train: Split) -> Picture:
    plate = Collage((120, 480), train, 2, ground=0.85, ink=DARK)
    plate.print("KX 4721", 60, 32, 54, spacing=0.1)
    plate.rule(8, 8, 471, 111)
    return plate.picture(2)


def identity_card(train: Split) -> Picture:
    px_mm = 8
    width, height = (round(side * px_mm) for side in CARD_MM)
    card = Collage((height, width), train, 3, ground=0.88)
    card.print("UTOPIA", 40, 40, 20)
    for i, line in enumerate(MRZ):
        card.print(line, 30, round((54 - 18.8 + 6 * i - 1.3) * px_mm), 21, font=MACHINE_READABLE, spacing=0.05)
    return card.picture()


def medical_display(train: Split) -> Picture:
    screen = Collage((260, 420), train, 4, ground=0.06, ink=LIT)
    for i, (name, value) in enumerate((("HR", "72"), ("NIBP", "120/80"), ("SpO2", "98"))):
        screen.print(name, 20, 34 + 80 * i, 14)
        screen.print(value, 150, 24 + 80 * i, 40)
    return screen.picture()


def product_label(train: Split) -> Picture:
    label = Collage((150, 420), train, 5, ground=0.8)
    label.put(dot_rows.printed("12/05/2026", label.draw), 40, 30, 34)
    label.put(dot_rows.printed("48210", label.draw), 40, 92, 34)
    return label.picture(-3)


def handwritten_note(train: Split) -> Picture:
    note = Collage((260, 360), train, 13)
    for i, amount in enumerate(("12,50", "8,75", "21,25")):
        note.write(amount, 120, 30 + 80 * i, 36)
    note.rule(90, 176, 300, 176)
    return note.picture(2)


def stamped_serial(train: Split) -> Picture:
    stamp = Collage((180, 420), train, 7, ground=0.7, ink=0.25)
    stamp.print("No 048213", 60, 72, 36, font=MONOSPACED, spacing=0.1)
    return stamp.picture(9)


def odometer(train: Split) -> Picture:
    dashboard = Collage((260, 520), train, 12, ground=0.1, ink=0.7)
    dashboard.put(drums.counter(dashboard.draw), 140, 120, 30)
    dashboard.print("km/h", 220, 40, 20)
    return dashboard.picture()


def meter_display(train: Split) -> Picture:
    meter = Collage((200, 420), train, 45, ground=0.6)
    meter.put(displays.display(meter.draw), 90, 70, 56)
    meter.print("kWh", 330, 160, 16)
    return meter.picture()


def form(train: Split) -> Picture:
    page = Collage((1170, 827), train, 10)
    page.print("Invoice", 90, 100, 26)
    for i, (name, value) in enumerate((("Date", "14.03.2026"), ("Number", "2026-0417"), ("Customer", "10482"))):
        page.print(name, 420, 126 + 47 * i, 12)
        page.print(value, 560, 124 + 47 * i, 15)
    for i, (name, value) in enumerate((("2 Lamps", "84,00"), ("1 Table", "129,50"))):
        page.print(name, 90, 420 + 50 * i, 14)
        page.print(value, 600, 420 + 50 * i, 15)
    page.rule(90, 900, 740, 900)
    page.print("Total", 420, 930, 16)
    page.print("213,50", 600, 930, 16)
    return page.picture()


def cheque(train: Split) -> Picture:
    paper = Collage((320, 704), train, 23, ground=0.85)
    paper.print("Bank of Utopia", 30, 26, 18)
    paper.write("14.03.2026", 476, 38, 22)
    paper.rule(470, 68, 680, 68)
    paper.print("One thousand two hundred thirty-four and 50/100", 30, 180, 13)
    paper.rule(510, 100, 688, 164)
    paper.write("1234.50", 530, 116, 30)
    paper.print("00048213 120000661 7", 60, 284, 18, font=MACHINE_READABLE, spacing=0.1)
    return paper.picture()


def receipt(train: Split) -> Picture:
    slip = Collage((420, 300), train, 13)
    slip.print("SHOP", 110, 20, 20, font=MONOSPACED)
    for i, (name, value) in enumerate((("Bread", "3.20"), ("Milk", "1.49"), ("Cheese", "8.05"))):
        slip.print(name, 24, 100 + 54 * i, 16, font=MONOSPACED)
        slip.print(value, 200, 100 + 54 * i, 16, font=MONOSPACED)
    slip.rule(20, 280, 280, 280)
    slip.print("TOTAL", 24, 320, 20, font=MONOSPACED)
    slip.print("12.74", 190, 320, 20, font=MONOSPACED)
    return slip.picture()


def register_cell(train: Split) -> Picture:
    cell = Collage((90, 200), train, 3, ground=0.8, ink=0.3)
    cell.write("1847", 40, 26, 36)
    cell.rule(4, 4, 195, 84)
    return cell.picture(1)


DRAWN: Final[Mapping[str, Callable[[Split], Picture]]] = {
    each.__name__: each
    for each in (
        *(house_number, plate, identity_card, medical_display, product_label, handwritten_note, stamped_serial),
        *(odometer, meter_display, form, cheque, receipt, register_cell),
    )
}
