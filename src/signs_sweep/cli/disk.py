"""What is said of the disk before runs are trained."""

from rich.filesize import decimal

from signs_sweep.planning.disk import DiskNeed


def disk_lines(need: DiskNeed) -> list[str]:
    """Return a line on how much the runs take, or a warning that they do not fit."""
    if not need.bytes_needed:
        return []
    needed, free = decimal(need.bytes_needed), decimal(need.bytes_free)
    about = "at least" if need.is_least else "about"
    if need.fits:
        return [f"disk: {about} {needed} of {free} free"]
    warning = (
        f"warning: the runs take {about} {needed} and do not fit: {free} are free in "
        f"{need.folder}. Free some space, or name a store on another disk with --tracking-uri."
    )
    return [warning]
