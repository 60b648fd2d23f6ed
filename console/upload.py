"""The body of a request, up to what the server itself takes."""

from starlette.requests import Request

from console.refusal import Denied


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body; raises Denied as soon as more than `limit` bytes are announced or have come."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit:
        raise too_large(limit)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise too_large(limit)
    return bytes(body)


def too_large(limit: int) -> Denied:
    return Denied(413, "TooLarge", f"the body is over the limit of {limit} bytes")
