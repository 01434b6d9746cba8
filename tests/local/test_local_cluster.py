"""A cluster of several nodes, where there is a `cockroach` binary; and what is said without one."""

from __future__ import annotations

import psycopg
import pytest

from manticore_cockroachdb import local
from manticore_cockroachdb.errors import LocalServerError
from manticore_cockroachdb.local import cluster, cockroach


def test_without_a_binary_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("MANTICORE_COCKROACH", raising=False)
    with pytest.raises(LocalServerError, match="no cockroach binary"):
        cluster.start(tmp_path / "cluster")
    assert not cluster.there_is(tmp_path / "cluster")


def test_what_is_no_cluster_is_not_touched(tmp_path):
    with pytest.raises(LocalServerError, match="There is no cluster"):
        cluster.status(tmp_path)
    with pytest.raises(LocalServerError, match="There is no cluster"):
        cluster.kill(1, tmp_path)


BINARY = cockroach.find()  # before the tests of this folder take it away


@pytest.mark.skipif(BINARY is None, reason="there is no cockroach binary here")
def test_three_nodes_of_which_one_is_killed_and_started_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MANTICORE_COCKROACH", str(BINARY))
    home = tmp_path / "cluster"
    started = cluster.start(home)
    try:
        assert [node.number for node in started.nodes] == [1, 2, 3]
        with psycopg.connect(started.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE shop")
        killed = cluster.kill(3, home)
        while cluster.status(home).nodes[2].pid == killed.pid:
            pass
        with pytest.raises(LocalServerError, match="Node 3 does not run"):
            cluster.kill(3, home)
        again = cluster.start(home)
        assert again.url == started.url
        assert again.nodes[2].pid not in (None, killed.pid)
        assert cluster.stop(home)
        assert not cluster.stop(home)
    finally:
        cluster.destroy(home)
    assert not home.exists()
    assert local.status(home).engine is None
