"""The cores that a process may use, not those of the machine."""

from __future__ import annotations

import os

from headstart.core import cores
from headstart.core.cores import num_cores


def test_a_process_that_may_use_some_cores_counts_those(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 8}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert num_cores() == 3


def test_where_nobody_can_say_it_is_all_of_them(monkeypatch):
    monkeypatch.delattr(cores.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert num_cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert num_cores() == 1


def test_one_of_several_processes_may_be_limited(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 8}, raising=False)
    for most, found in ((2, 2), (7, 3), (None, 3)):
        cores.limit_cores(most)
        assert num_cores() == found
