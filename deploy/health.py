"""The image's health check: every model answers a picture of a seven. Python's own library alone, for the image has nothing of deploy/.

It asks as a client does, for /ping is Healthy while models load, hang or could not be loaded.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
TIMEOUT_S = 4.0


def check(url: str, store: Path, keys: Path, picture: bytes) -> str:
    """Why the server is not healthy; "" if it is.

    Args:
        url: of the inference API.
        store: the folder of the archives that are served; the stem of each is a model's name.
        keys: TorchServe's key_file.json.
    """
    try:
        token = json.loads(keys.read_text())["inference"]["key"]
    except (OSError, ValueError, KeyError):
        return f"there is no token in {keys}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy stands between a server and its own machine
    for archive in sorted(store.glob("*.mar")):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/png"}  # without a type it would go as a form
        asked = urllib.request.Request(f"{url}/predictions/{archive.stem}", picture, headers)
        try:
            opener.open(asked, timeout=TIMEOUT_S).close()
        except (urllib.error.URLError, TimeoutError) as err:
            return f"{archive.stem} does not answer: {err}"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="of the inference API")
    parser.add_argument("--store", type=Path, default=HERE / "model_store")
    parser.add_argument("--keys", type=Path, default=Path("key_file.json"))
    flags = parser.parse_args()
    sys.exit(check(flags.url, flags.store, flags.keys, (HERE / "seven.png").read_bytes()) or 0)


if __name__ == "__main__":
    main()
