"""Promote judged weights: `python -m promotion.promote --run runs/retrained`, or make promote RUN=runs/retrained.

The archives are packed, registered beside the served ones, compared on copies of the live traffic, and given 5, 25 and 100 % of it by the
splitter. Then the new version answers by default, and the store keeps the former one beside it. Whenever the challenger leaves a
bound, or the command is told to end, the champion answers alone again and the challenger is taken away.

A command that was killed leaves the champion answering: the splitter's route ends by itself. The next one takes away what is left and
begins anew, or completes it where the challenger had already passed every stage.
"""

import argparse
import getpass
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from deploy.model_list import DIGITS, ListedModel
from deploy.rollback import RollbackError, versions
from deploy.server import Server, ServerError
from deploy.settings.server_flags import OPEN_TO_MODELS, add_server_flags
from digitkit.artifacts.card import CardError, check_card, version_key
from digitkit.artifacts.place import place
from digitkit.artifacts.store import publish
from promotion.admission import Admitted, admit, sha256
from promotion.canary_bounds import BOUNDS, CanaryBounds
from promotion.errors import NotPromoted
from promotion.promotion_log import append, stage_facts
from promotion.promotion_places import Places
from promotion.registering import default_version, make_default, register, take_away
from promotion.signed_notes import Seal
from promotion.staging import stage
from promotion.traffic.route import LEASE_S, Route
from promotion.traffic.traffic_tally import Told
from testbed.command import ending
from testbed.exclusive import AlreadyRunning, exclusive

STAGES = {"shadow": 0.0, "canary of 5 %": 0.05, "canary of 25 %": 0.25, "canary of 100 %": 1.0}
LOOK_S = 1.0  # between two looks at the tally
DRAIN_S, BEAT_S = 40.0, 0.25  # how long requests that the challenger has are waited for at most, and between two looks
SILENT_S = 5.0  # a splitter that has told nothing for so long is not there
BEFORE, TAKING_OVER = "before the take-over", "taking over"  # how far the notes say that a promotion is
FORESEEN = (NotPromoted, RollbackError, ServerError, AlreadyRunning, requests.RequestException)


@dataclass
class Promotion:
    """One promotion of weights on a server.

    Attributes:
        server: that answers, started for promotions.
        bounds: of what the challenger may do.
        say: gets a line for each step.
    """

    server: Server
    bounds: CanaryBounds
    say: Callable[[str], None] = print

    def __post_init__(self) -> None:
        self.places = Places.of(self.server)
        self.seal = Seal(self.places.key)

    def run(self, admitted: Admitted, by: str, make: Callable[[Admitted, list[ListedModel]], dict[str, Path]]) -> None:
        """Promote; resumed() has to be called before.

        Args:
            by: who promotes, for the record.
            make: packs the archives of the served models.
        Raises:
            NotPromoted: it must not be, or it left a bound; the champion answers.
            RollbackError, ServerError, requests.RequestException: the server does not do what it is asked.
        """
        if self.server.pid() is None:
            raise ServerError(f"no server is running on port {self.server.port}; make run PROMOTIONS=on starts it")
        models = self.server.known(DIGITS)
        notes = self.noted(admitted, models, by)
        self.heard()
        staged = make(admitted, models)
        notes["archives"] = {name: sha256(path) for name, path in staged.items()}
        self.seal.write(self.places.notes, notes)
        why = "told to end"
        try:
            self.try_out(staged, notes)
            self.tried(notes)
            why = ""
        except (*FORESEEN, CardError, OSError) as err:
            why = str(err)
            raise
        finally:
            if why:
                self.take_back(notes, why)
        self.take_over(notes)

    def resumed(self) -> bool:
        """Complete a promotion that was killed while it took over, and clear one that was killed before; whether it is complete now."""
        notes = self.seal.read(self.places.notes)
        if notes is None:
            return False
        if notes["step"] == TAKING_OVER:
            self.say(f"completing the promotion of {notes['version']}, which was killed")
            self.take_over(notes)
            return True
        self.say(f"taking away {notes['version']}, whose promotion was killed")
        self.take_back(notes, "its command was killed")
        return False

    def noted(self, admitted: Admitted, models: list[ListedModel], by: str) -> dict[str, Any]:
        """What the record will say of it; raises NotPromoted for a version that is served, and where another champion answers."""
        version, names = admitted.card.version, [model.name for model in models]
        if not names:
            raise NotPromoted("no model of digits is served on this server")
        formers = {name: default_version(self.server, name) for name in names}
        for name, former in formers.items():
            served = versions(self.server, name)
            if version_key(version) <= version_key(former) or version in served:
                told = f"{name} has {', '.join(served)}, and {former} answers"
                raise NotPromoted(f"the challenger is of version {version}; {told}: it must be newer than that, and not served yet")
        for model in models:
            described = self.server.describe(model.name, "?customized=true")
            answering = (described.get("customizedMetadata") or {}).get("card", {}).get("sha256")
            if not model.artifact and answering not in (None, admitted.champion):
                raise NotPromoted(f"the verdict compares with other weights than those of {model.name}; make judge CHAMPION=… names these")
        judged = {"champion": admitted.champion, "challenger": admitted.card.sha256, "data": admitted.data, "gates": admitted.gates}
        return {"by": by, "version": version, "formers": formers, "models": names, "step": BEFORE, "stages": []} | judged

    def heard(self) -> Told:
        """What the splitter told last; raises NotPromoted if there is none."""
        told = Told.read(self.places.tally)
        if told is None or time.time() - told.at > SILENT_S:
            raise NotPromoted(
                "there is no splitter in front of the server to send it requests; make splitter starts it, and clients ask that"
            )
        return told

    def try_out(self, staged: dict[str, Path], notes: dict[str, Any]) -> None:
        """Register the challenger and lead it through all stages; raises NotPromoted when it leaves a bound."""
        register(self.server, staged, notes["version"])
        self.keep_running()
        for name, share in STAGES.items():
            self.say(f"{name}: {notes['version']} beside {', '.join(sorted(set(notes['formers'].values())))}")
            self.watch(name, share, notes)

    def watch(self, name: str, share: float, notes: dict[str, Any]) -> None:
        """Lead the challenger through a stage; raises NotPromoted when it leaves a bound, or too little traffic comes."""
        began, told = time.monotonic(), Told(stage=name)
        while not self.bounds.is_enough(told, time.monotonic() - began):
            until = time.time() + LEASE_S
            Route(stage=name, version=notes["version"], models=notes["models"], share=share, until=until).write(self.places.route)
            time.sleep(LOOK_S)
            heard = self.heard()
            told = heard if heard.stage == name else told
            if breach := self.bounds.breach(told):
                notes["stages"].append(stage_facts(share, told))
                raise NotPromoted(f"{notes['version']} was taken back in the {name}: {breach}")
            if time.monotonic() - began > self.bounds.patience_seconds:
                notes["stages"].append(stage_facts(share, told))
                came = f"{told.compared} pictures came, {self.bounds.pictures:g} are needed"
                raise NotPromoted(f"{notes['version']} was taken back in the {name}: {came}")
        notes["stages"].append(stage_facts(share, told))
        answered = f"{told.challenger.errors} errors, 95 % of its answers within {told.challenger.p95_ms:.1f} ms"
        self.say(f"  {told.compared} pictures, {told.differing} read differently, {answered}")

    def take_back(self, notes: dict[str, Any], why: str) -> None:
        """Have the champion answer alone, take the challenger away, and record why."""
        self.places.route.unlink(missing_ok=True)
        self.drain()
        with suppress(requests.RequestException, ServerError):  # a server that is away has forgotten it, or the next command takes it away
            take_away(self.server, notes["models"], notes["version"])
            self.keep_running()
            append(self.places.record, notes, "taken back", why)
            self.forget()

    def drain(self) -> None:
        """Return when the splitter knows that the route is over and nobody waits for the challenger, or when it is silent."""
        deadline = time.monotonic() + DRAIN_S
        while time.monotonic() < deadline:
            told = Told.read(self.places.tally)
            if told is None or time.time() - told.at > SILENT_S or (not told.stage and not told.asking):
                return
            time.sleep(BEAT_S)

    def keep_running(self) -> None:
        """Note the archives as they are now, so that the next make run keeps this server instead of restarting it."""
        (self.server.folder / "fingerprint").write_text(self.server.fingerprint())

    def take_over(self, notes: dict[str, Any]) -> None:
        """Make the challenger the default version in the store and on the server, and record it; may be repeated after a crash.

        Raises:
            NotPromoted: an archive is not the one that was tried.
        """
        staged = self.tried(notes)
        self.seal.write(self.places.notes, notes | {"step": TAKING_OVER})
        for archive in staged:
            publish(archive, self.places.store / archive.name)
        place(self.places.staged_weights, self.places.champion)
        make_default(self.server, notes["models"], notes["version"])
        self.places.route.unlink(missing_ok=True)
        self.keep_running()
        append(self.places.record, notes, "promoted")
        self.forget()
        self.say(f"{notes['version']} answers by default; make rollback goes back in one step")

    def tried(self, notes: dict[str, Any]) -> list[Path]:
        """The staged archives; raises NotPromoted if one is not the file that was signed at the beginning."""
        staged = [self.places.staged / f"{name}.mar" for name in notes["models"]]
        for archive in staged:
            if not archive.is_file() or sha256(archive) != notes["archives"][archive.stem]:
                raise NotPromoted(f"{archive} is not the archive that was tried, whose sha256 is in {self.places.notes}")
        if check_card(self.places.staged_weights).sha256 != notes["challenger"]:
            raise NotPromoted(f"{self.places.staged_weights} are not the weights that were judged")
        return staged

    def forget(self) -> None:
        self.places.notes.unlink(missing_ok=True)
        shutil.rmtree(self.places.staged, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="promotion.promote", description=__doc__.partition("\n\n")[0])
    add_server_flags(parser)
    parser.add_argument("--run", type=Path, required=True, help="folder with the challenger, digits.pt, and its verdict, verdict.json")
    parser.add_argument("--bounds", type=Path, default=BOUNDS, help="YAML as promotion/bounds.yaml")
    parser.add_argument("--by", default=getpass.getuser(), help="who promotes, for the record (%(default)s)")
    parser.add_argument("--data-root", type=Path, default=Path("data"), help="folder that holds MNIST/raw")
    flags = parser.parse_args()
    with ending(parser.prog, *FORESEEN):
        server = Server(flags.port, models=flags.models, extra=OPEN_TO_MODELS)
        promotion = Promotion(server, CanaryBounds.read(flags.bounds))
        places = promotion.places
        with exclusive(places.lock, "a promotion"):
            if not promotion.resumed():
                promotion.run(admit(flags.run), flags.by, lambda it, known: stage(it.weights, known, places, flags.data_root))


if __name__ == "__main__":
    main()
