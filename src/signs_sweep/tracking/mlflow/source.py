"""The origin of a record."""

import getpass
import subprocess
from configparser import Error as ConfigError
from contextlib import suppress

from signs_sweep.tracking.mlflow.tags import COMMIT


def source_tags() -> dict[str, str]:
    """Return MLflow's tags for the user, program and commit that create a record.

    The user is that of the credentials for a server, as MLflow does it, or else of the machine.
    """
    from mlflow.utils.credentials import read_mlflow_creds

    values = {"mlflow.source.name": "signs-sweep", "mlflow.source.type": "LOCAL"}
    user = None
    with suppress(ConfigError, UnicodeDecodeError):  # A store that is no server needs no file.
        user = read_mlflow_creds().username
    with suppress(KeyError, OSError):  # The user of a container may have no name.
        values["mlflow.user"] = user or getpass.getuser()
    commit = _commit()
    return values | ({COMMIT: commit} if commit else {})


def _commit() -> str | None:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=5
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
