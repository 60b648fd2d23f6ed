"""Run inside an unpacked archive: its handler answers the pictures in a folder; the digits are printed as JSON."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml


def main() -> None:
    here = Path.cwd()
    sys.path.insert(0, str(here))
    import digit_handler  # noqa: TID251 - of the archive that this runs in
    import digitkit

    for module in (digit_handler, digitkit):
        if not Path(str(module.__file__)).is_relative_to(here):
            sys.exit(f"{module.__name__} was imported from {module.__file__}, not from the archive")
    pictures = [path.read_bytes() for path in sorted(Path(sys.argv[1]).iterdir())]
    context: Any = SimpleNamespace(
        manifest=json.loads((here / "MAR-INF/MANIFEST.json").read_text()),
        system_properties={"model_dir": str(here), "gpu_id": None},
        model_yaml_config=yaml.safe_load((here / "model-config.yaml").read_text()),
        get_all_request_header=lambda i: {},
        get_request_id=lambda i: str(i),
        set_response_status=lambda **status: None,
        set_response_content_type=lambda i, value: None,
        set_response_header=lambda i, name, value: None,
    )
    handler = digit_handler.DigitHandler()
    handler.initialize(context)
    if handler.unloaded is not None:
        sys.exit(f"it does not load: {handler.unloaded.cause}")
    answers = handler.handle([{"body": picture} for picture in pictures], context)
    print(json.dumps([json.loads(answer).get("digit") for answer in answers]))


main()
