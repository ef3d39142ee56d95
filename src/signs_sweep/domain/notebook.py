"""HTML by which objects show themselves in a notebook: no scripts, and the colours of its theme."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from signs_sweep.domain.formats import is_number

_MOST_ROWS = 30


def paragraphs(texts: Iterable[str]) -> str:
    """Return each text as a paragraph."""
    return "".join(f"<p>{escape(text)}</p>\n" for text in texts)


def table(columns: Mapping[str, Sequence[str]], title: str = "") -> str:
    """Return a table: columns of numbers aligned to the right, empty columns left out.

    Args:
        columns: the cells by title of the column.
        title: its caption.
    """
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    rows = max((len(cells) for cells in shown.values()), default=0)
    if not rows:
        return ""
    left, right = "text-align: left", "text-align: right; white-space: nowrap"
    styles = [right if all(map(is_number, cells)) else left for cells in shown.values()]
    lines = [_row("th", shown, styles)]
    lines += [_row("td", cells, styles) for cells in zip(*shown.values(), strict=True)][:_MOST_ROWS]
    if rows > _MOST_ROWS:
        text = f"{rows - _MOST_ROWS:,} more rows are not shown"
        lines.append(f'<tr><td colspan="{len(shown)}" style="{left}">{text}</td></tr>')
    caption = f'<caption style="text-align: left">{escape(title)}</caption>\n' if title else ""
    rest = "\n".join(lines)
    return f'<div style="overflow-x: auto"><table>\n{caption}{rest}\n</table></div>\n'


def _row(tag: str, cells: Iterable[str], styles: Sequence[str]) -> str:
    scope = ' scope="col"' if tag == "th" else ""
    parts = (
        f'<{tag}{scope} style="{style}">{escape(cell)}</{tag}>'
        for cell, style in zip(cells, styles, strict=True)
    )
    return f"<tr>{''.join(parts)}</tr>"
