"""A sweep on a cluster that dies, then on a Ray of its own that is killed, then on this machine."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from looking import (
    PATIENCE,
    children,
    epochs_kept,
    processes_with,
    recorded_bits,
    wait_until,
)

from ray_nodes import Node

pytestmark = pytest.mark.slow

SPEC = """\
name: long
model: {hidden: [200, 100]}
base: {batch_size: 1, learning_rate: 1e-4, keep_prob: 0.9, epochs: 300}
"""
COMMAND = ("run", "long.yaml", "--checkpoint-seconds", "0.3")


def test_what_clusters_have_trained_is_kept_and_goes_on_elsewhere_with_the_same_bits(
    make_project, tmp_path
) -> None:
    pytest.importorskip("ray")
    project, undisturbed = (make_project(tmp_path / name) for name in ("killed", "undisturbed"))
    for each in (project, undisturbed):
        each.write("long.yaml", SPEC)
    environment = project.environment() | {"PYTHONPATH": os.pathsep.join(sys.path)}

    head = Node(1, environment)
    soon = {"RAY_gcs_rpc_server_reconnect_timeout_s": "3"}
    command = (*COMMAND, "--executor", "ray", "--ray-address", head.address)
    process = project.start(*command, **soon)
    wait_until(lambda: epochs_kept(project) > 0 or process.poll() is not None)
    head.kill()
    shutil.rmtree(head.folder, ignore_errors=True)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "Traceback" not in err
    (message,) = (line for line in err.splitlines() if line.startswith("error: "))
    assert message.startswith("error: the connection to the Ray cluster was lost")
    assert message.endswith("run the same command again to resume.")
    _, runs = children(project, "long")
    assert {run.info.status for run in runs} == {"KILLED"}, "unfinished, not failed"

    trained, folder = epochs_kept(project), Path(tempfile.mkdtemp())  # With a short name, for Ray.
    mark = {"SIGNS_SWEEP_TEST": project.folder.name + str(os.getpid()), "TMPDIR": str(folder)}
    process = project.start(*COMMAND, "--executor", "ray", **mark)
    wait_until(lambda: epochs_kept(project) > trained or process.poll() is not None)
    assert list(folder.glob("signs-sweep-node-*"))
    assert len(processes_with(f"SIGNS_SWEEP_TEST={mark['SIGNS_SWEEP_TEST']}")) > 3
    process.kill()
    process.communicate()
    wait_until(lambda: not processes_with(f"SIGNS_SWEEP_TEST={mark['SIGNS_SWEEP_TEST']}"))
    assert not list(folder.glob("signs-sweep-node-*"))
    shutil.rmtree(folder, ignore_errors=True)

    for each in (project, undisturbed):
        done = each.run(*COMMAND, "--workers", "0")
        assert done.returncode == 0, done.stderr
        assert ("resumes from epoch" in done.stderr) == (each is project)
    assert recorded_bits(project) == recorded_bits(undisturbed)
    client, runs = children(project, "long")
    assert [run.info.status for run in runs] == ["FINISHED"]
    for run in runs:
        points = client.get_metric_history(run.info.run_id, "loss")
        assert [point.step for point in points] == list(range(1, 301))
