"""Keys, pages of other hosts, and what needs neither."""

from __future__ import annotations

import pytest

NO_KEY = {"code": "no-key", "error": 'The request has no valid key. Send the header "Authorization: Bearer KEY".'}


def test_a_key_is_needed_where_keys_are_given(serving, picture):
    client = serving(keys=["first key", "zweiter"])
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic zweiter"}, {"x-api-key": "Zweiter"}):
        answer = client.post("/predict", files=[picture()], headers=headers)
        assert (answer.status_code, answer.json()) == (401, NO_KEY)
        assert answer.headers["www-authenticate"] == "Bearer"
    for headers in ({"authorization": "bearer first key"}, {"x-api-key": "zweiter"}):
        assert client.post("/predict", files=[picture()], headers=headers).status_code == 200
    assert client.get("/metrics").status_code == client.get("/models").status_code == 401
    assert client.get("/health").status_code == client.get("/ready").status_code == 200


def test_a_page_of_another_host_may_not_send_pictures_unless_it_is_allowed(serving, picture):
    client = serving()
    answer = client.post("/predict", files=[picture()], headers={"origin": "https://evil.example"})
    sentence = "A page of another host sent this. Start the server with --cors and the page's origin to allow it."
    assert (answer.status_code, answer.json()) == (403, {"code": "foreign-page", "error": sentence})
    assert client.post("/predict", files=[picture()], headers={"origin": "http://testserver"}).status_code == 200
    assert "access-control-allow-origin" not in client.get("/models", headers={"origin": "https://evil.example"}).headers


@pytest.mark.parametrize("origin", ["null", "http://[", "x", "https://testserver.evil.example"])
def test_an_origin_that_is_no_host_is_another_one(serving, picture, origin):
    assert serving().post("/predict", files=[picture()], headers={"origin": origin}).status_code == 403


def test_a_page_that_is_allowed_may_ask(serving, picture):
    client = serving(origins=["https://shop.example"], keys=["k"])
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    answer = client.options("/predict", headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://shop.example")
    headers = {"origin": "https://shop.example", "authorization": "Bearer k"}
    answer = client.post("/predict", files=[picture()], headers=headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://shop.example")
