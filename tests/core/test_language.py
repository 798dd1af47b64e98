"""Languages: texts, sentences with numbers and names in them, and what has no translation."""

from __future__ import annotations

import re

import pytest

from headstart.core.errors import OTHER_CONTENT, DamagedError, PlanError
from headstart.core.language import Language, catalog_text, language_named, languages
from headstart.core.parsing import RESTORE
from headstart.core.po import Message, messages_in
from headstart.runs.verified_places import DAMAGED_FILE


def made(*entries):
    return Language("xx", tuple(Message(one, "", (two,), is_pattern="{" in one) for one, two in entries))


def test_languages_are_english_and_those_with_a_catalog():
    assert languages() == ("en", "zh")
    assert language_named("en").sentence("Label more images.") == "Label more images."
    assert language_named("zh").gettext("Findings") == "发现"


def test_an_unknown_language_is_refused():
    with pytest.raises(PlanError) as raised:
        language_named("zhh")
    assert str(raised.value) == '"zhh" is not a language of headstart. Did you mean "zh"? There are: en, zh.'


def test_numbers_names_and_translated_parts_take_their_place():
    spoken = made(("{num_n} images", "{num_n} Bilder"), ("Accuracy of {name} on {said_what}.", "{said_what}: {name}."))
    assert spoken.sentence("Accuracy of net {0} on 1,408 images.") == "1,408 Bilder: net {0}."
    assert spoken.sentence("Accuracy of a b on few images.") == "few images: a b."


def test_the_most_literal_pattern_wins():
    spoken = made(("{name} is kept.", "behalten: {name}"), ("the first of {num_n} is kept.", "der erste von {num_n}"))
    assert spoken.sentence("the first of 3 is kept.") == "der erste von 3"
    assert spoken.sentence("the first of them is kept.") == "behalten: the first of them"


def test_sentences_are_translated_one_by_one_and_those_without_an_entry_stay():
    spoken = made(("It is {num_n}.", "是 {num_n}。"), ("Done.", "完成。"))
    assert spoken.sentence("It is −1.5. Done. What else? Done.") == "是 −1.5。完成。What else? 完成。"
    assert spoken.sentence("What else?") == "What else?"


def test_a_hole_never_swallows_another_sentence():
    spoken = made(("Look at {name}.", "看 {name}。"))
    assert spoken.sentence("Look at a. Then at b.") == "看 a。Then at b."


def test_lists_are_translated_word_by_word():
    spoken = made((", ", "、"), ("mean of {list_members}", "{list_members} 的平均"), ("ridge on {net}", "{net} 上的岭回归"))
    assert spoken.sentence("mean of ridge on a, b and ridge on c") == "a 上的岭回归、b、c 上的岭回归 的平均"


def test_a_hole_that_has_to_be_translated_decides_whether_a_pattern_matches():
    spoken = made(("{told_a}; {told_b}", "{told_a}；{told_b}"), ("{num_n} s", "{num_n} 秒"))
    assert spoken.sentence("3 s; 4 s") == "3 秒；4 秒"
    assert spoken.sentence("3 s; then more") == "3 s; then more"


def test_items_are_translated_only_where_all_of_them_can_be():
    spoken = made(("; ", "；"), ("{items_all}.", "{items_all}。"), ("{name} ({num_n} s; more)", "{name}（{num_n} 秒）"))
    assert spoken.sentence("a (3 s; more); b (4 s; more).") == "a（3 秒）；b（4 秒）。"
    assert spoken.sentence("a (3 s; more); b.") == "a (3 s; more); b."


def test_a_word_is_looked_up_and_has_no_space():
    spoken = made(("{word_m} on pixels", "像素上的{word_m}"), ("ridge", "岭回归"))
    assert spoken.sentence("ridge on pixels") == "像素上的岭回归"
    assert spoken.sentence("lda on pixels") == "像素上的lda"
    assert spoken.sentence("it agrees on pixels") == "it agrees on pixels"


def test_plural_forms():
    spoken = Language("xx", (Message("{num_n} class", "{num_n} classes", ("{num_n} 个类别",), is_pattern=True),))
    assert [spoken.sentence(text) for text in ("1 class", "22 classes")] == ["1 个类别", "22 个类别"]
    plain = Language("xx", (Message("one", "many", ("x",), is_pattern=False),))
    assert (plain.ngettext("one", "many", 5), plain.ngettext("a", "b", 1), plain.ngettext("a", "b", 2)) == ("x", "a", "b")


@pytest.mark.parametrize("code", languages()[1:])
def test_a_translation_has_the_holes_of_its_original(code):
    for one in messages_in(catalog_text(code), code):
        for hole in (r"%\(\w+\)s|%%", r"\{\w+\}"):
            wanted = sorted(re.findall(hole, one.original))
            assert all(sorted(re.findall(hole, text)) == wanted for text in one.translations), one.original
        assert one.is_pattern == ("{" in one.original)
        assert not one.plural or sorted(re.findall(r"\{\w+\}", one.plural)) == sorted(re.findall(r"\{\w+\}", one.original))


def test_no_entry_stands_twice():
    originals = [one.original for one in messages_in(catalog_text("zh"), "zh")]
    assert len(originals) == len(set(originals))


def test_the_chinese_catalog_keeps_to_its_terms():
    text = "\n".join(translation for one in messages_in(catalog_text("zh"), "zh") for translation in one.translations)
    for wanted in ("您", "有待解答的问题", "置信区间", "沿用", "岭回归分类头", "置信度最高的误判", "图片"):
        assert wanted in text
    for other in ("你", "图像", "照片", "可信区间", "最自信", "岭回归头"):
        assert other not in text
    assert "置信区间" in text
    assert not re.search(r"(?<!置信)(?<!可信)区间(?!宽|，|重)", text.replace("Wilson 区间", "").replace("个区间", ""))


@pytest.mark.parametrize(
    ("sentence", "translation"),
    [
        (str(DamagedError.of("own/a.json", OTHER_CONTENT, RESTORE)), "own/a.json 已损坏（校验和与内容不符）。请您恢复或删除它。"),
        (
            DAMAGED_FILE.format(name="a", fault=OTHER_CONTENT),
            "a：已损坏（校验和与内容不符）。请您从副本恢复，或重新生成。",
        ),
    ],
)
def test_what_is_wrong_with_a_damaged_file_is_said_in_one_language(sentence: str, translation: str) -> None:
    assert language_named("zh").sentence(sentence) == translation
