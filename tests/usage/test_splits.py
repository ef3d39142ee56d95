"""Repeated k-fold cross-validation as a user gets it."""

import json

import pytest
from looking import recorded_bits

import signs_sweep

pytestmark = pytest.mark.slow

SPEC = """
name: toy
data: signs
split: {folds: 3, repeats: 2}
model: {hidden: [4]}
base: {learning_rate: 1e-2, batch_size: 8, epochs: 3}
grid: {l2: [0, 0.01]}
seeds: 2
baseline: {l2: 0}
"""
IMAGES = 40


def test_every_image_is_judged_once_in_each_partition_whatever_the_workers(
    project, make_project, tmp_path_factory
) -> None:
    alone = make_project(tmp_path_factory.mktemp("alone"))
    for each, options in ((project, ("0",)), (alone, ("1", "--set", "l2=0", "--seeds", "1"))):
        each.write("toy.yaml", SPEC)
        done = each.run("run", "toy.yaml", "--workers", *options)
        assert done.returncode == 0, done.stderr
    assert recorded_bits(project).items() >= recorded_bits(alone).items()
    assert (len(recorded_bits(project)), len(recorded_bits(alone))) == (2 * 2 * 6, 6)
    assert "24 runs, all cached: nothing to train" in project.run("plan", "toy.yaml").stdout

    where = {"data": project.folder / "data", "tracking_uri": project.uri}
    table = signs_sweep.predictions(project.folder / "toy.yaml", **where)
    held_out = table[table["set"] == "validation"]
    partition = (held_out["split_seed"] // 3).rename("partition")
    groups = held_out.groupby(["l2", "global_seed", "init_seed", partition])
    assert len(groups) == 2 * 2 * 2
    for _, group in groups:
        assert sorted(group["image"]) == list(range(IMAGES))
        assert group["split_seed"].nunique() == 3
    folds = held_out.groupby("split_seed")["image"].apply(frozenset)
    assert folds.nunique() == 6, "the partitions divide the images differently"

    done = project.run("compare", "toy.yaml", "--by", "setting", "--format", "json")
    rows = json.loads(done.stdout)
    assert [(row["seeds"], row["runs"]) for row in rows] == [(2, 12), (2, 12)]
    assert (rows[1]["pairs"], rows[1]["splits"], rows[1]["images"]) == (2, 2, IMAGES)
    is_right = (held_out["true"] == held_out["predicted"]).groupby(held_out["l2"]).mean()
    # All folds of a partition weigh the same, although 40 images make folds of 13 and 14.
    assert [row["mean"] for row in rows] == pytest.approx(is_right.tolist(), abs=0.01)
    assert [row["deviation"] is not None for row in rows] == [True, True]
