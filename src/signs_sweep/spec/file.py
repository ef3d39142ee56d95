"""The text of a spec file."""

import re
from difflib import get_close_matches
from pathlib import Path

from signs_sweep.spec.problems import Place, Problems

_MOST_BYTES = 1_000_000

NOT_TEXT = re.compile(
    r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""Characters that YAML does not allow, and the byte order mark."""


def read_text(path: Path, problems: Problems) -> str:
    """Return the text of a spec file.

    Raises:
        SpecError: the file does not exist, is too large, or is not text.
    """
    content = _read_bytes(path, problems)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", errors="replace")
        problems.text = content.decode("utf-8-sig", errors="replace")
        raise problems.error_with(
            Place.at(problems.text, len(before)),
            f"the byte 0x{content[error.start]:02x} is not valid UTF-8",
            "save the file as UTF-8",
        ) from None
    if odd := NOT_TEXT.search(text):
        problems.text = text
        place = Place.at(text, odd.start())
        message = f"the character {odd.group()!a} is not allowed"
        raise problems.error_with(place, message, "remove it")
    return text


def _read_bytes(path: Path, problems: Problems) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise problems.about_file("there is no such file" + _near(path)) from None
    except IsADirectoryError:
        names = _specs_in(path)
        hint = f" in it, such as {path / names[0]}" if names else ""
        raise problems.about_file(f"this is a folder; name a spec file{hint}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise problems.about_file(f"cannot be read: {reason}") from None
    if len(content) > _MOST_BYTES:
        raise problems.about_file(f"a spec has at most {_MOST_BYTES:,} bytes; this file has more")
    return content


def _near(path: Path) -> str:
    """Suggest the specs in the folder of a file that does not exist."""
    names = _specs_in(path.parent)
    by_stem = {Path(name).stem: name for name in names}
    close = get_close_matches(path.stem, by_stem, n=1)
    if close:
        return f"; did you mean {path.parent / by_stem[close[0]]}?"
    more = ", ..." if len(names) > 8 else ""
    return f". Specs in {path.parent}: {', '.join(names[:8])}{more}" if names else ""


def _specs_in(folder: Path) -> list[str]:
    try:
        return sorted(file.name for file in folder.iterdir() if file.suffix in (".yaml", ".yml"))
    except OSError:
        return []
