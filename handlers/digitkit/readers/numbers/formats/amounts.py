"""What a written number can be worth, whichever of the marks . , and space parts its thousands and whichever its decimals."""

import re
from decimal import Decimal
from typing import Final

USUAL_DECIMALS: Final = 2
# The currencies of ISO 4217 that have another number of decimals.
DECIMALS: Final = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
POINT: Final = r"(?:(?P<point>[.,])(?P<rest>\d+))?"
# With marks between thousands, and without.
WRITTEN: Final = (
    re.compile(r"(?P<sign>-?)(?P<whole>\d{1,3}(?P<mark>[., ])\d{3}(?:(?P=mark)\d{3})*)" + POINT),
    re.compile(r"(?P<sign>-?)(?P<whole>\d+)(?P<mark>)" + POINT),
)
EXACT: Final = 2**53  # JSON's readers keep whole numbers up to here


def decimals_of(currency: str) -> int:
    """The decimals of a currency by its code; the usual number of them for ""."""
    return DECIMALS.get(currency, USUAL_DECIMALS)


def plain_forms(text: str, decimals: int | None = None) -> set[str]:
    """All plain forms of a written number, as 1234.56; none where it is no number, and two where a mark can be either.

    Args:
        decimals: how many a number has if it has any; None for any number of them.
    """
    found = set()
    for form in WRITTEN:
        read = form.fullmatch(text)
        if read is None or (read["point"] and read["point"] == read["mark"]):
            continue
        if read["rest"] and decimals not in (None, len(read["rest"])):
            continue
        whole = read["sign"] + re.sub(r"\D", "", read["whole"])
        found.add(f"{whole}.{read['rest']}" if read["rest"] else whole)
    return found


def is_amount(text: str, decimals: int) -> bool:
    """Whether a text can be an amount of a currency, with all of its decimals or none."""
    return bool(plain_forms(text, decimals))


def worth(text: str, decimals: int | None = None) -> int | float | None:
    """What a text is worth; None where it is no number, can be two, as 1.234 can, or has more digits than JSON's readers keep."""
    amount = exact_amount(text, decimals)
    if amount is None or abs(amount) >= EXACT:
        return None
    return float(amount) if amount.as_tuple().exponent else int(amount)


def exact_amount(text: str, decimals: int | None = None) -> Decimal | None:
    """What a text is worth, with all its decimals; None where it is no number, or can be two."""
    forms = [*plain_forms(text, decimals)]
    return Decimal(forms[0]) if len(forms) == 1 else None
