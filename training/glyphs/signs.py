"""Ink that is no digit: letters and numerals of many scripts, signs, icons, scribbles, marks by hand.

What reads as a digit in some hand or font is left out, by the rules beside the lists: such a glyph would teach a wrong label.
"""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.random import Generator

from digitkit.contract import Picture
from training.augment.pen import penned
from training.glyphs.faces import drawn, faces_with, has
from training.glyphs.glyphs import finished

POOL = 6000  # signs that a process keeps; every one is warped anew whenever it is used
SCRIBBLE_PX = 96
LONG = 7.0  # least length of a scribble, in sides of the square that holds it

# Each script with the share of signs that it has. A character is left out where some font's, or a hasty hand's, reads as
# 0: O o Q, omicron, theta, phi (a slashed zero), zeros and rings of every script, Arabic heh and five, Hebrew samekh and final mem
# 1: I i l, iota, lambda (a caret), Cyrillic i, brackets and strokes, upright arrows, a note, Arabic alef, reh, eight and one,
#    Hebrew vav, zayin, yod, gimel and nun
# 2: Z z, zeta, Arabic dal and hah, Hebrew bet, Kannada and Telugu i, e and va, twos of Indian scripts
# 3: xi, Cyrillic ze and e, Arabic ain, Indian u, Kannada ta and na, threes of Indian scripts, kana ro and ru
# 4: y, Cyrillic u, che and tse, Devanagari, Bengali and Tamil four, lightning
# 5: S s, Bengali da, cha and nga, Telugu ka and na, Arabic yeh, the section sign, kana u, ra and chi
# 6: G b, sigma, delta, the partial sign, Cyrillic be and signs, Arabic tah, Telugu da, sixes, Devanagari eight
# 7: J, tau, eta, >, Hebrew resh, dalet, final kaf, he and qof, Arabic six, kana made of a bar and a leg as fu, wa, ku, ma, ra, a
# 8: B, sharp s, beta, gamma, Cyrillic ve, most eights, infinity, a snowman, the sun 日
# 9: g q, pilcrow, Arabic waw, meem, qaf and nine, Hebrew pe, Bengali pa, nna and seven, other nines
# 10, 11, 61: Cyrillic yu and yeru, kana ri, 川
# Combining marks are left out too, since fonts draw them on a dotted circle.
SCRIPTS: dict[str, float] = {
    "ACDEFHKLMNPRTUVWXYacdefhkmnprtuvwx": 0.32,
    "ÄÅÆÇÉÈÊËÑÜÝäåæçéèêëñüŁŵ": 0.03,
    "ΑΓΔΕΗΚΜΝΞΠΣΤΥΧΨΩακμνπυχψω": 0.06,
    "АГДЕЖИЙКЛМНПТУХШЯадежийклмнптхшя": 0.07,
    "अआएऐओऔकखगघचछजञणतथधनपफबभमयलवशषसह": 0.05,
    "অআঈএঐকখগঘচজঝঞটথদধনফবভমযরলশষস৮": 0.04,
    "ಅಆಈಉಊಓಔಕಗಘಚಛಜಝಞಟಡಢಣಥದಧಪಫಬಭಮಯಶಷಸಹಳ೫೮": 0.04,
    "అఆఈఉఊఒఓఔఖగఘచఛజఝఞటణతథదధపఫబభమయశషసహళ౫౮": 0.04,
    "அஆஇஈஎஏஐஒஓகஙசஜஞடணதநனபமயரலவழளறஷஸஹ௧௩௬௮௯": 0.04,
    "بتثسشصضفكلن٢٣٧": 0.05,
    "אחכלמעצשתץ": 0.04,
    "的是不我有大在人中到大国生上下木水火山年月金土雨田车東西南北學書電話龍飛鳥魚馬家安心手足花草茶文字新古": 0.06,
    "あいえかきけこさしせなにぬねはひふへほまみむめもやゆれんオカキサシセソツテトナニネハヒヘホミメモヤルレン": 0.03,
    "!?#%&+=*@~^<€¥©®†‡÷×±≠≈∑√": 0.08,
    "←→↔⇒⇐⇔↵★☆✓✔✗✘✕♥♦♠♣♫☂☺☹☀☁⚓✈✂✉": 0.05,
}
# Marks and letters by hand, in the notation of the pens' shapes.
MARKS = (
    "0,60 30,100 100,0",
    "0,50 25,90 25,90 100,5",
    "0,0 100,100 / 100,0 0,100",
    "50,0 50,100 / 0,50 100,50",
    "0,30 100,30 / 0,70 100,70",
    "0,50 100,50",
    "0,100 50,0 50,0 100,100 / 20,60 80,60",
    "0,0 0,100 / 100,0 100,100 / 0,50 100,50",
    "0,0 0,100 / 90,0 0,55 0,55 95,100",
    "0,100 0,0 0,0 50,60 50,60 100,0 100,0 100,100",
    "0,100 0,0 0,0 100,100 100,100 100,0",
    "0,0 30,100 30,100 50,40 50,40 70,100 70,100 100,0",
    "0,0 100,0 / 50,0 50,100",
    "0,0 10,80 50,100 90,80 100,0",
    "0,0 50,100 50,100 100,0",
    "90,5 0,5 0,5 0,100 0,100 95,98 / 0,50 70,50",
    "95,5 0,5 0,5 0,100 / 0,48 70,48",
    "0,0 0,100 0,100 90,100",
    "80,20 45,30 10,60 20,95 55,95 85,60 90,25 85,80 100,100",
    "0,40 10,15 40,15 40,100 40,60 70,15 90,30 90,100",
    "10,30 10,85 40,100 80,80 85,30 85,100",
    "5,55 80,50 75,15 35,10 5,50 30,98 90,80",
    "50,0 55,30 90,40 60,55 75,95 45,70 10,90 30,55 0,30 40,30 50,0",
    "5,50 25,35 40,60 60,40 75,60 95,45",
    "0,0 100,0 100,0 100,100 100,100 0,100 0,100 0,0 / 20,50 45,85 90,15",
    "50,0 85,15 100,50 85,85 50,100 15,85 0,50 15,15 50,0 / 30,30 32,38 / 68,30 70,38 / 25,60 50,78 75,60",
    "50,0 0,90 0,90 100,90 100,90 50,0 / 50,30 50,60",
    "0,50 90,50 / 60,20 90,50 90,50 60,80",
    "10,10 20,35 / 50,5 52,35 / 90,10 80,35",
)


def other_glyph(draw: Generator) -> Picture:
    """A glyph of ink that is no digit: uint8 (H, W), bright on dark with soft edges, 40 to 160 px tall, without a margin."""
    return finished(_kept(int(draw.integers(POOL))), draw)


@cache
def _kept(slot: int) -> Picture:
    """The sign in a place of the pool: drawn when it is first asked for, the same in every process."""
    draw = np.random.default_rng((slot,))
    kinds = list(KINDS)
    return kinds[draw.choice(len(kinds), p=list(KINDS.values()))](draw)


def _lettered(draw: Generator) -> Picture:
    """A character of one of SCRIPTS in a font that has it; scripts that no font of this machine has are passed over."""
    scripts = list(SCRIPTS)
    while True:
        script = scripts[draw.choice(len(scripts), p=_script_shares())]
        fonts = faces_with(script[3])
        if not fonts:
            continue
        font, sign = fonts[draw.integers(len(fonts))], script[draw.integers(len(script))]
        if has(font, sign) and (page := drawn(sign, font)) is not None:
            return page


@cache
def _script_shares() -> tuple[float, ...]:
    total = sum(SCRIPTS.values())
    return tuple(share / total for share in SCRIPTS.values())


def _marked(draw: Generator) -> Picture:
    return penned(MARKS[draw.integers(len(MARKS))], draw, height_px=SCRIBBLE_PX, pens=(0.02, 0.14))


def _scribbled(draw: Generator) -> Picture:
    """A smooth line that wanders to and fro and crosses itself, as hands strike out, shade or try a pen.

    It is at least LONG sides long: a shorter one could be a digit in somebody's hand.
    """
    length = 0.0
    while length < LONG:
        count = int(draw.integers(8, 22))
        x = np.cumsum(draw.normal(0.15, 0.6, size=count)) if draw.random() < 0.5 else np.tile([0.0, 1.0], count)[:count]
        y = draw.random(count) if draw.random() < 0.5 else np.linspace(0, 1, count)
        points = np.stack([100 * (x - x.min()) / max(np.ptp(x), 0.1), 100 * y], axis=1) + draw.normal(0, 6, size=(count, 2))
        length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum()) / 100
    return penned(" ".join(f"{a:.0f},{b:.0f}" for a, b in points), draw, height_px=SCRIBBLE_PX, pens=(0.02, 0.1))


def _blotted(draw: Generator) -> Picture:
    """A blot, a spot of dirt or a torn scrap: a cloud above a threshold."""
    cloud = cv2.GaussianBlur(draw.random((SCRIBBLE_PX, SCRIBBLE_PX), dtype=np.float32), (0, 0), draw.uniform(4, 14))
    y, x = np.mgrid[-1 : 1 : SCRIBBLE_PX * 1j, -1 : 1 : SCRIBBLE_PX * 1j]
    cloud = (cloud - cloud.mean()) / cloud.std() - 2.5 * (x * x + y * y) + 1.2
    blot = np.clip(cloud * 200, 0, 255).astype(np.uint8)
    return blot if blot.any() else _scribbled(draw)


KINDS: dict[Callable[[Generator], Picture], float] = {_lettered: 0.68, _marked: 0.16, _scribbled: 0.11, _blotted: 0.05}
