"""Texts of others that try to be more than text, and the eyes of those who show them."""

from __future__ import annotations

from html.parser import HTMLParser

TEXTS = (
    "a|b",
    "`",
    "``` x",
    "a`b``c",
    "\\",
    "\\|x",
    "<script>alert(1)</script>",
    "</code></details><img src=x onerror=alert(1)>",
    "[a](https://evil.example)",
    "![a](https://evil.example/a.png)",
    "<https://evil.example>",
    "# head",
    "1. one",
    "- item",
    "+ item",
    "> quote",
    "=====",
    "---",
    "|---|",
    "**b** __c__ *d* _e_ ~~f~~",
    "$x$",
    "&lt;b&gt; &#64;",
    "line\n\n# next\n| a |",
    "    code",
    "/close",
    ":::",
    "x \u202etxt.exe\u202c",
    "\x1b[31mred\x1b[0m",
    "\ud800",
    "javascript:alert(1)",
    "\" onload='x' style=x",
    "${{ github.token }} $(id) `id`",
)


class Page(HTMLParser):
    """What a browser would find: elements, their attributes, all text by element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._inside: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self._inside or self._inside[-1] not in {"style", "script"}:
            self.words.append(data)

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    @property
    def text(self) -> str:
        """All that can be read, on one line."""
        return " ".join("".join(self.words).split())

    def values(self, attribute: str) -> list[str]:
        return [str(attrs[attribute]) for _, attrs in self.elements if attribute in attrs]
