"""The endpoints of the page on which people say what kept pictures show, and the store of the other page's feedback."""

import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from console.feedback import Feedback
from console.gate import AccessGate
from console.refusal import Denied
from console.upload import read_body
from digitkit.collect.sample import to_sample
from digitkit.collect.sample_store import DUPLICATE, KEPT, Caps, StoreError
from digitkit.errors import DigitError
from digitkit.pictures.codec import decode_picture
from digitkit.settings import Collecting, Limits
from loop.agreement import NONE, SAID
from loop.desk import TASK, Desk, NotYoursError
from loop.label_errors import LabelError, Suspect, suspects, voted
from loop.ordering import Candidate

HASH: Final = re.compile("[0-9a-f]{64}")
BODY_BYTES: Final = 4096  # of what a page sends: a hash and a label
AT_ONCE: Final = 4  # pictures that a page has in advance
LISTED: Final = 24  # labels that are probably wrong, of which a page is told

Answer = TypeVar("Answer")


class Review:
    """The endpoints under /api/review. A person is a browser: its session's cookie, of which the store gets a hash.

    Args:
        desk: None where review is switched off.
    """

    def __init__(self, desk: Desk | None) -> None:
        self._desk = desk

    async def take(self, request: Request) -> Response:
        """The pictures that this browser reviews next, and how far everybody is."""
        reviewer = reviewer_of(request)
        return await self._answer(lambda desk: {"pictures": [told(each) for each in desk.take(reviewer, AT_ONCE)]}, reviewer)

    async def label(self, request: Request) -> Response:
        """Take what a person says of a picture, and tell what had been read."""
        reviewer = reviewer_of(request)
        try:
            said = json.loads(await read_body(request, BODY_BYTES))
            sha256, label = said["picture"], said["label"]
        except (ValueError, RecursionError, KeyError, TypeError) as err:
            raise Denied(400, "BadRequest", "a label is an object of picture and label") from err
        if not isinstance(sha256, str) or not HASH.fullmatch(sha256) or label not in SAID:
            raise Denied(400, "BadRequest", f"a picture is named by its sha256, and a label is one of {', '.join(SAID)}")
        return await self._answer(lambda desk: {"read": read_of(desk.label(reviewer, sha256, label))}, reviewer)

    async def undo(self, request: Request) -> Response:
        """Take this browser's last label back, and give it the picture again; null where there is none."""
        reviewer = reviewer_of(request)

        def step(desk: Desk) -> dict[str, Any]:
            taken = desk.undo(reviewer)
            return {"picture": told(taken) if taken else None}

        return await self._answer(step, reviewer)

    async def suspects(self, request: Request) -> Response:
        """The settled pictures whose labels are probably wrong, the least likely first, with nothing of what had been read."""

        def find(desk: Desk) -> list[Suspect]:
            try:
                return suspects(voted(desk.store))
            except LabelError as err:
                raise Denied(409, "TooFewLabels", str(err)) from err
            except ImportError as err:
                raise Denied(501, "NotInstalled", "labels are examined by cleanlab, which the extra review brings") from err

        found = await self._ask(find)
        listed = [{"sha256": each.sha256, "label": each.label} for each in found[:LISTED]]
        return JSONResponse({"suspects": listed, "count": len(found)})

    async def reopen(self, request: Request) -> Response:
        """Have a settled picture reviewed once more."""
        reviewer = reviewer_of(request)
        try:
            sha256 = json.loads(await read_body(request, BODY_BYTES))["picture"]
        except (ValueError, RecursionError, KeyError, TypeError) as err:
            raise Denied(400, "BadRequest", "what is reviewed again is an object of picture") from err
        if not isinstance(sha256, str) or not HASH.fullmatch(sha256):
            raise Denied(400, "BadRequest", "a picture is named by its sha256")

        def step(desk: Desk) -> dict[str, Any]:
            desk.reopen([sha256])
            return {}

        return await self._answer(step, reviewer)

    async def picture(self, request: Request) -> Response:
        """The PNG of a kept picture; one that has vanished is forgotten, so that nobody is given it again."""
        sha256 = request.path_params["sha256"]
        if not HASH.fullmatch(sha256):
            raise Denied(404, "NotFound", "a picture is named by its sha256")

        def find(desk: Desk) -> bytes | None:
            try:
                return desk.store.picture(sha256)
            except FileNotFoundError:
                desk.store.forget([sha256])
                return None

        content = await self._ask(find)
        if content is None:
            raise Denied(404, "NotFound", "the picture is not there any more")
        return Response(content, media_type="image/png")

    async def _answer(self, step: Callable[[Desk], dict[str, Any]], reviewer: str) -> Response:
        return JSONResponse(await self._ask(lambda desk: {**step(desk), "progress": asdict(desk.progress(reviewer))}))

    async def _ask(self, step: Callable[[Desk], Answer]) -> Answer:
        if self._desk is None:
            raise Denied(404, "NotFound", "review is switched off; make console COLLECTED=folder has the pictures of a store reviewed")
        try:
            return await run_in_threadpool(step, self._desk)
        except NotYoursError as err:
            raise Denied(409, "NotYours", "the picture is not lent to this browser any more; here are others") from err
        except StoreError as err:
            raise Denied(507, "NoStore", str(err)) from err


def reviewer_of(request: Request) -> str:
    """A name for the person behind a request, which leads nobody back to their cookie."""
    gate: AccessGate = request.state.gate
    return hashlib.sha256(gate.session_of(request).encode()).hexdigest()[:16]


def told(candidate: Candidate) -> dict[str, Any]:
    """A picture as a page is told of it before it is labelled: without what was read, which would lead people on."""
    return {"sha256": candidate.sha256, "again": bool(candidate.labels), "contradicted": candidate.is_contradicted}


def read_of(candidate: Candidate) -> list[dict[str, Any]]:
    """What each model had read of a picture."""
    return [{key: answer[key] for key in ("model", "label", "confidence", "accepted")} for answer in candidate.answers]


class KeptFeedback:
    """Feedback goes into the store of kept pictures, as a claim that people then review; a store as console.feedback says it.

    Args:
        knobs: how many pictures are kept, as the workers have it.
        limits: of a picture, as the server has them.
        tasks: of each model by its name.
    """

    def __init__(self, desk: Desk, knobs: Collecting, limits: Limits, tasks: dict[str, str]) -> None:
        self._desk, self._knobs, self._limits, self._tasks = desk, knobs, limits, tasks

    def keep(self, verdict: Feedback, picture: bytes) -> None:
        """Keep a verdict and the picture as a worker would.

        Raises:
            Denied: the picture cannot be read, or as many as may be kept are kept.
            OSError: the store cannot be used.
        """
        answer = {
            **{"model": verdict.model, "version": verdict.version, "asked_at": time.time()},
            **{"request_id": None, "label": verdict.read, "confidence": verdict.confidence, "accepted": verdict.accepted},
            **{"reason": None, "logits": None},
        }
        task = self._tasks.get(verdict.model, TASK)
        try:
            sample = to_sample(decode_picture(picture, self._limits), self._knobs.side_pixels, task=task, reason="feedback", answer=answer)
            became = self._desk.store.keep(sample, Caps(self._knobs.minute_pictures, self._knobs.day_pictures, self._knobs.store_bytes))
            if became not in (KEPT, DUPLICATE):
                raise Denied(
                    429, "NotKept", f"as many pictures as may be kept are kept already, by the cap of the {became}; try again later"
                )
            self._desk.claim(sample.sha256, verdict.truth or NONE)
        except DigitError as err:
            raise Denied(err.status, err.type, str(err)) from err
        except StoreError as err:
            raise OSError(507, str(err)) from err
