"""What readers share to tell that a source's columns have changed: which a mapping uses, which are
new, and what a lost one may be called now.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches

from moshtari.sources.base import SourceColumn

_TEXTS = re.compile(r"'(?:[^']|'')*'")
_NAMES = re.compile(r'"((?:[^"]|"")+)"|`((?:[^`]|``)+)`|([^\W\d][\w$]*)')
_ALIKE = 0.6


def used_in(expressions: Iterable[str], names: Collection[str]) -> set[str]:
    """Those of the names that occur in SQL expressions, outside of texts.

    A column that shares its name with a function counts as used, too.
    """
    found = set()
    for expression in expressions:
        for parts in _NAMES.findall(_TEXTS.sub("''", expression)):
            found.add("".join(parts).casefold())
    return {name for name in names if name.casefold() in found}


def described(types: Mapping[str, str], expressions: Iterable[str]) -> list[SourceColumn]:
    """The columns of a table or query, by name and type, of which SQL expressions use some."""
    used = used_in(expressions, types)
    return [SourceColumn(name, kind, name in used) for name, kind in types.items()]


def extra_text(names: Sequence[str], values: Sequence[str | None]) -> str:
    """Values of new columns as landing takes them: JSON of texts, with what no text can hold told
    by escapes.
    """
    return json.dumps(
        {name: None if v is None else _storable(v) for name, v in zip(names, values, strict=True)},
        ensure_ascii=False,
    )


def merged_extra(extras: Sequence[str]) -> str | None:
    """The new columns of several records that become one row: an array for each column."""
    rows = [json.loads(extra) for extra in extras]
    names = list(dict.fromkeys(name for row in rows for name in row))
    lists = {name: [row.get(name) for row in rows] for name in names}
    said = {k: v if any(item is not None for item in v) else None for k, v in lists.items()}
    return json.dumps(said, ensure_ascii=False) if said else None


def now_called(
    lost: str, there: Iterable[str], used: Collection[str] = (), new: Collection[str] = ()
) -> str:
    """What a lost column may be called now, for an error's remedy; '' where nobody can tell."""
    free = [name for name in there if name not in used]
    for candidates in ([name for name in free if name in new], free):
        by_folded = {name.casefold(): name for name in candidates}
        close = get_close_matches(lost.casefold(), by_folded, n=1, cutoff=_ALIKE)
        if close:
            return f"it may be called {by_folded[close[0]]!r} now"
        if candidates and candidates is not free:
            return "new there: " + ", ".join(map(repr, candidates))
    return ""


def remedy_for_lost(lost: str, hint: str, key: str) -> str:
    """What to do about a lost column that the mapping under ``key`` uses."""
    told = f"{hint[0].upper()}{hint[1:]}: " if hint else ""
    verb = "mend" if told else "Mend"
    return f"{told}{verb} {key}, or bring {lost!r} back at the source; nothing of this has landed"


def _storable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")
