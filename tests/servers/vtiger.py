"""Vtiger's web service over records in memory, as far as a warehouse reads it.

It behaves as `include/Webservices` of Vtiger 7 does: times are compared as texts in the server's
zone; a batch of `sync` is all that was modified past a time, up to the time of the hundredth
record; users other than administrators get their own records only, and no application sync; errors
come with status 200; a challenge serves one user at a time, and a session ends when it must.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.http_servers import CONTEXT, Sleeps

from moshtari.demo.serving import json_response
from moshtari.sources.http_config import HttpPolicy
from moshtari.sources.vtiger import VtigerConfig, VtigerSource

Record = dict[str, Any]

UTC = ZoneInfo("UTC")
USERNAME, ACCESS_KEY = "warehouse", "open sesame"
MODULE_IDS = {"Contacts": 12, "HelpDesk": 17, "SalesOrder": 6}
CURRENCIES = {"21x1": "IRR", "21x2": "EUR"}
_HIDDEN = {"deleted", "LineItems"}


class _ServiceError(Exception):
    def __init__(self, code: str, message: str) -> None:
        self.error = {"code": code, "message": message}


@dataclass
class VtigerRecords:
    """What the CRM holds: records by module, whose `modifiedtime` is an instant."""

    modules: dict[str, list[Record]] = field(
        default_factory=lambda: {module: [] for module in MODULE_IDS}
    )
    zone: ZoneInfo = UTC
    batch: int = 100
    is_admin: bool = True
    hidden_fields: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    """Records that may not be retrieved."""
    sessions: set[str] = field(default_factory=set)
    calls_per_session: int | None = None
    """After so many calls a session has ended."""
    logins: int = 0
    calls: int = 0
    token: str | None = None

    def find(self, key: str) -> Record:
        (found,) = (
            record for records in self.modules.values() for record in records if record["id"] == key
        )
        return found

    def naive(self, at: datetime) -> str:
        """A time as the database holds it."""
        return at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")


def create_app(
    crm: VtigerRecords, *, username: str = USERNAME, access_key: str = ACCESS_KEY
) -> Starlette:
    """The web service as an ASGI application."""
    service = _Service(crm, username, access_key)
    return Starlette(routes=[Route("/webservice.php", service.answer, methods=["GET", "POST"])])


class _Service:
    def __init__(self, crm: VtigerRecords, username: str, access_key: str) -> None:
        self._crm, self._username, self._access_key = crm, username, access_key
        self._numbers = count(1)

    async def answer(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        # As $_REQUEST; each operation takes its input from where its type says.
        query = dict(request.query_params)
        operation = (query | form).get("operation", "").lower()
        try:
            result = self._result(operation, form if operation == "login" else query)
        except _ServiceError as error:
            return json_response({"success": False, "error": error.error})
        return json_response({"success": True, "result": result})

    def _result(self, operation: str, given: Mapping[str, str]) -> Any:
        if operation == "getchallenge":
            return self._challenge(given)
        if operation == "login":
            return self._login(given)
        self._enter(given.get("sessionName", ""))
        known = {"sync": self._sync, "describe": self._describe, "retrieve": self._retrieve}
        if operation not in known:
            raise _ServiceError("UNKNOWN_OPERATION", "Unknown operation requested")
        return known[operation](given)

    def _challenge(self, given: Mapping[str, str]) -> Record:
        if given.get("username") != self._username:
            raise _ServiceError("ACCESS_DENIED", "username does not exists")
        self._crm.token = f"token{next(self._numbers)}"
        return {"token": self._crm.token, "serverTime": 1, "expireTime": 301}

    def _login(self, given: Mapping[str, str]) -> Record:
        if self._crm.token is None:
            raise _ServiceError("INVALID_AUTH_TOKEN", "Specified token is invalid or expired")
        key = f"{self._crm.token}{self._access_key}".encode()
        right = hashlib.md5(key, usedforsecurity=False).hexdigest()
        if given.get("accessKey") != right:
            raise _ServiceError("INVALID_USER_CREDENTIALS", "Invalid username or password")
        name = f"session{next(self._numbers)}"
        self._crm.sessions.add(name)
        self._crm.logins += 1
        self._crm.calls = 0
        return {"sessionName": name, "userId": "19x1", "version": "0.22", "vtigerVersion": "7.5.0"}

    def _enter(self, session: str) -> None:
        if not session:
            raise _ServiceError("AUTHENTICATION_REQUIRED", "Authencation required")
        if session not in self._crm.sessions:
            raise _ServiceError("INVALID_SESSIONID", "Session Identifier provided is Invalid")
        if self._crm.calls == self._crm.calls_per_session:
            self._crm.sessions.clear()
            raise _ServiceError("SESSION_EXPIRED", "Session has life span over please login again")
        self._crm.calls += 1

    def _sync(self, given: Mapping[str, str]) -> Record:
        module, whole = given.get("elementType", ""), given.get("syncType") == "application"
        if given["modifiedTime"] in ("", "0"):
            raise _ServiceError("INTERNAL_SERVER_ERROR", "Unknown Error while processing request")
        if module not in MODULE_IDS or (whole and not self._crm.is_admin):
            raise _ServiceError("ACCESS_DENIED", "Only admin users can perform application sync")
        crm = self._crm
        since = crm.naive(datetime.fromtimestamp(int(given["modifiedTime"]), crm.zone))
        mine = [
            record
            for record in crm.modules[module]
            if whole or record.get("assigned_user_id") == "19x1"
        ]
        later = sorted(
            time for record in mine if (time := crm.naive(record["modifiedtime"])) > since
        )
        until = later[: crm.batch][-1] if later else since
        within = [record for record in mine if since < crm.naive(record["modifiedtime"]) <= until]
        reached = datetime.fromisoformat(until).replace(tzinfo=crm.zone)
        return {
            "updated": [self._shown(record) for record in within if not record.get("deleted")],
            "deleted": [record["id"] for record in within if record.get("deleted")],
            "more": bool(later) and later[-1] > until,
            "lastModifiedTime": int(reached.timestamp()),
        }

    def _describe(self, given: Mapping[str, str]) -> Record:
        sample = _SAMPLES[given["elementType"]](1, datetime(2026, 1, 1, tzinfo=self._crm.zone))
        names = [name for name in sample if name not in _HIDDEN | self._crm.hidden_fields]
        fields = [{"name": name, "label": name, "type": {"name": "string"}} for name in names]
        return {"name": given["elementType"], "fields": fields}

    def _retrieve(self, given: Mapping[str, str]) -> Record:
        key = given["id"]
        if key in CURRENCIES:
            return {"id": key, "currency_code": CURRENCIES[key], "currency_status": "Active"}
        try:
            found = self._crm.find(key)
        except ValueError:
            found = {"deleted": True}
        if found.get("deleted") or key in self._crm.denied:
            # A deleted record has no module any more, so none that may be read.
            raise _ServiceError("ACCESS_DENIED", "Permission to perform the operation is denied")
        return self._shown(found) | {"LineItems": found.get("LineItems", [])}

    def _shown(self, record: Record) -> Record:
        return {
            name: self._crm.naive(value) if isinstance(value, datetime) else value
            for name, value in record.items()
            if name not in _HIDDEN | self._crm.hidden_fields
        }


def contact(key: int, modified_at: datetime, **changes: Any) -> Record:
    record = {
        "id": f"12x{key}",
        "contact_no": f"CON{key}",
        "firstname": "سارا",
        "lastname": f"محمدی {key}",
        "email": f"c{key}@example.com",
        "mobile": "",
        "phone": "02188880000",
        "birthday": "1991-03-21",
        "title": "مهندس",
        "mailingcity": "تهران",
        "mailingstate": "تهران",
        "mailingcountry": "ایران",
        "emailoptout": "0",
        "donotcall": "0",
        "assigned_user_id": "19x5",
        "createdtime": modified_at,
        "modifiedtime": modified_at,
    }
    return record | changes


def help_desk(key: int, modified_at: datetime, **changes: Any) -> Record:
    record = {
        "id": f"17x{key}",
        "ticket_no": f"TT{key}",
        "ticket_title": f"موضوع {key}",
        "description": "سفارشم نرسید",
        "ticketstatus": "Open",
        "ticketpriorities": "High",
        "contact_id": "12x1",
        "source": "PORTAL",
        "cf_order": f"6x{key}",
        "assigned_user_id": "19x5",
        "createdtime": modified_at,
        "modifiedtime": modified_at,
    }
    return record | changes


def sales_order(key: int, modified_at: datetime, **changes: Any) -> Record:
    record = {
        "id": f"6x{key}",
        "salesorder_no": f"SO{key}",
        "subject": f"سفارش {key}",
        "sostatus": "Approved",
        "contact_id": "12x1",
        "currency_id": "21x1",
        "hdnSubTotal": "1000.00000000",
        "hdnDiscountAmount": "",
        "hdnDiscountPercent": "10.000",
        "hdnS_H_Amount": "50.00000000",
        "txtAdjustment": "0.00000000",
        "hdnGrandTotal": "1031.00000000",
        "assigned_user_id": "19x5",
        "createdtime": modified_at,
        "modifiedtime": modified_at,
        "LineItems": [line(1), line(2)],
    }
    return record | changes


def line(number: int, **changes: Any) -> Record:
    record = {
        "parent_id": "6x1",
        "productid": f"14x{number}",
        "sequence_no": str(number),
        "quantity": "2.000",
        "listprice": "250.00000000",
        "discount_amount": "",
        "discount_percent": "",
        "comment": "",
        "product_name": f"چای {number}",
    }
    return record | changes


_SAMPLES = {"Contacts": contact, "HelpDesk": help_desk, "SalesOrder": sales_order}


def vtiger(base_url: str, *, sleep: Any = None, **config: Any) -> VtigerSource:
    http = HttpPolicy(**{"timeout_seconds": 5, "tries": 4} | config.pop("http", {}))
    parsed = VtigerConfig(
        **{
            "kind": "vtiger",
            "base_url": base_url,
            "username": USERNAME,
            "access_key": ACCESS_KEY,
            "http": http,
        }
        | config
    )
    return VtigerSource("crm", parsed, CONTEXT, sleep=Sleeps() if sleep is None else sleep)
