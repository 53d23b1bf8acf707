"""The HTTP client of a shop, which tells the code that WordPress gives beside a status."""

from __future__ import annotations

import httpx
import msgspec

from moshtari.sources.base import SourceError
from moshtari.sources.http import HttpClient, NotFoundError

_NO_SUCH_RECORD = {
    "woocommerce_rest_shop_order_invalid_id",
    "woocommerce_rest_shop_order_refund_invalid_id",
    "woocommerce_rest_invalid_id",
}


class _Refusal(msgspec.Struct):
    """WordPress's own errors; `message` is in the shop's language and may quote anything."""

    code: str


class NoSuchRecordError(NotFoundError):
    """WooCommerce itself says that it has no such record; any other 404 may have any cause."""


class WordPress(HttpClient):
    """The client, which also tells the code that WordPress gives beside a status."""

    def _judge(self, response: httpx.Response, entity: str | None, path: str) -> None:
        try:
            super()._judge(response, entity, path)
        except SourceError as error:
            code = _code(response.content)
            if code is None:
                raise
            what = f"{error.what} ({code})"
            is_told = isinstance(error, NotFoundError) and code in _NO_SUCH_RECORD
            kind = NoSuchRecordError if is_told else type(error)
            raise kind(error.source, entity, what, error.remedy) from None


def _code(content: bytes) -> str | None:
    try:
        code = msgspec.json.decode(content, type=_Refusal).code
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return code if code.replace("_", "").isalnum() and len(code) <= 80 else None
