"""A thousand malformed requests: none is a fault of the server, and none changes what it holds."""

from __future__ import annotations

import random

REQUESTS = 1_000
PATHS = ["/predict", "/predict?model=", "/predict?refuse=nan", "/galleries/x/classes/", "/models", "/%00", "/predict/../x"]
READ = ["/runs/list?lang=%ff", "/runs/compare", "/runs/compare?first=%00&second=..%2F..", "/runs?lang=zh%00", "/models?lang=../x"]
TYPES = [
    "multipart/form-data; boundary=x",
    "multipart/form-data; boundary=",
    'multipart/form-data; boundary="',
    "multipart/form-data; boundary=" + "y" * 300,
    "application/json",
    "application/json; charset=utf-16",
    "multipart/mixed; boundary=x",
    "image/png",
    "",
]
WORDS = [
    *(b"--x", b"--x--", b"\r\n", b"\r\n\r\n", b"\x00", b"\xff\xd8\xff", b"name*=utf-8''%zz", b"%", b";" * 40, b"="),
    *(b'Content-Disposition: form-data; name="files"; filename="a.png"', b"Content-Transfer-Encoding: base64"),
    *(b"Content-Type: image/png", b"{", b"}", b'"images"', b":", b"[", b"]", b'"', b"null", b"1e999", b"\\ud800", b"A" * 70),
    *(b"GIF89a", b"RIFF\x00\x00\x00\x00WEBP", b"II*\x00", b"BM"),
]


def malformed(draw, whole):
    """A body of pieces that mean something, or a whole one with bytes changed, cut or doubled."""
    if draw.random() < 0.5:
        return b"".join(draw.choice(WORDS) for _ in range(draw.randrange(1, 14)))
    body = bytearray(whole)
    for _ in range(draw.randrange(1, 6)):
        place = draw.randrange(len(body))
        body[place] = draw.randrange(256)
    cut = draw.randrange(len(body))
    return bytes(body[:cut] + body[cut:] * draw.randrange(3))


def test_no_malformed_request_is_a_fault_of_the_server(serving, png, made_run):
    client = serving(made_run, limits={"max_bytes": 1_500, "max_files": 5}, service={"folder": made_run.parent})
    draw = random.Random(7)
    whole = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + png() + b"\r\n--x--\r\n"
    found: dict[int, int] = {}
    for _ in range(REQUESTS):
        headers = {"content-type": draw.choice(TYPES)} if draw.random() < 0.7 else {"content-type": TYPES[0]}
        if draw.random() < 0.1:
            headers["authorization"] = draw.choice([b"Bearer", b"\x80", b"Bearer  "])
            headers["content-length"] = draw.choice([b"x", b"-1", b"\xb2"])
        method = draw.choice(["POST"] * 8 + ["DELETE", "PUT", "GET"])
        path = PATHS[0] if draw.random() < 0.6 else draw.choice(PATHS)
        try:
            answer = client.request(method, path, content=malformed(draw, whole), headers=headers)
        except (UnicodeEncodeError, ValueError):  # the client itself refuses to send it
            continue
        found[answer.status_code] = found.get(answer.status_code, 0) + 1
        assert answer.status_code < 500, (method, path, headers, answer.text)
        assert answer.json()
    assert sum(found.values()) > 0.9 * REQUESTS
    assert all(client.get(path).status_code < 500 for path in READ)
    assert {200, 400, 404, 405, 413, 415, 422} <= found.keys()
    service = client.service
    assert (service.bodies.num_bytes, [one.batcher.waiting for one in service.served.values()]) == (0, [0])
    assert service.fault is None
