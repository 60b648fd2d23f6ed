"""How soon the answer stands on the page after a stroke ends: `python -m console.latency` draws in a real browser and prints it.

The browser's own clock measures, from the end of the stroke to the answer in the page. The console and the server must be running, and
Playwright and Chromium installed; both are needed by the tests and by this command alone.
"""

import argparse
import random
import shutil
import sys
from collections.abc import Iterator, Sequence
from statistics import quantiles
from typing import TYPE_CHECKING

from deploy.settings.config import CONSOLE_DISTANCE, to_port
from testbed.flags import positive

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SEVEN = ((0.28, 0.25), (0.5, 0.24), (0.74, 0.25), (0.66, 0.42), (0.56, 0.6), (0.47, 0.82))
JITTER = 0.03  # of a point, as a share of the side: no two drawings are the same picture
BETWEEN_MS = 600  # two drawings: the explanation of the first has come
WAIT_MS = 10_000


def times(page: "Page", drawings: int) -> Iterator[float]:
    """Milliseconds from the end of each drawing's stroke until its answer stands on the page."""
    chosen = random.Random(7)
    for _ in range(drawings):
        page.click("#clear")
        page.evaluate("performance.clearMeasures()")
        draw(page, [(x + chosen.uniform(-JITTER, JITTER), y + chosen.uniform(-JITTER, JITTER)) for x, y in SEVEN])
        page.wait_for_function("() => performance.getEntriesByName('answer').length > 0", timeout=WAIT_MS)
        yield page.evaluate("() => performance.getEntriesByName('answer')[0].duration")
        page.wait_for_timeout(BETWEEN_MS)


def draw(page: "Page", points: Sequence[tuple[float, float]]) -> None:
    """Draw one stroke with the mouse, as fast as a hand does."""
    box = page.locator("#drawing").bounding_box()
    assert box is not None
    (x, y), *others = points
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.mouse.down()
    for x, y in others:
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=8)
    page.mouse.up()


def main() -> None:
    parser = argparse.ArgumentParser(prog="console.latency", description=__doc__)
    parser.add_argument("--port", type=to_port, default="", help="of the server's inference API")
    parser.add_argument("--drawings", type=positive, default=40)
    flags = parser.parse_args()
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        sys.exit(f"{parser.prog}: the package playwright is missing; make setup installs it")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        sys.exit(f"{parser.prog}: there is no Chromium; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        try:
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{flags.port + CONSOLE_DISTANCE}/")
            page.wait_for_selector("#server[data-state=up]", timeout=WAIT_MS)
            found = list(times(page, flags.drawings + 1))[1:]  # the first one opens connections
        except Error as err:
            sys.exit(f"{parser.prog}: {err.message.splitlines()[0]}; make console serves the page")
        finally:
            browser.close()
    cuts = quantiles(found, n=20, method="inclusive") if len(found) > 1 else found * 19
    told = f"median {cuts[9]:.0f} ms, p95 {cuts[18]:.0f} ms, at most {max(found):.0f} ms"
    print(f"first answer after the last stroke, of {len(found)} drawings: {told}")


if __name__ == "__main__":
    main()
