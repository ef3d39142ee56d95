"""From the SVG that matplotlib writes to an element of a page of HTML."""

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET

INK = "#010203"
"""Becomes the colour of the page's text."""

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def for_page(svg: str, name: str, width: float, height: float) -> str:
    """Return an SVG of matplotlib in the form that a page needs.

    Only the ids that something refers to are kept, and numbered; matplotlib's style sheet, which
    would hold for the whole page, becomes a style of the image.
    """
    root = ET.fromstring(svg)  # noqa: S314, our own text
    referred = dict.fromkeys(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    ids = {old: f"{name}-{place}" for place, old in enumerate(referred)}
    children = "".join(_text_of(child, ids) for child in root)
    return (
        f'<svg xmlns="{_SVG}" id="{name}" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" style="stroke-linejoin:round">{children}</svg>'
    )


def _text_of(element: ET.Element, ids: Mapping[str, str]) -> str:
    """Return an element and all below it as text, without what a page does not need."""
    tag = element.tag.removeprefix(f"{{{_SVG}}}")
    attributes = _attributes(element, ids)
    if tag in ("metadata", "style") or attributes.get("style") == "fill:none":
        return ""
    children = "".join(_text_of(child, ids) for child in element)
    inner = _escaped(element.text or "") if tag == "text" else children
    if tag in ("g", "defs") and not (inner and (attributes or tag == "defs")):
        return inner
    texts = "".join(f' {key}="{_escaped(value)}"' for key, value in attributes.items())
    return f"<{tag}{texts}>{inner}</{tag}>" if inner else f"<{tag}{texts}/>"


def _attributes(element: ET.Element, ids: Mapping[str, str]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for key, value in element.attrib.items():
        match key:
            case "id":
                if value in ids:
                    attributes[key] = ids[value]
            case "style":
                attributes[key] = _style(value)
            case "clip-path":
                attributes[key] = f"url(#{ids[value[5:-1]]})"
            case _ if key == _HREF:
                attributes["href"] = f"#{ids[value[1:]]}"
            case _ if not value.startswith("rotate(-0"):
                attributes[key] = _rounded(value)
    return attributes


def _style(value: str) -> str:
    value = value.replace(INK, "currentColor")
    value = re.sub(r"font: ([\d.]+px)[^;]*", r"font-size: \1", value)
    value = re.sub(r"\s*font-family:[^;]*;?", "", value)
    return _rounded(value, 2).replace("; ", ";").replace(": ", ":")


def _rounded(value: str, digits: int = 1) -> str:
    """Return coordinates without the digits that a screen does not show."""
    numbers = _NUMBER.sub(lambda match: f"{round(float(match.group()), digits):g}", value)
    return re.sub(r"\s*([A-Za-z])\s+(?=[-\d])", r"\1", numbers).strip()


def _escaped(text: str) -> str:
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )
