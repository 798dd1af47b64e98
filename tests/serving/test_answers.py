"""Answers: what is wrong is said in the language that a request asks for with `lang`, or else in English."""

from __future__ import annotations

import json

import pytest

from headstart.core.printable import UNPRINTABLE
from headstart.serving.answers import LONGEST, answered
from headstart.serving.json_response import JSONResponse

ENGLISH, CHINESE = "The form ends before its last boundary. Send it again.", "表单在最后的分隔符之前就结束了。请您重新发送。"


def said(query, **content):
    return json.loads(answered(query, content).body)


@pytest.mark.parametrize(
    ("query", "sentence"), [(b"", ENGLISH), (b"model=a", ENGLISH), (b"lang=xx", ENGLISH), (b"model=a&lang=zh", CHINESE)]
)
def test_what_is_wrong_is_said_in_the_language_that_is_asked_for(query, sentence):
    assert said(query, error=ENGLISH, code="bad-form") == {"error": sentence, "code": "bad-form"}
    rows = [{"path": "a", "label": "b"}, {"path": ENGLISH, "error": ENGLISH}]
    assert said(query, predictions=rows)["predictions"] == [rows[0], {"path": ENGLISH, "error": sentence}]


def test_status_and_headers_stay():
    answer = answered(b"lang=zh", {"error": ENGLISH}, 429, {"Retry-After": "2"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")


def test_a_sentence_that_is_too_long_to_look_up_stays():
    sentence = f'"{"x" * LONGEST}" is not served.'
    assert said(b"lang=zh", error=sentence) == {"error": sentence}
    assert said(b"lang=zh", error='"x" is not served.') == {"error": "没有提供“x”。"}


def test_every_way_to_refuse_speaks_the_language(server_of, picture):
    client = server_of(keys=("secret",))
    assert client.get("/models?lang=zh").json()["error"].startswith("请求没有有效的密钥。")
    client.headers["X-API-Key"] = "secret"
    assert client.get("/nowhere?lang=zh").json()["error"] == "没有这个地址。/openapi.json 列出全部。"
    assert client.post("/predict?lang=zh").json()["error"].startswith("请求体没有写明类型。")
    rows = client.post("/predict?lang=zh", files=[picture(), ("files", ("b.txt", b"text"))]).json()["predictions"]
    assert [row.get("error", "")[:6] for row in rows] == ["", "b.txt："]
    assert rows[0]["label"] == "red"


def test_names_in_an_answer_neither_move_a_cursor_nor_turn_letters_around():
    names = {"label": "\u202egpj.exe\x1b[2J", "Größe": "猫"}
    body = JSONResponse(names).body.decode()
    assert json.loads(body) == names
    assert not UNPRINTABLE.search(body)
    assert "Größe" in body
    assert "猫" in body
