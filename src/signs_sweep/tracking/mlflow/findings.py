"""The findings of a sweep or a search, in its record."""

import re
import tempfile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from signs_sweep.protocols import Findings
from signs_sweep.tracking.mlflow import tags
from signs_sweep.tracking.mlflow.client import write

if TYPE_CHECKING:
    from mlflow import MlflowClient

_NOT_IN_TAGS = re.compile(r"[^\w -]", re.ASCII)
"""Characters that MLflow may not allow in the name of a tag; some only at certain places."""

_LONGEST = 200
"""MLflow allows 250 characters in the name of a tag."""

_MOST_VERDICTS = 80
"""MLflow's limit is 100 tags in a call; `settings.csv` has all verdicts."""


def conclude(client: "MlflowClient", location: str, findings: Findings, description: str) -> None:
    """Write the note, the verdicts and the files of findings to the record of a sweep."""
    verdicts: dict[str, str] = {}
    for name, judgement in islice(findings.verdicts.items(), _MOST_VERDICTS):
        tag = f"{tags.VERDICT}.{_NOT_IN_TAGS.sub('_', name)[:_LONGEST]}"
        while tag in verdicts:
            tag += "_"
        verdicts[tag] = str(judgement.value)
    note = "\n\n".join(text for text in (description, findings.note) if text)
    write(client, location, tags={**verdicts, tags.NOTE: note})
    with tempfile.TemporaryDirectory() as folder:
        for name, content in findings.files.items():
            Path(folder, name).write_bytes(content)
        client.log_artifacts(location, folder)
