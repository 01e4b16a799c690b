"""Turn TeX into MathML while the documentation is built: equations need neither a script nor a network."""

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert

_DISPLAY = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)
_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)


def on_page_content(html: str, **_: Any) -> str:
    """Replace the equations of a page (an event of MkDocs)."""
    html = _DISPLAY.sub(lambda match: f'<div class="equation">{_mathml(match, "block")}</div>', html)
    return _INLINE.sub(lambda match: _mathml(match, "inline"), html)


def _mathml(match: re.Match[str], display: str) -> str:
    return str(convert(unescape(match[1]).strip(), display=display))
