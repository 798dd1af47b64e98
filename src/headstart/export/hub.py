"""The Hugging Face hub: a repository's folder, uploaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

from headstart.core.errors import ExportError, HeadstartError, PlanError
from headstart.export.repository import CONFIG, OWN, is_repository

SCHEME = "hf://"
BY_THE_HUB = {".gitattributes"}
"""Files that the hub itself puts into a new repository."""


def repository_named(place: str) -> str:
    """The name of a repository, "OWNER/NAME", of its address `hf://OWNER/NAME`; a PlanError where it is none."""
    name = place.removeprefix(SCHEME).removeprefix("models/").strip("/")
    if name.count("/") != 1 or not all(name.split("/")):
        raise PlanError(f"{place} is no address of a repository. Give {SCHEME}OWNER/NAME, or a folder.")
    return name


def upload(folder: Path, name: str, *, public: bool) -> str:
    """Upload a repository's folder, in one commit, and return the address of its page.

    Args:
        folder: What `write_repository` wrote.
        name: "OWNER/NAME"; made, private, where it is absent.
        public: Whether a repository that is made now is open to everybody.

    Returns:
        The address.

    Raises:
        ExportError: The hub refuses, cannot be reached, or the repository holds something else.
    """
    api = HfApi(library_name="headstart")
    with _as_export_errors(name):
        address = api.create_repo(name, private=not public, exist_ok=True)
        there = set(api.list_repo_files(name)) - BY_THE_HUB
        if there and not (CONFIG in there and is_repository(Path(api.hf_hub_download(name, CONFIG)))):
            raise ExportError(f"{SCHEME}{name} holds something else than a repository of headstart. Name another one.")
        old = [f"{one}/*" if one == "model" else one for one in OWN]
        api.upload_folder(repo_id=name, folder_path=folder, delete_patterns=old, commit_message="Push a model of headstart")
    return str(address)


@contextmanager
def _as_export_errors(name: str) -> Iterator[None]:
    """Turns what the hub's client raises into one sentence."""
    try:
        yield
    except LocalTokenNotFoundError:
        raise ExportError(f"{SCHEME}{name}: you are not logged in. Log in with `hf auth login`, or set HF_TOKEN.") from None
    except HFValidationError as error:
        raise PlanError(f"{SCHEME}{name} is no name of a repository ({_first_line(error)}). Give {SCHEME}OWNER/NAME.") from None
    except HfHubHTTPError as error:
        raise ExportError(
            f"{SCHEME}{name}: the hub refused ({_first_line(error)}). Log in as somebody who may write there."
        ) from error
    except HeadstartError:
        raise
    except Exception as error:  # what clients of HTTP raise differs between releases
        reached = f"the hub was not reached ({_first_line(error)})"
        raise ExportError(f"{SCHEME}{name}: {reached}. Name a folder to write the repository there.") from error


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")
