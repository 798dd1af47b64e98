"""The service as a whole: what it changes of the process, and gives back."""

from __future__ import annotations

from threadpoolctl import threadpool_info

from headstart.serving.service import Service


def threads_of_blas():
    return {library["filepath"]: library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_blas_has_one_thread_while_a_service_is_open(made_run):
    before = threads_of_blas()
    service = Service([made_run], examples=False)
    assert set(threads_of_blas().values()) == {1}
    service.close()
    assert threads_of_blas() == before
