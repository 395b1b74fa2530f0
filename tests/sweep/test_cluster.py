"""A sweep on a cluster of two workers, one of which is killed."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from engine.errors import UserError
from engine.sweep import cluster as clusters
from engine.sweep.cluster import Cluster, remote
from engine.sweep.crew import Task


def work(said, tell):
    time.sleep(0.05)
    return {"figures": said["number"] ** 2, "process": os.getpid()}


@pytest.mark.slow
def test_a_killed_worker_costs_no_cell():
    distributed = pytest.importorskip("distributed")
    tasks = [Task(str(number), {"number": number}) for number in range(30)]
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as local:
        cluster = Cluster(local.scheduler_address, work)
        made = {}
        for task, said in cluster.run(tasks, lambda: False, lambda part: None):
            made[task.key] = said["figures"]
            if len(made) == 5:
                os.kill(said["process"], signal.SIGKILL)
        stopped = list(cluster.run(tasks, lambda: True, lambda part: None))
        cluster.close()

    assert made == {str(number): number**2 for number in range(30)}
    assert stopped == []


def test_a_worker_with_another_engine_plays_nothing():
    said = remote(work, {"number": 1}, "another")
    assert said["lost"]
    assert "its worker has another engine" in said["failed"]


def test_without_the_library_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"pip install .*\[dask\]"):
        Cluster("tcp://127.0.0.1:9", work)


def test_a_scheduler_that_does_not_answer_is_told(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(clusters, "CONNECT_S", 0.5)
    with pytest.raises(UserError, match=r"--scheduler tcp://127.0.0.1:9: no scheduler answers"):
        Cluster("tcp://127.0.0.1:9", work)
