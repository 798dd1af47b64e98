"""Keys, pages of other hosts, and what needs neither."""

from __future__ import annotations

import pytest

from headstart.core.errors import DataError
from headstart.workflows.serve import _given_keys

NO_KEY = {"code": "no-key", "error": 'The request has no valid key. Send the header "Authorization: Bearer KEY".'}


def test_a_key_is_needed_where_keys_are_given(server_of, picture):
    client = server_of(keys=["first key", "zweiter"])
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic zweiter"}, {"x-api-key": "Zweiter"}):
        answer = client.post("/predict", files=[picture()], headers=headers)
        assert (answer.status_code, answer.json()) == (401, NO_KEY)
        assert answer.headers["www-authenticate"] == "Bearer"
    for headers in ({"authorization": "bearer first key"}, {"x-api-key": "zweiter"}):
        assert client.post("/predict", files=[picture()], headers=headers).status_code == 200
    assert client.get("/metrics").status_code == client.get("/models").status_code == 401
    assert client.get("/health").status_code == client.get("/ready").status_code == 200


def test_a_page_of_another_host_may_not_send_pictures_unless_it_is_allowed(server_of, picture):
    client = server_of()
    answer = client.post("/predict", files=[picture()], headers={"origin": "https://evil.example"})
    sentence = "A page of another host sent this. Start the server with --cors and the page's origin to allow it."
    assert (answer.status_code, answer.json()) == (403, {"code": "foreign-page", "error": sentence})
    assert client.post("/predict", files=[picture()], headers={"origin": str(client.base_url).rstrip("/")}).status_code == 200
    assert "access-control-allow-origin" not in client.get("/models", headers={"origin": "https://evil.example"}).headers


@pytest.mark.parametrize("path", ["/runs/list", "/runs/compare?first=shades&second=shades"])
def test_a_picture_of_a_foreign_page_starts_no_comparison(server_of, run_folder, path):
    client = server_of(run_folder, service={"folder": run_folder.parent}, origins=["https://shop.example"])
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign-page")
    own = ({}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "cross-site", "origin": "https://shop.example"})
    assert {client.get(path, headers=headers).status_code for headers in own} == {200}
    assert client.get("/runs", headers={"sec-fetch-site": "cross-site"}).status_code == 200


def test_an_allowed_page_can_read_that_the_server_is_stopping(serving, picture):
    client = serving(origins=["https://shop.example"])
    client.service.draining = True
    answer = client.post("/predict", files=[picture()], headers={"origin": "https://shop.example"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (503, "https://shop.example")


@pytest.mark.parametrize("origin", ["null", "http://[", "x", "https://testserver.evil.example"])
def test_an_origin_that_is_no_host_is_another_one(server_of, picture, origin):
    assert server_of().post("/predict", files=[picture()], headers={"origin": origin}).status_code == 403


def test_a_page_that_is_allowed_may_ask(server_of, picture):
    client = server_of(origins=["https://shop.example"], keys=["k"])
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    answer = client.options("/predict", headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://shop.example")
    headers = {"origin": "https://shop.example", "authorization": "Bearer k"}
    answer = client.post("/predict", files=[picture()], headers=headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://shop.example")


def test_a_server_of_this_machine_answers_its_own_names_only(server_of, picture):
    client = server_of(local=True)
    for host in ("127.0.0.1:8000", "localhost", "LOCALHOST:80", "[::1]:8000"):
        assert client.get("/models", headers={"host": host}).status_code == 200
    sentence = "The request names another host, and this server answers its own machine only. Ask 127.0.0.1 or localhost."
    for host in ("evil.example:8000", "127.0.0.1.evil.example", "localhost:x", ""):
        answer = client.post("/predict", files=[picture()], headers={"host": host, "origin": f"http://{host}"})
        assert (answer.status_code, answer.json()) == (403, {"code": "foreign-host", "error": sentence})


@pytest.mark.parametrize("given", ["", " , "])
def test_a_variable_without_a_key_is_refused(monkeypatch, given):
    monkeypatch.setenv("HEADSTART_API_KEYS", given)
    with pytest.raises(DataError, match=r"^HEADSTART_API_KEYS holds no key\. Write keys separated by commas, or unset it\.$"):
        _given_keys(None)


def test_a_key_file_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / "keys").write_text("first\nsecond\n", encoding="utf-8-sig")
    assert _given_keys(tmp_path / "keys") == ["first", "second"]
