"""An amount that is written in words, as cheques have it, in English, German, French, Spanish or Chinese."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from digitkit.errors import BadRequest, UnsupportedMedia

LONGEST: Final = 300  # characters of the words
ACCEPTED: Final = (
    '"one thousand and 50/100 dollars", "twelve euros and five cents" and the like in English, German, French or Spanish, or 壹仟元伍角整'
)


class CashWords(NamedTuple):
    """What stands beside the numbers in an amount of one language: currencies, their hundredths, what joins both, and what fills a line."""

    currencies: frozenset[str]
    hundredths: frozenset[str]
    joints: frozenset[str]
    fillers: frozenset[str]


def _words(currencies: str, hundredths: str, joints: str, fillers: str) -> CashWords:
    return CashWords(*(frozenset(each.split()) for each in (currencies, hundredths, joints, fillers)))


LANGUAGES: Final = {
    "en": _words(
        "dollar dollars euro euros pound pounds franc francs peso pesos rupee rupees rand yen yuan",
        "cent cents penny pennies pence centime centimes centavo centavos",
        "and",
        "only exactly",
    ),
    "de": _words("euro dollar franken pfund mark yen yuan", "cent cents rappen pfennig pence", "und", "genau nur"),
    "fr": _words(
        "euro euros franc francs dollar dollars livre livres dirham dirhams dinar dinars", "cent cents centime centimes", "et", "seulement"
    ),
    "es": _words(
        "euro euros peso pesos dólar dólares dolar dolares peseta pesetas sol soles libra libras franco francos",
        "céntimo céntimos centimo centimos centavo centavos",
        "con y",
        "exactos justos solamente",
    ),
}
# Spellings that are right, or common, each with one that text2num knows; there is no word that another language has as well.
SPELLINGS: Final = (
    *((r"\ba\b", "one"), (r"\beine\b", "ein"), (r"\bune\b", "un"), (r"\buna\b", "un"), ("fuenf", "fünf"), ("zwoelf", "zwölf")),
    *((r"veinti[uú]n\b", "veintiuno"), ("veintidos", "veintidós"), ("veintitres", "veintitrés"), ("veintiseis", "veintiséis")),
)
SHARE: Final = re.compile(r"(?:(\d\d?)|no|xx)/100")  # hundredths in figures, and two ways to write that there are none
CHINESE: Final = re.compile(
    "(?:人民[币幣])?(?P<units>[^元圆圓角分整正]+)[元圆圓]?(?:零?(?P<tenths>.)角)?(?:零?(?P<hundredths>.)分)?[整正]?"
)
VARIANTS: Final = str.maketrans("參参", "叁叁")  # of Chinese numerals, that cn2an does not know


def written_amount(words: str) -> Decimal:
    """The amount that words name in one of the languages; raises BadRequest.

    Raises UnsupportedMedia where the environment is without the extra `words`.
    """
    if len(words) > LONGEST:
        raise BadRequest(f"the words have {len(words)} characters, the limit is {LONGEST}")
    try:
        found = {amount for amount in _readings(words) if amount is not None}
    except ImportError as err:
        raise UnsupportedMedia("amounts in words are not read here: the server's environment is without the extra words") from err
    if len(found) != 1:
        named = "different amounts" if found else "no amount"
        raise BadRequest(f"the words, of {len(words)} characters, name {named}; they must be {ACCEPTED}")
    return found.pop()


def _readings(words: str) -> Iterable[Decimal | None]:
    """What words say in each language that they may be of."""
    plain = unicodedata.normalize("NFC", words).casefold()
    if any("\u4e00" <= sign <= "\u9fff" for sign in plain):
        return [_chinese("".join(plain.split()).translate(VARIANTS))]
    for spelling, known in SPELLINGS:
        plain = re.sub(spelling, known, plain)
    tokens = re.sub(r"[*#.,]|(?<!\w)-|-(?!\w)", " ", re.sub(r"\s*/\s*", "/", plain)).split()
    return [_in_language(tokens, language) for language in LANGUAGES]


def _in_language(tokens: Sequence[str], language: str) -> Decimal | None:
    """What words say in a language; None where that is no amount."""
    beside = LANGUAGES[language]
    shares = [found for token in tokens if (found := SHARE.fullmatch(token))]
    spoken = [token for token in tokens if token not in beside.fillers and not SHARE.fullmatch(token)]
    middle = next((i for i, token in enumerate(spoken) if token in beside.currencies), len(spoken))
    units, rest = spoken[:middle], spoken[middle + 1 :]
    if units and units[-1] in beside.joints:
        units = units[:-1]
    if rest and rest[0] in beside.joints:
        rest = rest[1:]
    parts = [token for token in rest if token not in beside.hundredths]
    if len(shares) > 1 or (shares and parts):
        return None
    hundredths = int(shares[0][1] or 0) if shares else _spoken(parts, language) if rest else 0
    return _amount(_spoken(units, language), hundredths)


def _spoken(tokens: Sequence[str], language: str) -> int | None:
    """The whole number that words say, None where they say none."""
    from text_to_num import text2num

    try:
        found: int = text2num(" ".join(tokens), language)
    except ValueError:
        return None
    return found


def _chinese(words: str) -> Decimal | None:
    read = CHINESE.fullmatch(words)
    if read is None:
        return None
    tenths, hundredths = (_in_chinese(read[name]) if read[name] else 0 for name in ("tenths", "hundredths"))
    return _amount(_in_chinese(read["units"]), None if tenths is None or hundredths is None else 10 * tenths + hundredths)


def _in_chinese(words: str) -> int | None:
    from cn2an import cn2an

    try:
        found = cn2an(words, "normal")
    except ValueError:
        return None
    return found if isinstance(found, int) and found >= 0 else None


def _amount(units: int | None, hundredths: int | None) -> Decimal | None:
    return None if units is None or hundredths is None or hundredths > 99 else units + Decimal(hundredths).scaleb(-2)
