"""Metrics leave BLAS one thread while they run, and what it had afterwards."""

import threadpoolctl

from zoo.metrics.threads import one_thread


def counts():
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]


def test_one_thread_while_it_runs():
    with threadpoolctl.threadpool_limits(2):
        before = counts()
        assert before and set(one_thread(counts)()) == {1}
        assert counts() == before
