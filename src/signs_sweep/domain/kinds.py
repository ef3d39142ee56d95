"""The kinds of processors that trained a run; bits may differ between kinds."""

import json
from collections.abc import Mapping

Kinds = Mapping[int, str]
"""By the first epoch (1-based) that it trained, each kind of processor, such as `NVIDIA H200`.

In order. The epochs before the first key, if any, were trained on an unknown kind.
"""


def only_kind(kinds: Kinds) -> str:
    """Return the kind that trained all epochs, or an empty text if that is not known."""
    return next(iter(kinds.values())) if set(kinds) == {1} else ""


def last_kind(kinds: Kinds) -> str:
    """Return the kind that trained the last epoch, or an empty text if that is not known."""
    return ["", *kinds.values()][-1]


def kinds_text(kinds: Kinds) -> str:
    """Return the kinds as text in one line; `kinds_in` reads it."""
    return json.dumps(dict(kinds), ensure_ascii=False)


def kinds_in(text: str | bytes) -> Kinds:
    """Return the kinds in a text of `kinds_text`; none if it is another text."""
    try:
        return {int(epoch): str(kind) for epoch, kind in json.loads(text).items()}
    except (ValueError, AttributeError):
        return {}
