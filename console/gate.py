"""Who may ask the console: browsers that opened it under one of its own names, and pages that it served itself.

A page of another site can make a browser send requests to loopback, or have its own name resolve to loopback (DNS rebinding). So the
Host must be one of the console's; a POST must come from one of its origins, and must carry a token that only its own page can read.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.refusal import Denied

COOKIE, CSRF = "digits_console", "x-csrf-token"
SAFE = ("GET", "HEAD")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
# Reports are files that this project wrote, with styles and pictures inside them; the sandbox lets nothing in them run.
REPORT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


class AccessGate:
    """ASGI middleware that refuses foreign requests and sends the security headers with every answer.

    Args:
        app: what is behind it.
        origins: scheme, host and port under which browsers open the console.
        prefix: of its paths behind a proxy, whether the proxy passes it on or strips it; "" for none.
    """

    def __init__(self, app: ASGIApp, *, origins: Iterable[str], prefix: str = "") -> None:
        self.app = app
        self.origins = frozenset(origins)
        self.hosts = frozenset(urlsplit(origin).netloc for origin in self.origins)
        self.prefix = prefix
        self._key = secrets.token_bytes(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if self.prefix and (path == self.prefix or path.startswith(f"{self.prefix}/")):
            path = path.removeprefix(self.prefix)
        scope = {**scope, "path": path, "root_path": ""}
        try:
            self._check(scope)
        except Denied as error:
            await error.response()(scope, receive, _with_headers(send, path))
            return
        if not path:  # links on the pages are relative, so the folder needs its slash
            await RedirectResponse(f"{self.prefix}/")(scope, receive, _with_headers(send, path))
            return
        scope["state"] = {**scope.get("state", {}), "gate": self}
        await self.app(scope, receive, _with_headers(send, path))

    def _check(self, scope: Scope) -> None:
        headers, is_safe = Headers(scope=scope), scope["method"] in SAFE
        if headers.get("host", "") not in self.hosts:
            raise Denied(421, "ForeignHost", f"the console answers as {', '.join(sorted(self.hosts))} alone; --origin adds a name")
        origin = headers.get("origin")
        if origin not in self.origins and not (is_safe and origin is None):
            raise Denied(403, "ForeignOrigin", f"the console takes requests from its own pages alone, {', '.join(sorted(self.origins))}")
        if not is_safe:
            session = Request(scope).cookies.get(COOKIE, "")
            if not session or not hmac.compare_digest(headers.get(CSRF, "").encode(), self.csrf(session).encode()):
                raise Denied(403, "WrongCsrfToken", f"{CSRF} is not this browser's token; load the page again")

    def csrf(self, session: str) -> str:
        """The token that goes with the value of a session's cookie, until the console ends."""
        return hmac.new(self._key, session.encode(), hashlib.sha256).hexdigest()

    @staticmethod
    def session_of(request: Request) -> str:
        """The value of this browser's cookie, or of the one that it is about to get."""
        return request.cookies.get(COOKIE) or secrets.token_urlsafe(24)

    def remember(self, session: str, response: Response) -> None:
        """Have the browser keep its session, out of reach of scripts and of other sites."""
        is_secure = all(origin.startswith("https:") for origin in self.origins)
        response.set_cookie(COOKIE, session, path=self.prefix or "/", secure=is_secure, httponly=True, samesite="strict")


def _with_headers(send: Send, path: str) -> Send:
    is_report = path.startswith("/reports/")

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
            headers["Content-Security-Policy"] = REPORT_POLICY if is_report else POLICY
            headers.setdefault("Cache-Control", "no-store" if path.startswith("/api/") else "no-cache")
        await send(message)

    return send_with_headers
