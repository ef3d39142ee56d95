"""Where a dataset comes from, kept in its files."""

from dataclasses import asdict, dataclass

from signs_sweep.data.picture import Preparation


@dataclass(frozen=True)
class Origin:
    """Where a dataset comes from and how its images were made. Not part of its fingerprint.

    Attributes:
        source: the file, folder or address of the pictures.
        made: how they became this dataset, for people, such as the options of an import.
        licence: the licence of the pictures, if known.
        citation: how to cite them, if known.
        preparation: how pictures became images; None if they were images from the start.
    """

    source: str
    made: str = ""
    licence: str = ""
    citation: str = ""
    preparation: Preparation | None = None

    def to_json(self) -> str:
        """Return it as text for an attribute of a file."""
        from pydantic_core import to_json

        return to_json(asdict(self)).decode()

    @classmethod
    def from_json(cls, text: object) -> "Origin | None":
        """Return what `to_json` wrote; None for anything else."""
        from pydantic import TypeAdapter, ValidationError

        if not isinstance(text, str | bytes):
            return None
        try:
            return TypeAdapter(cls).validate_json(text)
        except ValidationError:
            return None
