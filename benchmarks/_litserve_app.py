"""The model of a run under LitServe, with the same functions to decode and to predict.

python -m benchmarks._litserve_app RUN PORT
"""

import sys
from pathlib import Path
from typing import Any

import litserve
from fastapi import Request

from headstart.core.progress import silent
from headstart.features.store.transient import transient_features
from headstart.runs.predicting import answers_of
from headstart.serving.limits import Limits, Room
from headstart.serving.pictures import DecodedImages, Upload, decoded
from headstart.serving.versions import load_version


class Served(litserve.LitAPI):
    """Decodes the files of a request, and predicts requests that wait together.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(max_batch_size=16, batch_timeout=0.01)
        self.folder = folder

    def setup(self, device: str) -> None:
        self.version = load_version(self.folder)
        self.room = Room(Limits().max_pixels)

    def decode_request(self, request: Request) -> list[Any]:
        return [decoded(Upload("a", one.file.read()), self.version.sides, self.room) for one in request.getlist("files")]

    def predict(self, batch: list[list[Any]]) -> list[list[dict[str, Any]]]:
        pictures = [picture for request in batch for picture in request]
        with silent(), transient_features():
            rows = iter(answers_of(self.version.model, DecodedImages(tuple(pictures))))
            return [[next(rows) for _ in request] for request in batch]

    def unbatch(self, output: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
        return output

    def batch(self, inputs: list[list[Any]]) -> list[list[Any]]:
        return inputs

    def encode_response(self, output: list[dict[str, Any]]) -> dict[str, Any]:
        return {"predictions": output}


if __name__ == "__main__":
    server = litserve.LitServer(Served(Path(sys.argv[1])), accelerator="cpu", timeout=60)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="error")
