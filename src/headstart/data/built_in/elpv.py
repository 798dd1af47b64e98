"""Solar cells in electroluminescence, defective or not."""

from __future__ import annotations

from typing import ClassVar

from headstart.core.errors import DataError
from headstart.data.built_in.base import BuiltIn, folder_of_package
from headstart.data.images import FileImages
from headstart.data.raw_dataset import RawDataset


class ELPV(BuiltIn):
    """2,624 gray 300x300 pictures of solar cells, from the package `elpv-dataset` (CC-BY-NC-SA 4.0).

    The package gives a probability of a defect, one of 0, 1/3, 2/3 and 1, which is an expert's verdict times the expert's
    confidence. Above one half a cell counts as `defective`, otherwise as `functional`; the two unsure grades are thus rounded
    to the nearer verdict.

    Reference: Buerhop-Lutz et al., "A Benchmark for Visual Identification of Defective Solar Cells in Electroluminescence
    Imagery", EU PVSEC 2018.
    """

    names: ClassVar[dict[str, str]] = {"elpv": "2,624 solar cells, 300x300 gray, defective or functional (extra: elpv)"}
    licenses: ClassVar[dict[str, str]] = {"elpv": "CC-BY-NC-SA-4.0"}

    def read(self, name: str) -> RawDataset:
        folder = folder_of_package(name, "elpv-dataset") / "data"
        try:
            lines = (folder / "labels.csv").read_text(encoding="utf-8").splitlines()
            cells = [(folder / path, float(probability)) for path, probability, _ in map(str.split, lines)]
        except (OSError, ValueError) as error:
            raise DataError(
                f"{folder / 'labels.csv'}: not the list of cells it should be ({error}). Reinstall elpv-dataset."
            ) from None
        labels = tuple("defective" if probability > 0.5 else "functional" for _, probability in cells)
        return RawDataset(name, FileImages(tuple(path for path, _ in cells)), labels)
