"""Turning other people's pictures into a dataset: from files, archives and arrays to HDF5.

A reader of this package makes a `Collection` of a source; `importer.py` turns that into the files
of a dataset.
"""

from signs_sweep.importing.items import Collection, Item

__all__ = ["Collection", "Item"]
