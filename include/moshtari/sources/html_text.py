"""The text of what services send as HTML."""

from __future__ import annotations

from html.parser import HTMLParser


def plain_text(content: str) -> str:
    """The text of HTML: line breaks kept, a blank line between paragraphs."""
    parser = _PlainText()
    parser.feed(content)
    parser.close()
    return parser.text()


class _PlainText(HTMLParser):
    _BLOCKS = frozenset({"p", "blockquote", "ul", "ol", "pre", "h1", "h2", "h3", "h4", "h5", "h6"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._hidden = 0

    def text(self) -> str:
        return "".join(self._parts).strip("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self._hidden += 1
        elif tag in ("br", "li"):
            self._parts.append("\n")
        elif tag in self._BLOCKS:
            self._break()

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._hidden = max(0, self._hidden - 1)
        elif tag in self._BLOCKS:
            self._break()

    def _break(self) -> None:
        """One blank line, however many blocks end and begin here."""
        if self._parts and self._parts[-1] != "\n\n":
            self._parts.append("\n\n")
