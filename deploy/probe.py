"""Health probe inside a container: ``probe.py URL [COMPONENT ...]``.

Exits 0 when URL answers 2xx and every named component of its JSON body is healthy, else 1 with
the cause. Standard library only: the slim base image has no curl.
"""

import json
import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 8


def unhealthy(url: str, components: list[str]) -> str | None:
    """Say what is wrong at ``url``, or None when nothing is."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            body = json.load(answer)
    except (urllib.error.URLError, OSError, ValueError) as error:
        return f"{url}: {error}"
    for name in components:
        status = (body.get(name) or {}).get("status")
        if status != "healthy":
            return f"{url}: {name} is {status or 'not reported'}"
    return None


if __name__ == "__main__":
    if cause := unhealthy(sys.argv[1], sys.argv[2:]):
        sys.exit(cause)
