"""The fonts and pictures that the eye is trained on beside MNIST: which packages bring them, which files they are, what is missing.

Everything here works with what a machine has. The training of the eye asks `demand` first, so that two trainings see the same.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from training.data.mnist import DataError
from training.glyphs.faces import faces

# Debian's packages of fonts: many scripts, handwriting, print, machines' letters, signs and icons.
FONT_PACKAGES = (
    "fonts-averia-gwf", "fonts-b612", "fonts-bebas-neue", "fonts-breip", "fonts-bwht", "fonts-cabin", "fonts-cabinsketch",
    "fonts-cantarell", "fonts-cherrybomb", "fonts-comfortaa", "fonts-comic-neue", "fonts-courier-prime", "fonts-crosextra-carlito",
    "fonts-dancingscript", "fonts-dkg-handwriting", "fonts-dosis", "fonts-dotgothic16", "fonts-dustin", "fonts-ebgaramond",
    "fonts-ecolier-court", "fonts-essays1743", "fonts-femkeklaver", "fonts-font-awesome", "fonts-freefont-ttf", "fonts-georgewilliams",
    "fonts-gnutypewriter", "fonts-humor-sans", "fonts-inconsolata", "fonts-isabella", "fonts-jetbrains-mono", "fonts-kaushanscript",
    "fonts-kristi", "fonts-lato", "fonts-leckerli-one", "fonts-liberation", "fonts-linuxlibertine", "fonts-lobster", "fonts-navilu",
    "fonts-noto-core", "fonts-ocr-a", "fonts-ocr-b", "fonts-oldstandard", "fonts-open-sans", "fonts-opendin", "fonts-osifont",
    "fonts-quicksand", "fonts-rampart", "fonts-roadgeek", "fonts-roboto-unhinted", "fonts-routed-gothic", "fonts-rufscript",
    "fonts-seto", "fonts-sjfonts", "fonts-smc-chilanka", "fonts-symbola", "fonts-texgyre", "fonts-tomsontalks", "fonts-urw-base35",
    "fonts-vollkorn", "fonts-wqy-zenhei", "fonts-yanone-kaffeesatz", "fonts-yusei-magic",
)  # fmt: skip
# Debian's packages of pictures: photos and textures of desktops, clip art, stamps of a painting program.
PICTURE_PACKAGES = ("gnome-backgrounds", "mate-backgrounds", "openclipart-png", "tuxpaint-stamps-default")
PACKAGES = FONT_PACKAGES + PICTURE_PACKAGES
# What Python's packages ship: the package and the folder of its pictures in it.
SHIPPED = (("skimage", "data"), ("sklearn", "datasets/images"), ("matplotlib", "mpl-data/sample_data"), ("scipy", "misc"))
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}
# Folders of the packages' pictures that show no writing.
PLAIN_FOLDERS = {"backgrounds", "animals", "food", "plants", "people", "buildings", "tools", "vehicles", "boating", "toys",
                 "patterns", "gradients", "furniture", "clothes", "insects", "hats", "houses", "naturalforces", "jigsaw",
                 "hobbies", "medical", "household", "monuments"}  # fmt: skip
# Words in the names of pictures that may show digits, a ring or a rod, or that have more pixels than anybody needs.
DOUBTFUL = ("number", "digit", "clock", "watch", "time", "calendar", "card", "dice", "sign", "keyboard", "calc", "phone", "ruler", "coin",
            "money", "text", "letter", "page", "speed", "meter", "scale", "ring", "circle", "donut", "bagel", "candle", "stick", "snake",
            "worm", "year", "birthday", "score", "race", "sport", "shirt", "color.png", "multipage", "logo", "chess", "abacus",
            "mateya", "_3840x", "_5640x", "blank", "worldmap", "pencil", "vnc", "symbolic", "phantom", "no_time", "Minduka")  # fmt: skip
MOST_PER_PLACE = 400  # pictures of one package: clip art would outnumber the photos


def demand() -> None:
    """Do nothing where all of PACKAGES are installed.

    Raises:
        DataError: some are missing; the message has the line that installs them.
    """
    if missing := missing_packages():
        raise DataError(f"the eye is trained on fonts and pictures that are not on this machine: apt-get install {' '.join(missing)}")


def missing_packages() -> list[str]:
    return [name for name in PACKAGES if not _installed(name)]


def pictures() -> tuple[Path, ...]:
    """The pictures on this machine that show no digit, sorted by package and name."""
    places = [[path for path in _installed(name) if set(path.parts) & PLAIN_FOLDERS] for name in PICTURE_PACKAGES]
    for package, folder in SHIPPED:
        spec = find_spec(package)
        roots = [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
        places.append([path for root in roots for path in (root / folder).glob("*")])
    return tuple(path for place in places for path in _thinned(sorted(filter(_is_plain, place))))


def used() -> dict[str, str]:
    """The sha256 of every font and picture that glyphs and scenes are made of, by its path: for the weights' card."""
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted({*faces(), *pictures()})}


def _is_plain(path: Path) -> bool:
    """Whether a file is a picture that Pillow reads, and its name is not DOUBTFUL."""
    return path.suffix in SUFFIXES and not any(word in path.name for word in DOUBTFUL)


def _thinned(paths: list[Path]) -> Iterable[Path]:
    step = max(1, -(-len(paths) // MOST_PER_PLACE))
    return paths[::step]


@cache
def _installed(package: str) -> tuple[Path, ...]:
    """The files of one of Debian's packages; none where it is not installed, or the system is not Debian's."""
    if shutil.which("dpkg") is None:
        return ()
    listed = subprocess.run(["dpkg", "-L", package], capture_output=True, text=True, check=False)
    paths = [Path(line) for line in listed.stdout.splitlines()] if listed.returncode == 0 else []
    return tuple(path for path in paths if path.is_file() and not path.is_symlink())
