"""What sqlfluff's jinja templater needs of dbt's own macros: any SQL of the same shape."""


def datediff(first: str, second: str, part: str) -> str:
    """Days between two dates."""
    return f"({second} - {first})"


def dateadd(part: str, interval: int, day: str) -> str:
    """A date moved by an interval."""
    return f"({day} + interval '{interval} {part}')"


def split_part(text: str, delimiter: str, part: int) -> str:
    """One part of a delimited text."""
    return f"split_part({text}, {delimiter}, {part})"


def hash(text: str) -> str:
    """A hash of a text."""
    return f"md5({text})"


def type_float() -> str:
    """The type of a floating-point number."""
    return "double precision"
