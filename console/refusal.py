"""What the console itself refuses, in the form of the server's own errors."""

from starlette.requests import Request
from starlette.responses import JSONResponse


class Denied(Exception):
    """A request that is not answered: the HTTP status, a type, and a message that echoes nothing of the request."""

    def __init__(self, status: int, type: str, message: str) -> None:
        super().__init__(message)
        self.status, self.type = status, type

    def response(self) -> JSONResponse:
        return JSONResponse({"code": self.status, "type": self.type, "message": str(self)}, self.status)


async def to_response(request: Request, error: Exception) -> JSONResponse:
    """Starlette's handler of Denied."""
    assert isinstance(error, Denied)
    return error.response()
