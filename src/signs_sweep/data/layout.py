"""The layout of a dataset in files: that in which the SIGNS photos were published.

`train_signs.h5` holds `train_set_x` (uint8, (n, height, width, channels)), `train_set_y`
(integers, (n,)), `list_classes` ((classes,)) and, if the images have groups, `train_set_groups`
(integers or strings, (n,)); `test_signs.h5` the same with `test_`, and `val_signs.h5`, if the
dataset comes with a validation set, with `val_`.
"""

TRAIN_FILE = "train_signs.h5"
TEST_FILE = "test_signs.h5"
VALIDATION_FILE = "val_signs.h5"
FILES = {"train": TRAIN_FILE, "test": TEST_FILE, "val": VALIDATION_FILE}
"""By part, its file; the part is also the beginning of the names of its arrays."""

ORIGIN = "signs_sweep_origin"
"""Attribute of a file: where the dataset comes from."""
