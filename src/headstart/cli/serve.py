"""`headstart serve`: runs and galleries behind an address."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts
from headstart.core.limit_options import USUAL

POSITION = 21


Runs: TypeAlias = Annotated[
    list[Path] | None, typer.Argument(metavar="[RUN]...", help="Folders of finished runs.", show_default=False)
]
Galleries: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option("--gallery", metavar="DIR", help="A gallery, to enroll classes by requests; repeatable.", show_default=False),
]
ShowRuns: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--show-runs", metavar="DIR", help="Show the runs of a folder at /runs, compared, and live meanwhile.", show_default=False
    ),
]
Host: TypeAlias = Annotated[str, typer.Option(metavar="HOST", help="The address to listen on; 0.0.0.0 lets other machines ask.")]
Port: TypeAlias = Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="The port; 0 takes a free one.")]
Keys: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="A file with a key a line, of which requests need one; or HEADSTART_API_KEYS.", show_default=False
    ),
]
Origins: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--cors", metavar="ORIGIN", help="Let pages of another host ask: https://example.org; repeatable.", show_default=False
    ),
]
Megabytes: TypeAlias = Annotated[float, typer.Option(min=0.001, metavar="MB", help="Largest body of a request.")]
Files: TypeAlias = Annotated[int, typer.Option(min=1, metavar="N", help="Most pictures of a request.")]
Megapixels: TypeAlias = Annotated[float, typer.Option(min=0.001, metavar="MP", help="Largest picture.")]
Queue: TypeAlias = Annotated[int, typer.Option(min=1, metavar="N", help="Pictures that may wait for one model.")]
Deadline: TypeAlias = Annotated[
    float, typer.Option(min=0.1, metavar="S", help="Seconds in which a request is answered, or refused.")
]
Corrected: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--corrections", metavar="DIR", help="Where corrections are kept, for `headstart extend`.", show_default="beside each run"
    ),
]
ReadOnly: TypeAlias = Annotated[bool, typer.Option("--read-only", help="Refuse corrections, and changes of galleries.")]
NoExamples: TypeAlias = Annotated[bool, typer.Option("--no-examples", help="Show no training pictures as reasons.")]
Replicas: TypeAlias = Annotated[
    str, typer.Option(metavar="N|MIN..MAX", help="On a cluster: processes that answer, fixed or following the load.")
]
ReplicaCores: TypeAlias = Annotated[
    float, typer.Option(min=0.1, metavar="N", help="On a cluster: processor cores of each process that answers.")
]
Check: TypeAlias = Annotated[bool, typer.Option("--check", help="Load everything, say what would be served, and end.")]


def serve(
    runs: Runs = None,
    gallery: Galleries = None,
    show_runs: ShowRuns = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    api_keys: Keys = None,
    cors: Origins = None,
    max_megabytes: Megabytes = USUAL.max_megabytes,
    max_files: Files = USUAL.max_files,
    max_megapixels: Megapixels = USUAL.max_megapixels,
    queue: Queue = USUAL.queue,
    deadline: Deadline = USUAL.deadline,
    corrections: Corrected = None,
    read_only: ReadOnly = False,
    no_examples: NoExamples = False,
    check: Check = False,
    cluster: options.Cluster = None,
    replicas: Replicas = "1",
    replica_cores: ReplicaCores = 1.0,
    as_json: options.Json = False,
) -> None:
    """Answer HTTP requests with models, until SIGTERM or Ctrl-C. `POST /predict` takes pictures; /openapi.json lists all.

    The address itself is a page to try them on: label, probabilities, reasons, corrections.

    A run that is fitted again is loaded without a dropped request.
    """
    from headstart.workflows.serve import serve as serve_runs

    found = serve_runs(
        *(runs or ()), gallery=gallery, show_runs=show_runs, host=host, port=port, api_keys=api_keys, cors=cors,
        max_megabytes=max_megabytes, max_files=max_files, max_megapixels=max_megapixels, queue=queue, deadline=deadline,
        corrections=corrections, read_only=read_only, examples=not no_examples, check=check, cluster=cluster, replicas=replicas,
        replica_cores=replica_cores, started=partial(_tell, as_json),
    )  # fmt: skip
    if check:
        _tell(as_json, found)


def _tell(as_json: bool, found: dict[str, Any]) -> None:
    """Print the address and what is served."""
    models = [(one["kind"].capitalize(), f"{one['name']}: {len(one['classes'])} classes") for one in found["models"]]
    answer(as_json, found, facts([("Address", found["address"]), *models]))
