"""Datasets: finding, reading, checking and splitting them, and drawing one if there are no photos.

A spec has `data: signs`; `find_source` turns that into a `DataSource`, which is small enough to
send to a worker, and `DataSource.load` into a `Dataset`, whose fingerprint becomes part of every
run. h5py and Pillow are imported only when they are needed.
"""

from signs_sweep.data.copies import Copy, find_copies
from signs_sweep.data.dataset import Dataset
from signs_sweep.data.doubts import find_doubts, find_lacks, find_leak
from signs_sweep.data.drawn import DRAWN_VERSION, draw_dataset
from signs_sweep.data.layout import TEST_FILE, TRAIN_FILE, VALIDATION_FILE
from signs_sweep.data.novelty import NoveltyRule
from signs_sweep.data.origin import Origin
from signs_sweep.data.picture import Fit, Preparation
from signs_sweep.data.reading import read_dataset
from signs_sweep.data.sheet import contact_sheet, photo_sheet
from signs_sweep.data.source import KNOWN_DATASETS, DataSource, find_source, photo_folder
from signs_sweep.data.split import split_rows
from signs_sweep.data.summary import PartSummary, Summary, mean_images, summarize
from signs_sweep.data.writing import Part, write_dataset, write_parts

__all__ = [
    "DRAWN_VERSION",
    "KNOWN_DATASETS",
    "TEST_FILE",
    "TRAIN_FILE",
    "VALIDATION_FILE",
    "Copy",
    "DataSource",
    "Dataset",
    "Fit",
    "NoveltyRule",
    "Origin",
    "Part",
    "PartSummary",
    "Preparation",
    "Summary",
    "contact_sheet",
    "draw_dataset",
    "find_copies",
    "find_doubts",
    "find_lacks",
    "find_leak",
    "find_source",
    "mean_images",
    "photo_folder",
    "photo_sheet",
    "read_dataset",
    "split_rows",
    "summarize",
    "write_dataset",
    "write_parts",
]
