"""Audit what the product is made of: `python -m deploy.supply.audit`. It ends with exit code 1 if something is wrong.

Known vulnerabilities are looked up by pip-audit if its database can be reached. If it cannot, the audit says so and still checks
the rest: the locks, what is installed, and TorchServe's jar.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from deploy.supply.installed import altered, differences, packages
from deploy.supply.jar import JarError, Library, frontend_jar, libraries
from deploy.supply.lock import REQUIREMENTS, ROOT, SERVING, Pin, read_lock

SECURITY = ROOT / "SECURITY.md"
NAMED_LIBRARY = re.compile(r"^\| `([a-z][\w-]*)` \| ([\w.]+) \|", re.M)
OLD_DAYS = 90  # an older lock has missed a quarter of a year of fixes
DATABASE_TIMEOUT_S = 15
Findings = list[str]


def main() -> None:
    findings: Findings = []
    for title, check in CHECKS.items():
        print(f"audit: {title}", flush=True)
        found = check()
        for each in found:
            print(f"  FOUND {each}", flush=True)
        findings += found
    if findings:
        sys.exit(f"audit: {len(findings)} found, named above")
    print("audit: nothing found")


def note(text: str) -> None:
    print(f"  {text}", flush=True)


def vulnerabilities() -> Findings:
    """The known vulnerabilities of the locked packages, by pip-audit."""
    pins = read_lock(REQUIREMENTS)
    # One package is looked up first: if the database does not even know that one, the others are not looked up.
    first, *_ = pins.values()
    if not any("vulns" in each for each in asked([first])):
        note("NOT CHECKED: no database of vulnerabilities can be reached from here; run it again on a machine that reaches one")
        return []
    answers = asked(pins.values())
    unknown = [each["name"] for each in answers if "vulns" not in each]
    note(f"{len(answers) - len(unknown)} of {len(pins)} packages are in the database" + (f", not {', '.join(unknown)}" if unknown else ""))
    return [
        f"{each['name']} {each['version']} has {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'no version'}"
        for each in answers
        for fault in each.get("vulns", [])
    ]


def asked(pins: Iterable[Pin]) -> Sequence[dict[str, Any]]:
    """pip-audit's answers about some packages; empty if it reached no database."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(pin.text for pin in pins))
        file.flush()
        options = ["--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json", f"--timeout={DATABASE_TIMEOUT_S}"]
        command = [sys.executable, "-m", "pip_audit", *options, f"--requirement={file.name}"]
        printed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    try:
        answers: Sequence[dict[str, Any]] = json.loads(printed)["dependencies"]
    except ValueError:
        return []
    return answers


def age() -> Findings:
    """No findings: an old lock is only a warning, which is printed."""
    command = ["git", "log", "-1", "--format=%ct", "--", REQUIREMENTS.name]
    try:
        printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        printed = ""
    if not printed:
        note("NOT CHECKED: git does not know when requirements.txt was written")
        return []
    days = (datetime.now(UTC) - datetime.fromtimestamp(int(printed), UTC)).days
    warning = "WARNING: " if days > OLD_DAYS else ""
    note(f"{warning}requirements.txt is {days} days old; over {OLD_DAYS}, `make lock` is due")
    return []


def hashes() -> Findings:
    """The locked packages that lack a hash."""
    return [
        f"{name} has no hash in {path.name}; `make lock` writes them"
        for path in (REQUIREMENTS, *SERVING)
        for name, pin in read_lock(path).items()
        if not pin.hashes
    ]


def agreement() -> Findings:
    """The packages of a serving machine's lock that differ from the lock of everything."""
    whole = read_lock(REQUIREMENTS)
    return [
        f"{name} {pin.version} of {path.name} is not what {REQUIREMENTS.name} has; `make lock` writes both"
        for path in SERVING
        for name, pin in read_lock(path).items()
        if name not in whole or (pin.version, pin.hashes) != (whole[name].version, whole[name].hashes)
    ]


def environment() -> Findings:
    """The installed packages and files that differ from the lock."""
    installed = packages()
    changed = [f"{path} is not as {name} installed it" for name, package in installed.items() for path in altered(package)]
    versions = {name: package.version for name, package in installed.items()}
    return [f"{each}; `make setup` mends it" for each in differences(read_lock(REQUIREMENTS), versions) + changed]


def jar() -> Findings:
    """How TorchServe's jar differs from what SECURITY.md says about it."""
    try:
        bundled = libraries(frontend_jar())
    except JarError as err:
        return [str(err)]
    return compared(bundled, dict(NAMED_LIBRARY.findall(SECURITY.read_text())))


def compared(bundled: Iterable[Library], named: dict[str, str]) -> Findings:
    """How the libraries with a known version differ from those in the table, by name and version."""
    held = {library.name: library.version for library in bundled if library.version}
    return [
        f"{name} is {held.get(name, 'not')} in the jar, and {named.get(name, 'not')} in {SECURITY.name}"
        for name in sorted(held.keys() | named.keys())
        if held.get(name) != named.get(name)
    ]


CHECKS: dict[str, Callable[[], Findings]] = {
    "known vulnerabilities of the locked packages": vulnerabilities,
    "the age of the lock": age,
    "a hash for every locked package": hashes,
    "the same versions and hashes in every lock": agreement,
    "what is installed is what is locked, file by file": environment,
    "the Java libraries in TorchServe's jar are those that SECURITY.md names": jar,
}

if __name__ == "__main__":
    main()
