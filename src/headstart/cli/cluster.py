"""`headstart cluster`: whether a cluster can be used from here, and what one would be worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, facts, plain, table
from headstart.core.errors import PlanError

if TYPE_CHECKING:
    from headstart.cluster.simulation import Workers

POSITION = 56


def cluster() -> None:
    """See whether a Ray cluster can be used, or what one would make of a run."""


def status(
    address: Annotated[
        str, typer.Argument(metavar="[ADDRESS]", help="auto for the cluster here, or ray://HOST:PORT.", show_default=False)
    ] = "auto",
    as_json: options.Json = False,
) -> None:
    """Check a Ray cluster as a run would, and show its nodes: cores, GPUs, memory, and what of them is in use."""
    from headstart.cluster.status import cluster_status

    found = cluster_status(address)
    columns = ("node", "cores", "GPUs", "memory")
    rows = [
        (plain(one.name, "bold"), f"{one.cores:g}", f"{one.gpus:g}", f"{one.memory_bytes / 1e9:,.1f} GB") for one in found.nodes
    ]
    in_use = f"{found.used_cores:g} of {found.cores:g} cores" + (
        f", {found.used_gpus:g} of {found.gpus:g} GPUs" if found.gpus else ""
    )
    answer(
        as_json,
        found.to_dict(),
        table(columns, rows, right=columns[1:]),
        "",
        facts([("Address", found.address), ("In use", in_use)]),
    )


def simulate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, made by one machine.", show_default=False)],
    workers: Annotated[
        str, typer.Option(metavar="N,N,...", help="Numbers of workers, each a machine like the one of the run.")
    ] = "1,2,4,8,16,64,256,1000",
    price: Annotated[
        float | None, typer.Option(metavar="P", help="Price of a machine-hour, in whatever money.", show_default=False)
    ] = None,
    lost_every: Annotated[
        float | None, typer.Option(metavar="HOURS", help="A worker is lost after so many hours, in the mean.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="Seed of when workers are lost.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Predict the speed-up of a run on 1 to 1,000 workers from the seconds of its steps; see docs/scale.md."""
    from headstart.workflows.simulate import simulate as simulated

    found = simulated(run, workers=_numbers(workers), price=price, lost_every=lost_every, seed=seed)
    columns = ("workers", "time", "speed-up", "efficiency", "machine-hours", *(("cost",) if price is not None else ()))
    rows = [_cells(row) for row in found.workers]
    answer(as_json, found.to_dict(), table(columns, rows, right=columns), "", found.sentence)


SUBCOMMANDS = {"status": status, "simulate": simulate}


def _numbers(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise PlanError(f'--workers "{text}" is no list of numbers. Write them as 1,4,16.') from None


def _cells(row: Workers) -> tuple[str, ...]:
    ratios = f"{row.speed_up:,.2f}", f"{row.efficiency:.0%}"
    cost = () if row.cost is None else (_small(row.cost),)
    return f"{row.num_workers:,}", _time(row.seconds), *ratios, _small(row.machine_hours), *cost


def _time(seconds: float) -> str:
    """A time with two or three digits.

    >>> _time(3.21), _time(150), _time(7200)
    ('3.2 s', '2.5 min', '2.0 h')
    """
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:.1f} s"


def _small(value: float) -> str:
    """A number with two digits after the point, or three that count where it is small.

    >>> _small(12.345), _small(0.01234), _small(0.0)
    ('12.35', '0.0123', '0.00')
    """
    return f"{value:.3g}" if 0 < value < 0.1 else f"{value:,.2f}"
