from __future__ import annotations

from pathlib import Path

import pytest

from headstart.backbones.lineage import FILE, Lineage, lineage_of
from headstart.core.errors import PlanError

FIRST = Lineage(
    source="leaves",
    place="/data/leaves",
    task_fingerprint="abc",
    num_images=20_011,
    classes=("oak", "yew"),
    method="sim_clr",
    epochs=7,
    started_from="",
    mean=(0.1, 0.2, 0.3),
    std=(0.4, 0.5, 0.6),
)
SECOND = FIRST.model_copy(update={"source": "bark", "method": "fine_tune", "started_from": "run:leaves", "before": FIRST})


def test_it_is_read_back_with_all_that_came_before(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(SECOND.to_json(), encoding="utf-8")
    assert lineage_of(tmp_path) == SECOND


def test_a_folder_without_one_is_no_pretraining(tmp_path: Path) -> None:
    assert lineage_of(tmp_path) is None


def test_the_chain_leads_back_to_the_beginning() -> None:
    third = SECOND.model_copy(update={"source": "wood", "before": SECOND})
    assert [one.source for one in third.history] == ["wood", "bark", "leaves"]
    assert FIRST.history == (FIRST,)


def test_in_one_line() -> None:
    assert str(FIRST) == "leaves, 20,011 pictures (sim_clr)"
    assert str(SECOND) == "bark, 20,011 pictures (fine_tune, from run:leaves)"


@pytest.mark.parametrize("text", ["{", '{"source": "leaves"}'])
def test_a_damaged_lineage_is_refused_with_its_path(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(PlanError) as caught:
        lineage_of(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / FILE))
