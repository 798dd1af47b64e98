"""Push: a run's model as a repository in the layout of the Hugging Face hub, in a folder or on the hub."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

from headstart.core.arguments import AnyPath, checked
from headstart.core.errors import ExportError, MissingExtraError
from headstart.core.exported import Repository
from headstart.core.progress import stage
from headstart.runs.origin import check_classes, task_of
from headstart.runs.run import Run
from headstart.workflows.arguments import AnyRun, named_folder

SCHEME = "hf://"
"""What the address of a repository on the hub begins with."""


@checked
def push(
    run: AnyRun,
    place: AnyPath,
    *,
    license: str | None = None,  # noqa: A002
    public: bool = False,
    thumbnails: bool = False,
) -> Repository:
    """Write a run's model as a repository: safetensors, `config.json`, and a card with the hub's header.

    `headstart.Run.load` takes the folder, and predicts as the run does. No picture, file name or path of the data is written; the
    names of the classes and the metrics are.

    Args:
        run: A finished run on pictures.
        place: A folder, absent, empty or such a repository, which is replaced; or `hf://OWNER/NAME` on the Hugging Face hub.
        license: The license of the model, as the hub spells it, "apache-2.0" say; that of the weights it was made of where all
            have the same one and none is named, else "other".
        public: Whether a repository that is made on the hub now is open to everybody.
        thumbnails: Whether the model may keep training pictures, reduced to a few pixels, where its method needs them.

    Returns:
        Where it lies, what license it states, and its files.

    Raises:
        DataError: The run is none, or was fitted on feature vectors.
        ExportError: The place holds something else or cannot be written, the hub refuses or cannot be reached, or the model keeps
            reduced training pictures.
        MissingExtraError: huggingface_hub is not installed.
        PlanError: The address is none, or the run has no classes.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise MissingExtraError('huggingface_hub is not installed. Install it with `pip install "headstart[hub]"`.')
    from headstart.export.bundle import check_exportable  # noqa: PLC0415  they import torch
    from headstart.export.hub import repository_named, upload  # noqa: PLC0415
    from headstart.export.repository import check_replaceable, write_repository  # noqa: PLC0415
    from headstart.export.repository_card import license_of_weights  # noqa: PLC0415

    loaded = Run.load(run)
    check_classes(loaded, "push")
    check_exportable(loaded.folder, loaded.model.backbone.card)
    if not thumbnails:
        _check_no_thumbnails(loaded)
    stated = license or license_of_weights(loaded)
    if not str(place).startswith(SCHEME):
        folder = named_folder(Path(place))
        check_replaceable(folder)
        return write_repository(loaded, task_of(loaded), folder, folder.name, stated)
    name = repository_named(str(place))
    with tempfile.TemporaryDirectory() as home:
        made = write_repository(loaded, task_of(loaded), Path(home) / "repository", name, stated)
        with stage(f"uploading {made.num_bytes / 1e6:.0f} MB"):
            address = upload(Path(made.place), name, public=public)
    return made.model_copy(update={"place": address})


def _check_no_thumbnails(run: Run) -> None:
    from headstart.methods.stored_rows import stored_rows  # noqa: PLC0415

    num = stored_rows(run.model).pictures
    if num:
        raise ExportError(
            f"{run.folder} keeps {num:,} training pictures, reduced to a few pixels, as parts of its model: whoever has the "
            "repository can look at them. Give --thumbnails if that may be, or push a run of another method, such as "
            "`headstart fit DATA --method ridge`."
        )
