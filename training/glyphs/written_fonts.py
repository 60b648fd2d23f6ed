"""Fonts that were written by hand, each one writer's digits: `python -m training.glyphs.written_fonts` fetches them.

They are packages of npm, of which a file each is kept in FOLDER. Trainings draw with what is there, and with none of them where npm is not.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont
from tqdm import tqdm

from training.glyphs.faces import has

FOLDER = Path("build/hands")
PACKAGE = "@fontsource/{}"
AT_ONCE = 6  # packages that are fetched at the same time
# School hands of many countries and hands of all kinds; ornament, outlines and dots are left out.
FAMILIES = (
    "aguafina-script", "alex-brush", "allison", "allura", "amatic-sc", "amita", "annie-use-your-telescope", "architects-daughter",
    "arizonia", "bad-script", "beth-ellen", "bilbo", "bilbo-swash-caps", "birthstone", "bonheur-royale", "borel", "butterfly-kids",
    "calligraffitti", "caramel", "carattere", "cause", "caveat", "caveat-brush", "cedarville-cursive", "charm", "charmonman", "chilanka",
    "clicker-script", "comforter", "comforter-brush", "comic-neue", "coming-soon", "condiment", "cookie", "corinthia", "courgette",
    "covered-by-your-grace", "crafty-girls", "damion", "dancing-script", "dawning-of-a-new-day", "dekko", "delicious-handrawn", "delius",
    "delius-swash-caps", "delius-unicase", "east-sea-dokdo", "edu-au-vic-wa-nt-hand", "edu-au-vic-wa-nt-pre", "edu-nsw-act-cursive",
    "edu-nsw-act-foundation", "edu-nsw-act-hand-pre", "edu-qld-beginner", "edu-qld-hand", "edu-sa-beginner", "edu-sa-hand",
    "edu-tas-beginner", "edu-vic-wa-nt-beginner", "edu-vic-wa-nt-hand", "engagement", "ephesis", "estonia", "euphoria-script", "explora",
    "felipa", "fleur-de-leah", "fuggles", "fuzzy-bubbles", "gaegu", "gamja-flower", "give-you-glory", "gloria-hallelujah", "gochi-hand",
    "grand-hotel", "grape-nuts", "great-vibes", "grechen-fuemen", "grey-qo", "gwendolyn", "hachi-maru-pop", "handlee",
    "herr-von-muellerhoff", "hi-melody", "homemade-apple", "hurricane", "iansui", "imperial-script", "indie-flower", "italianno", "itim",
    "jim-nightshade", "julee", "just-another-hand", "just-me-again-down-here", "kalam", "kapakana", "kaushan-script", "klee-one",
    "kolker-brush", "kristi", "la-belle-aurore", "league-script", "licorice", "liu-jian-mao-cao", "long-cang", "loved-by-the-king",
    "lovers-quarrel", "lugrasimo", "luxurious-script", "lxgw-wenkai-tc", "ma-shan-zheng", "mali", "mansalva", "marck-script", "mea-culpa",
    "meddon", "meie-script", "meow-script", "merienda", "monsieur-la-doulaise", "montecarlo", "montez", "mr-dafoe", "mr-de-haviland",
    "mrs-saint-delafield", "ms-madi", "my-soul", "mynerve", "nanum-brush-script", "nanum-pen-script", "nerko-one", "neucha", "niconne",
    "norican", "nothing-you-could-do", "oooh-baby", "over-the-rainbow", "pangolin", "parisienne", "passions-conflict", "patrick-hand",
    "patrick-hand-sc", "permanent-marker", "petit-formal-script", "pinyon-script", "playpen-sans", "playwrite-ar", "playwrite-at",
    "playwrite-au-qld", "playwrite-au-vic", "playwrite-be-wal", "playwrite-br", "playwrite-ca", "playwrite-cl", "playwrite-co",
    "playwrite-cu", "playwrite-cz", "playwrite-de-grund", "playwrite-de-sas", "playwrite-dk-loopet", "playwrite-dk-uloopet",
    "playwrite-es", "playwrite-es-deco", "playwrite-fr-moderne", "playwrite-fr-trad", "playwrite-hr", "playwrite-hr-lijeva",
    "playwrite-hu", "playwrite-id", "playwrite-ie", "playwrite-in", "playwrite-is", "playwrite-it-moderna", "playwrite-it-trad",
    "playwrite-mx", "playwrite-ng-modern", "playwrite-nl", "playwrite-no", "playwrite-nz", "playwrite-pe", "playwrite-pl", "playwrite-pt",
    "playwrite-ro", "playwrite-sk", "playwrite-tz", "playwrite-us-modern", "playwrite-us-trad", "playwrite-vn", "playwrite-za",
    "puppies-play", "quintessential", "qwigley", "qwitcher-grypen", "rancho", "redressed", "reenie-beanie", "rochester", "rock-salt",
    "romanesco", "rouge-script", "ruge-boogie", "ruthie", "sacramento", "satisfy", "schoolbell", "sedgwick-ave", "sedgwick-ave-display",
    "send-flowers", "shadows-into-light", "shadows-into-light-two", "short-stack", "slackside-one", "smooch", "sofia", "solitreo",
    "splash", "square-peg", "sriracha", "stalemate", "style-script", "sue-ellen-francisco", "sunshiney", "swanky-and-moo-moo",
    "tangerine", "the-girl-next-door", "the-nautigal", "twinkle-star", "updock", "vibur", "vujahday-script", "waiting-for-the-sunrise",
    "walter-turncoat", "water-brush", "waterfall", "whisper", "windsong", "yellowtail", "yesteryear", "yomogi", "zeyada", "zhi-mang-xing",
)  # fmt: skip


@cache
def written_fonts() -> tuple[Path, ...]:
    """The families in FOLDER that have all digits, sorted by name."""
    return tuple(path for path in sorted(FOLDER.glob("*.ttf")) if has(path, "0123456789"))


def fetch(family: str) -> bool:
    """Keep a family's upright file with Latin letters in FOLDER; returns whether it is there.

    Raises:
        OSError: npm is not on this machine.
    """
    kept = FOLDER / f"{family}.ttf"
    if kept.exists():
        return True
    with tempfile.TemporaryDirectory() as scratch:
        command = ["npm", "pack", "--silent", PACKAGE.format(family)]
        if subprocess.run(command, cwd=scratch, capture_output=True, check=False).returncode:
            return False
        (archive,) = Path(scratch).glob("*.tgz")
        with tarfile.open(archive) as packed:
            names = sorted(name for name in packed.getnames() if name.endswith("-normal.woff") and "-latin-" in name)
            usual = [name for name in names if "-400-" in name] or names
            if not usual:
                return False
            member = packed.extractfile(usual[0])
            assert member is not None, usual
            font = TTFont(io.BytesIO(member.read()))
    font.flavor = None  # what is not packed every FreeType reads
    staged = kept.with_suffix(".part")
    font.save(staged)
    staged.replace(kept)
    return True


def main() -> None:
    """Fetch what is missing, and say which families the registry does not have."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            found = list(tqdm(threads.map(fetch, FAMILIES), total=len(FAMILIES), desc="hands", unit=" fonts"))
    except OSError as err:
        sys.exit(f"written_fonts: {err}; Debian's package npm brings it")
    missing = [family for family, is_there in zip(FAMILIES, found, strict=True) if not is_there]
    print(f"{FOLDER}: {sum(found)} of {len(FAMILIES)} families" + (f"; not found: {' '.join(missing)}" if missing else ""))


if __name__ == "__main__":
    main()
