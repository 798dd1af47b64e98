from __future__ import annotations

import json
import runpy
import sys
import zipfile
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "build_emoji.py"
CHOSEN = runpy.run_path(str(SCRIPT), run_name="script")["chosen"]


def entry(at: int, subcategory: str, **changes: object) -> dict[str, object]:
    drawn = {"has_img_google": True, "has_img_twitter": True}
    return {"image": f"{at:04x}.png", "subcategory": subcategory, "sort_order": at, **drawn, **changes}


def test_emoji_are_chosen_by_metadata_and_capped_at_equal_steps():
    birds = [entry(at, "animal-bird") for at in range(90, 0, -1)]
    flags = [entry(200, "country-flag"), entry(201, "country-flag", has_img_twitter=False), entry(202, "keycap")]
    picked = CHOSEN([*birds, *flags, *(entry(300 + at, name) for at, name in enumerate(OTHERS))])
    assert picked["bird"] == [f"{at:04x}.png" for at in range(1, 91, 2)]
    assert picked["flag"] == ["00c8.png"]


OTHERS = (
    "transport-air", "animal-bug", "place-building", "time", "clothing", "drink", "face-smiling", "food-fruit", "hands",
    "animal-mammal", "food-asian", "music", "person", "plant-other", "animal-marine", "sky & weather", "sport", "tool",
    "food-vegetable", "transport-ground",
)  # fmt: skip


def test_rebuilding_gives_the_same_bytes(tmp_path, monkeypatch):
    entries = [entry(at, name) for at, name in enumerate(("animal-bird", "country-flag", *OTHERS))]
    for vendor in ("google", "twitter"):
        folder = tmp_path / vendor / "img" / vendor / "64"
        folder.mkdir(parents=True)
        (tmp_path / vendor / "emoji.json").write_text(json.dumps(entries))
        for one in entries:
            (folder / str(one["image"])).write_bytes(f"{vendor} {one['image']}".encode())
    for out in ("first", "second"):
        places = [str(tmp_path / name) for name in ("google", "twitter")]
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *places, "--out", str(tmp_path / out)])
        runpy.run_path(str(SCRIPT), run_name="__main__")
    for name in ("noto.zip", "twemoji.zip"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    with zipfile.ZipFile(tmp_path / "first" / "twemoji.zip") as archive:
        assert archive.read("bird/0000.png") == b"twitter 0000.png"
        assert len(archive.namelist()) == 22
