"""A server as its own process: it answers, and a signal ends it after what was begun."""

from __future__ import annotations

import io
import json
import platform
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from PIL import Image

from headstart.serving.server import serve_on

pytestmark = pytest.mark.slow


@pytest.fixture
def process(made_run, tmp_path, request):
    """A server of the run, with options, and what it said when it was ready."""
    command = [sys.executable, "-m", "headstart", "serve", str(made_run), "--port", "0", "--no-examples", "--json"]
    command += getattr(request, "param", ())
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        text = ""
        while not text.endswith("}\n") or text.count("{") != text.count("}"):
            line = started.stdout.readline()
            assert line, started.stderr.read()
            text += line
        yield started, json.loads(text)
    finally:
        started.kill()
        started.communicate()


def test_a_process_answers_until_a_signal_and_exits_with_0(process, png):
    started, found = process
    assert [one["name"] for one in found["models"]] == ["shades"]
    answers = []
    with httpx2.Client(base_url=found["address"], timeout=60) as client:
        assert client.get("/ready").json() == {"status": "ready"}
        what_cannot_be_read_is_survived(client, found["address"], png)
        files = [("files", (f"{number}.png", png("green", number, 400))) for number in range(32)]
        asking = threading.Thread(target=lambda: answers.append(client.post("/predict", files=files)))
        asking.start()
        while 'headstart_waiting_pictures{model="shades"} 32.0' not in httpx2.get(f"{found['address']}/metrics").text:
            assert asking.is_alive()
        started.send_signal(signal.SIGTERM)
        asking.join(60)
    assert answers[0].status_code == 200
    assert {row["label"] for row in answers[0].json()["predictions"]} == {"green"}
    assert started.wait(60) == 0
    assert started.stderr.read() == ""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has another allocator")
def test_memory_of_large_pictures_is_given_back(process):
    started, found = process

    def megabytes():
        status = Path(f"/proc/{started.pid}/status").read_text(encoding="utf-8")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1000

    stream = io.BytesIO()
    Image.new("RGBA", (3_000, 3_000), (9, 9, 9, 99)).save(stream, "PNG")
    before = megabytes()
    with httpx2.Client(base_url=found["address"], timeout=60) as client:
        for _ in range(3):
            assert client.post("/predict", files=[("files", ("a.png", stream.getvalue()))]).status_code == 200
    assert megabytes() < before + 60  # it takes 250 while it is decoded


def what_cannot_be_read_is_survived(client, address, png):
    """Ten thousand files, a body that is too large, one that stops half-way, and bytes that are no HTTP."""
    answer = client.post("/predict", files=[("files", (f"{number}.png", b"x")) for number in range(10_000)])
    assert (answer.status_code, answer.json()["code"]) == (422, "too-many-files")
    answer = client.post("/predict", files=[("files", ("a.png", bytes(33_000_000)))])
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    host, port = address.removeprefix("http://").split(":")
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"
    for sent in (head, head[:40], b"\x16\x03\x01\x00", b""):
        with socket.create_connection((host, int(port))) as half:
            half.sendall(sent)
    assert client.post("/predict", files=[("files", ("a.png", png()))]).status_code == 200


def test_a_port_in_use_is_refused_before_anything_is_loaded(headstart_command, made_run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = headstart_command("serve", made_run, "--port", str(port))
    expected = f"error: Port {port} of 127.0.0.1 is in use. Choose another one with --port, or 0 for a free one.\n"
    assert answer == (2, "", expected)


def test_what_cannot_be_served_is_refused_in_one_sentence(headstart_command, made_run, tmp_path, monkeypatch):
    monkeypatch.delenv("HEADSTART_API_KEYS", raising=False)
    empty = tmp_path / "keys"
    empty.write_text("\n", encoding="utf-8")
    here, few = ["--port", "0"], ["--max-files", "9", "--queue", "8"]
    cases = {
        f"{tmp_path} holds no finished run.": [tmp_path, *here],
        "Nothing to serve. Name a run's folder, or a gallery with --gallery.": here,
        "Two folders are named shades, and requests name a model by its folder. Rename one.": [made_run, made_run, *here],
        f"{empty} holds no key. Write one a line.": [made_run, "--api-keys", empty, *here],
        "--max-files 9 is more than --queue 8: such a request would always be refused.": [made_run, *few, *here],
        '"no such host" is not an address of this machine.': [made_run, "--host", "no such host", *here],
    }  # fmt: skip
    for begins, words in cases.items():
        answer = headstart_command("serve", *words)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.startswith(f"error: {begins}")


def test_check_loads_everything_and_ends(headstart_command, made_run):
    answer = headstart_command("serve", made_run, "--port", "0", "--check", "--json")
    assert answer.code == 0
    assert json.loads(answer.out)["models"][0]["classes"] == ["blue", "green", "red"]
    answer = headstart_command("serve", made_run, "--port", "0", "--check")
    assert "Run" in answer.out
    assert "shades: 3 classes" in answer.out


def test_a_missing_package_names_the_extra(headstart_command, made_run, monkeypatch):
    monkeypatch.setattr("headstart.workflows.serve.PACKAGES", ("fastapi", "no_such_package"))
    expected = 'error: no_such_package is not installed. Install it with `pip install "headstart[serve]"`.\n'
    assert headstart_command("serve", made_run) == (2, "", expected)


def test_a_run_is_served_from_its_own_folder(headstart_command, run_folder, monkeypatch):
    monkeypatch.chdir(run_folder)
    answer = headstart_command("serve", ".", "--port", "0", "--check", "--json")
    assert (answer.code, json.loads(answer.out)["models"][0]["name"]) == (0, "shades")


@pytest.fixture
def given_config(monkeypatch, made_run):
    """The configuration of a server with a deadline, which does not run."""
    from headstart.serving.limits import Limits
    from headstart.serving.service import Service

    given = []
    monkeypatch.setattr("uvicorn.Server.run", lambda server, sockets: given.append(server.config))

    def config(seconds):
        service = Service([made_run], limits=Limits(deadline_seconds=seconds), examples=False)
        serve_on(None, FastAPI(), service)
        service.close()
        return given[-1]

    return config


@pytest.mark.parametrize("seconds", [0.3, 9.0])
def test_a_second_is_left_to_end_after_the_deadline(given_config, seconds):
    assert given_config(seconds).timeout_graceful_shutdown == 1


@pytest.fixture
def stalled(process):
    """A server with a request whose body does not come."""
    started, found = process
    host, port = found["address"].removeprefix("http://").split(":")
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"
    with socket.create_connection((host, int(port))) as half:
        half.sendall(head)
        httpx2.get(f"{found['address']}/health", timeout=60)
        yield started, half, found["address"]


def refused_in_the_end(started, half):
    """What a request that is given up gets; the server must end well and write no traceback."""
    half.settimeout(60)
    answer = b"".join(iter(lambda: half.recv(4096), b""))
    assert started.wait(60) == 0
    assert "Traceback" not in started.stderr.read()
    return answer


@pytest.mark.parametrize("process", [("--deadline", "3")], indirect=True)
def test_a_request_that_is_not_answered_by_the_deadline_is_given_up(stalled):
    started, half, _ = stalled
    begun = time.monotonic()
    started.send_signal(signal.SIGTERM)
    assert refused_in_the_end(started, half).startswith(b"HTTP/1.1 503 ")
    assert 3.0 <= time.monotonic() - begun < 6.0


@pytest.mark.parametrize("process", [("--deadline", "60")], indirect=True)
def test_a_second_signal_ends_it_at_once(stalled):
    started, half, address = stalled
    started.send_signal(signal.SIGTERM)
    while httpx2.get(f"{address}/ready", timeout=60).status_code == 200:
        time.sleep(0.05)
    begun = time.monotonic()
    started.send_signal(signal.SIGTERM)
    refused_in_the_end(started, half)
    assert time.monotonic() - begun < 15.0


def test_a_signal_that_comes_as_soon_as_the_address_is_told_ends_it_well(made_run, monkeypatch):
    import headstart

    before = signal.getsignal(signal.SIGTERM)
    headstart.serve(made_run, port=0, examples=False, started=lambda found: signal.raise_signal(signal.SIGTERM))
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_server_that_stops_says_so_refuses_what_is_new_and_answers_what_was_begun(process, png):
    started, found = process
    answers = []
    files = [("files", (f"{number}.png", png("green", number, 400))) for number in range(64)]
    with httpx2.Client(base_url=found["address"], timeout=60) as client:
        asking = threading.Thread(target=lambda: answers.append(client.post("/predict", files=files)))
        asking.start()
        while 'headstart_waiting_pictures{model="shades"} 64.0' not in httpx2.get(f"{found['address']}/metrics").text:
            assert asking.is_alive()
        started.send_signal(signal.SIGTERM)
        while (ready := httpx2.get(f"{found['address']}/ready")).status_code == 200:
            assert asking.is_alive()
        assert (ready.status_code, ready.json()) == (503, {"code": "not-ready", "error": "The server is stopping."})
        refused = httpx2.post(f"{found['address']}/predict", files=files[:1])
        sentence = "The server is stopping. Ask another one, or try again."
        assert (refused.status_code, refused.json()) == (503, {"code": "stopping", "error": sentence})
        assert refused.headers["retry-after"] == "1"
        asking.join(60)
    assert answers[0].status_code == 200
    assert started.wait(60) == 0
