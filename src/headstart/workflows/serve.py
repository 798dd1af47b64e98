"""Serve: runs and galleries behind an address, until a signal ends it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from headstart.cluster.connection import connected
from headstart.core.arguments import AnyPath, Paths, Texts, checked, several
from headstart.core.errors import DataError, MissingExtraError
from headstart.core.limit_options import USUAL, LimitOptions
from headstart.core.progress import note
from headstart.serving.limits import Limits
from headstart.serving.placing import LOCAL
from headstart.workflows.arguments import AnyRun, folder_given, named_folder

if TYPE_CHECKING:
    from headstart.serving.options import ServerOptions

Started: TypeAlias = Callable[[dict[str, Any]], None] | None
KEYS = "HEADSTART_API_KEYS"
"""The variable with the keys of which a request needs one, separated by commas."""
PACKAGES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")
"""Of the extra `serve`."""


@checked
def serve(
    *runs: AnyRun,
    gallery: Paths = None,
    show_runs: AnyPath | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    api_keys: AnyPath | None = None,
    cors: Texts = None,
    max_megabytes: float = USUAL.max_megabytes,
    max_files: int = USUAL.max_files,
    max_megapixels: float = USUAL.max_megapixels,
    queue: int = USUAL.queue,
    deadline: float = USUAL.deadline,
    corrections: AnyPath | None = None,
    read_only: bool = False,
    examples: bool = True,
    check: bool = False,
    cluster: str | None = None,
    replicas: str | int = "1",
    replica_cores: float = 1.0,
    started: Started = None,
) -> dict[str, Any]:
    """Answer HTTP requests with the models of runs, and of galleries, until SIGTERM or Ctrl-C.

    Requests that wait for the same model are computed together. A run that is fitted again is loaded without a dropped request.
    At the end, requests that were begun are answered. No picture, and nothing computed of one, is written on disk, but for
    corrections and the features of enrolled classes.

    Args:
        *runs: Runs; requests name one by its folder's name, and the first is the default.
        gallery: Folders of few-shot galleries, whose classes are enrolled and forgotten by requests; an absent one is made.
        show_runs: A folder whose runs are shown at /runs, compared, and live while they are being made; without it none is.
        host: The address to listen on; 0.0.0.0 lets other machines ask.
        port: The port; 0 takes a free one.
        api_keys: A file with a key a line, of which a request needs one. Without it, `HEADSTART_API_KEYS` may hold keys.
        cors: Origins of pages on other hosts that may ask, such as https://example.org.
        max_megabytes: Of the body of a request.
        max_files: Pictures of a request.
        max_megapixels: Of a picture.
        queue: Pictures that may wait for one model.
        deadline: Seconds in which a request is answered, or refused.
        corrections: A folder for pictures whose right class users chose, one folder a run inside, for `headstart.extend`. Without
            it they lie beside the run, in a folder of its name with "-corrections" behind it.
        read_only: Refuse corrections, and changes of galleries.
        examples: Show training pictures as reasons to whoever may ask.
        check: Load everything, and return at once.
        cluster: "auto" or ray://HOST:PORT: answer by processes of Ray Serve on that cluster. Without it, this process answers.
        replicas: On a cluster, the number of processes, or two numbers as "1..4" between which it follows the load.
        replica_cores: On a cluster, the processor cores of each.
        started: Called with what is returned, once requests are answered.

    Returns:
        The address, and the card of everything that is served.

    Raises:
        DataError: A folder holds no finished run or no gallery.
        PlanError: The port is in use, a limit is impossible, or there is nothing to serve.
        MissingExtraError: The packages of the extra "serve", or of "cluster", are not installed.
    """
    _check_packages()
    from headstart.serving.options import ServerOptions  # noqa: PLC0415

    limits, keys = Limits.of(LimitOptions(max_megabytes, max_files, max_megapixels, queue, deadline)), _keys(api_keys, host)
    folders = tuple(named_folder(folder_given(run)) for run in runs)
    galleries = tuple(named_folder(Path(one)) for one in several(gallery))
    below, shown = (None if one is None else Path(one) for one in (corrections, show_runs))
    options = ServerOptions(
        folders, galleries, limits, below, shown, read_only, examples, tuple(keys), tuple(several(cors)), host in LOCAL
    )
    if cluster is None:
        return _serve_here(options, host, port, check, started)
    return _serve_on_cluster(options, cluster, (host, port), (str(replicas), replica_cores), check, started)


def _serve_here(options: ServerOptions, host: str, port: int, check: bool, started: Started) -> dict[str, Any]:
    """Answer by this process until a signal ends it."""
    from headstart.serving.server import address_of, bound_socket, serve_on  # noqa: PLC0415

    with bound_socket(host, port) as sock:
        service = options.service(options.examples and not check)
        found = {"address": address_of(sock), "models": [one.card() for one in service.served.values()]}
        if check:
            service.close()
            return found
        serve_on(sock, options.application(service), service, None if started is None else partial(started, found))
    return found


def _serve_on_cluster(
    options: ServerOptions, cluster: str, place: tuple[str, int], size: tuple[str, float], check: bool, started: Started
) -> dict[str, Any]:
    """Answer by processes of a cluster until a signal ends them; everything is checked and loaded here once before."""
    with connected(cluster) as connection:
        from headstart.serving.on_cluster import ServerOnCluster  # noqa: PLC0415

        server = ServerOnCluster(connection, *place, options.scale(*size))
        service = options.service(examples=False)
        found = {"address": server.address, "models": [one.card() for one in service.served.values()]}
        service.close()
        if not check:
            server.answer(options.settings(), options.limits, lambda: None if started is None else started(found))
    return found


def _check_packages() -> None:
    missing = next((name for name in PACKAGES if importlib.util.find_spec(name) is None), None)
    if missing is not None:
        raise MissingExtraError(f'{missing} is not installed. Install it with `pip install "headstart[serve]"`.')


def _keys(file: AnyPath | None, host: str) -> list[str]:
    """The keys that requests need one of; where there is none, whoever lets other machines ask is told so."""
    keys = _given_keys(file)
    if host not in LOCAL and not keys:
        note(f"Whoever reaches {host} can ask: no key is needed. --api-keys names a file with keys.")
    return keys


def _given_keys(file: AnyPath | None) -> list[str]:
    """The keys in a file, one a line, or in the variable; `DataError` where the one that is given holds none."""
    if file is None:
        given = os.environ.get(KEYS)
        keys = [key for key in map(str.strip, (given or "").split(",")) if key]
        if given is not None and not keys:
            raise DataError(f"{KEYS} holds no key. Write keys separated by commas, or unset it.")
        return keys
    try:
        keys = [line.strip() for line in Path(file).read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read ({getattr(error, 'strerror', None) or error}). Give a text file.") from None
    if not keys:
        raise DataError(f"{file} holds no key. Write one a line.")
    return keys
