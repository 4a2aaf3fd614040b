"""Lists as lazy iterators: a page is fetched when its first entry is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from segengine.client._async.transport import AsyncTransport
    from segengine.client.methods import Method

T = TypeVar("T")


async def entries(
    transport: AsyncTransport,
    method: Method[Any],
    request: Any,
    field: str,
    made: Callable[[Any], T],
) -> AsyncIterator[T]:
    """Yield every entry of a list, page after page.

    Parameters
    ----------
    transport : AsyncTransport
        Where to ask.
    method : Method
        The list method.
    request : message
        Its request; the page token is set here.
    field : str
        The field of the answer that holds the entries.
    made : callable
        Makes what is yielded of an entry.
    """
    while True:
        answer = await transport.unary(method, request)
        for entry in getattr(answer, field):
            yield made(entry)
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token
