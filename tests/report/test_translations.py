"""Every language has every text of the report; what a run keeps in English is translated as far as the catalog goes."""

from __future__ import annotations

import ast
import html
import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import get_args

import pytest

import headstart
from headstart.core.findings import Severity
from headstart.core.language import SENTENCE_END, language_named, languages, speaking
from headstart.core.records import Record
from headstart.evaluation.metrics import all_metrics
from headstart.evaluation.validators import VALIDATORS
from headstart.methods import METHODS
from headstart.planning.improving.adjustment import Outcome
from headstart.planning.results import CandidateResult
from headstart.report.finding_pages import CHECKOUT, page_of_finding
from headstart.report.html import report_html
from headstart.report.pages import environment
from headstart.report.terms import TERMS, meaning_of
from headstart.runs.run import STAGES
from headstart.scores import SCORES
from headstart.workflows.methods import family_of, methods

SOURCE = Path(headstart.__file__).parent
TEMPLATES = sorted((SOURCE / "report" / "templates").rglob("*.j2"))
OTHER_LANGUAGES = languages()[1:]
TOLERATED = 10
"""One in so many texts of findings, scores, validators and metrics may be English: a new one is one new file."""
NOT_WORDS = {"headstart", "Python", "px", "plan", "toml", "png", "npz"}
"""Names that are the same in every language."""


def untranslated(template: Path, code: str) -> list[str]:
    spoken = language_named(code)
    found = environment(spoken).extract_translations(template.read_text(encoding="utf-8"))
    texts = [text for _, _, message in found for text in ((message,) if isinstance(message, str) else message or ()) if text]
    return [text for text in texts if not spoken.has(text)]


@pytest.mark.parametrize("code", OTHER_LANGUAGES)
@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_text_of_a_template_is_translated(template, code):
    assert untranslated(template, code) == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_text_of_a_template_is_outside_the_catalog(template):
    text = template.read_text(encoding="utf-8")
    text = re.sub(r"{% trans.*?{% endtrans %}|<pre>.*?</pre>|{#.*?#}", "", text, flags=re.DOTALL)
    text = re.sub(r"{%.*?%}|{{.*?}}", "", text, flags=re.DOTALL)
    spoken = re.findall(r'(?:aria-label|title|alt)="([^"]*)"', text)
    seen = html.unescape(" ".join([re.sub("<[^>]*>", " ", text), *spoken]))
    assert set(re.findall(r"[A-Za-z]{2,}", seen)) <= NOT_WORDS


@pytest.mark.parametrize("code", OTHER_LANGUAGES)
def test_words_that_templates_look_up_by_value_are_translated(code):
    status, family = (CandidateResult.model_fields[name].annotation for name in ("status", "family"))
    words = {*get_args(Severity), *get_args(Outcome), *get_args(status)} | (set(get_args(family)) & {"chance", "baseline"})
    words |= {stage.capitalize() for stage in STAGES} | {"Python", "System", "Processor", "Cores", "Threads", "Gpu", "Packages"}
    assert [word for word in sorted(words) if not language_named(code).has(word)] == []


@pytest.mark.parametrize("code", OTHER_LANGUAGES)
def test_every_term_is_translated_with_its_meaning(code):
    spoken = language_named(code)
    assert [text for term in TERMS.values() for text in term if not spoken.has(text)] == []


@pytest.mark.parametrize("code", OTHER_LANGUAGES)
def test_scores_validators_and_metrics_are_translated(code):
    spoken, texts = language_named(code), list[str]()
    for catalog in (SCORES, VALIDATORS):
        texts += [meaning_of(catalog.get(name)) for name in catalog.names()]
    texts += [text for metric in all_metrics().values() for text in (metric.title, metric.meaning)]
    missing = [text for text in texts if not spoken.has(text)]
    assert len(missing) <= len(texts) // TOLERATED, missing


def sentences_of_findings() -> set[str]:
    """Titles and advice of findings as the source has them, with a number wherever something is put in."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            given: list[ast.expr] = []
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Finding", "Finding.info", "Finding.warning"):
                given = [one.value for one in node.keywords if one.arg in ("title", "advice")] + node.args[1:3]
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("title", "advice"):
                given = [node.value]
            elif isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "FINDINGS":
                given = [part for entry in ast.walk(node.value) if isinstance(entry, ast.Tuple) for part in entry.elts[1:]]
            found |= {text for text in map(_filled, given) if " " in text}
    return found


def _filled(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return re.sub(r"{\w+}", "7", str(node.value))
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)
    return ""


@pytest.mark.parametrize("code", OTHER_LANGUAGES)
def test_findings_are_translated_with_their_advice(code):
    spoken, sentences = language_named(code), sentences_of_findings()
    assert len(sentences) > 90
    parts = {part for text in sentences for part in SENTENCE_END.split(text) if re.search("[A-Za-z]{2,}", part)}
    missing = [part for part in sorted(parts) if spoken.sentence(part) == part]
    assert len(missing) <= len(parts) // TOLERATED, missing


OF_FITS = [
    "kernel_ridge on raw pixels with 4 views",
    "mean of 6: ridge on stages+pixels of efficientnet_lite0/1/2 at 96 pixels with 4 views and ridge on stages+pixels of "
    "efficientnet_lite0/1/2 at 96 to 160 pixels with 4 views",
    "First model after 58 s: ridge on stages+pixels of efficientnet_lite0 at 96 pixels, 93.8% [71.7%, 98.9%] leave-one-out on "
    "16 images.",
    '"cup" is found in 0% of its 11 held-out images, other classes in 50%.',
    '"cup" is found in 0% of its 11 held-out images, other classes in 50%, and it is rare: let rare classes count more '
    "(training.balance).",
    "0.0% of fitted images are wrong, and 12.5% of held-out ones: vary the pictures.",
    "training was 1 epoch long: raise training.epochs from 1 to 2.",
    "training was 3 epochs long: raise training.epochs from 3 to 6.",
    "training was 3 epochs or 12 steps long: raise training.epochs from 3 to 6.",
    "the training loss was still falling after 3 epochs: raise training.epochs from 3 to 6.",
    "training broke down: lower training.lr from 0.01 to 0.003.",
    "training broke down 2 times before it held: lower training.lr from 0.01 to 0.003.",
    "the training loss rose to 2.10, and the class shares alone give 1.10: lower training.lr from 0.01 to 0.003.",
    "the training loss ended at chance (1.10): lower training.lr from 0.01 to 0.003.",
    "training broke down with batches of 8: raise training.batch_size to 32.",
    "training ended after 1,200 steps, before its schedule did: let it go on to the end of 12 epochs.",
]


@pytest.mark.parametrize("code", OTHER_LANGUAGES)
@pytest.mark.parametrize("text", OF_FITS)
def test_what_is_said_of_a_fit_is_translated(text, code):
    assert language_named(code).sentence(text) != text


@pytest.mark.parametrize("code", OTHER_LANGUAGES)
@pytest.mark.parametrize("what", ["old classes", "old classes, of images that neither model had learned,"])
def test_what_an_extension_measured_is_translated(what, code):
    text = f"Accuracy on {what} fell by 1.2 points, from 90.0% to 88.8% (95%: -3.0 to +0.6; 90 images)."
    assert not re.search("[A-Za-z]", language_named(code).sentence(text))


def words_of(value) -> set[str]:
    """Every word that a run keeps, as a name or within a sentence."""
    if isinstance(value, Record):
        value = value.to_dict()
    return set(re.findall(r"[A-Za-z]+", json.dumps(value, default=str)))


@pytest.mark.slow
@pytest.mark.parametrize("code", OTHER_LANGUAGES)
@pytest.mark.parametrize("bare", [False, True], ids=["decided", "fitted"])
def test_a_page_has_no_english_but_names_and_what_the_run_keeps(make_run, code, bare):
    run, task = make_run()
    if bare:
        run = replace(run, ranking=None, decision=None, evaluation=None, predictions=None, findings=None, seconds={})
    with speaking(code):
        page = re.sub("<style>.*?</style>|<pre>.*?</pre>|<code>.*?</code>", " ", report_html(run, task), flags=re.DOTALL)
    seen = [*re.findall(r'(?:aria-label|title|alt)="([^"]*)"', page), re.sub("<[^>]*>", " ", page)]
    kept = set().union(*(words_of(getattr(run, each.name)) for each in fields(run) if each.name != "predictions"))
    names = NOT_WORDS | {
        "shelf",
        "AUROC",
        "ECE",
        "LEEP",
        "McNemar",
        "MMD",
        "Wilson",
        "BBC",
        "CV",
        "SGD",
        "GPU",
        "tau",
        "inv",
        "cov",
        "None",
    }
    words = set(re.findall(r"[A-Za-z]{2,}", html.unescape(" ".join(seen))))
    assert words - kept - names == set()
    assert f'<html lang="{code}">' in page


def test_pages_about_findings_are_read_in_parts():
    page = page_of_finding("few-labels")
    assert page is not None
    assert page.meaning == ("Some classes have fewer than ten training images; below five it is a warning.",)
    assert page.why == (
        "With so few labels the order of candidate models is mostly chance, and the ranking says so. Intervals are wide.",
    )
    assert page.do[0].startswith("More labels help more than longer training.")
    assert page_of_finding("of-a-plug-in") is None


@pytest.mark.parametrize("path", sorted(CHECKOUT.glob("*.md")), ids=lambda path: path.stem)
def test_every_page_about_a_finding_says_what_it_means_and_what_to_do(path):
    page = page_of_finding(path.stem)
    assert page is not None
    assert page.meaning
    assert page.do or page.why


STILL_ENGLISH = 30
"""Refusals and notes that may be English, of some 600: those in which the source puts words in, and what is written at the same
time. Lower it when fewer are left."""
ENGLISH = re.compile(r"[a-z]{2,}(?: [a-z']+){2,}")
"""Three words in a row, as no name has."""
CODE = re.compile(r"`[^`]*`|\"[^\"]*\"|“[^”]*”|pip install \S+")


def sentences_of_refusals() -> set[str]:
    """What errors and notes say, with a number wherever something is put in, and without the nearest name."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            call = node.exc if isinstance(node, ast.Raise) else node
            if not isinstance(call, ast.Call) or not call.args:
                continue
            name = ast.unparse(call.func)
            raised = isinstance(node, ast.Raise) and re.search(r"^[A-Z]\w+Error$", name) and name != "AssertionError"
            if raised or name in ("note", "stage", "told"):
                for given in call.args:
                    found |= set(SENTENCE_END.split(_filled(_without_nearest(given))))
    return {text for text in found if re.search("[A-Za-z]{3,} [a-z]{2,}", text) and text != "7"}


def _without_nearest(node: ast.expr) -> ast.expr:
    if not isinstance(node, ast.JoinedStr):
        return node
    return ast.JoinedStr([part for part in node.values if not re.search(r"did_you_mean|\bnear\b", ast.unparse(part))])


def is_left_in_english(text: str, code: str) -> bool:
    said = language_named(code).sentence(text)
    return said == text or ENGLISH.search(CODE.sub("", said)) is not None


@pytest.mark.parametrize("code", OTHER_LANGUAGES)
def test_refusals_and_notes_are_translated(code):
    sentences = sentences_of_refusals()
    assert len(sentences) > 500
    missing = [text for text in sorted(sentences) if is_left_in_english(text, code)]
    assert len(missing) <= STILL_ENGLISH, f"add them to src/headstart/locale/{code}.po: {missing}"


SETTINGS_IN_ENGLISH = 10
"""Meanings of settings that may be English, of some 180. Lower it when there are fewer."""


@pytest.mark.parametrize("code", OTHER_LANGUAGES)
def test_every_method_says_what_it_does_and_what_its_settings_mean(code):
    spoken, cards = language_named(code), [methods(name)[0] for name in METHODS.names()]
    texts = {card["summary"] for card in cards} | {family_of(METHODS.get(card["name"]))[1] for card in cards}
    assert [text for text in sorted(texts) if not spoken.has(text)] == [], f"add them to src/headstart/locale/{code}.po"
    meanings = {field["description"] for card in cards for field in card["schema"]["properties"].values()}
    missing = sorted(meaning for meaning in meanings if not spoken.has(meaning))
    assert len(missing) <= SETTINGS_IN_ENGLISH, f"add them to src/headstart/locale/{code}.po: {missing}"


def first_sentences() -> set[str]:
    """The first sentences of modules and classes, of which few are ever shown."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef) and (text := ast.get_docstring(node)):
                found.add(SENTENCE_END.split(" ".join(text.split("\n\n")[0].split()))[0])
    return found


MISTAKEN = 200
"""One in so many sentences that no user sees may look like an entry, as "{name} is not installed." is said of anything."""


@pytest.mark.parametrize("code", OTHER_LANGUAGES)
def test_a_sentence_without_an_entry_stays_as_it_is(code):
    sentences, spoken = first_sentences(), language_named(code)
    assert len(sentences) > 900
    mistaken = [text for text in sorted(sentences) if spoken.sentence(text) != text and is_left_in_english(text, code)]
    assert len(mistaken) <= len(sentences) // MISTAKEN, f"entries that fit too much: {mistaken}"
