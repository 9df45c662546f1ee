"""Transfers from a server on this machine: whole, resumed, broken off, wrong."""

import hashlib
import http.server
import io
import re
import subprocess
import sys
import threading

import numpy as np
import pytest
from rich.console import Console

from runs.data import download, transfer_bars
from runs.data.download import RemoteFile, fetch

CONTENT = np.random.default_rng(2).bytes(700_000)
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` at every address, as its switches say, and notes the ranges asked for."""

    content = CONTENT
    ranges = True  # whether it knows Range
    length = True  # whether it announces Content-Length
    cut: int | None = None  # bytes of an answer after which it hangs up
    status: int | None = None  # an error to answer with
    shift = 0  # bytes beyond the place asked for at which it continues

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []

    def file(self, *paths, md5=MD5):
        urls = tuple(f"http://127.0.0.1:{self.server_address[1]}/{path}" for path in paths or ("data.bin",))
        return RemoteFile(name="data.bin", urls=urls, md5=md5)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.asked.append((self.path, asked))
        if server.status or self.path == "/missing":
            self.send_error(server.status or 404)
            return
        start = 0
        if asked and server.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= len(server.content):
                self.send_error(416)
                return
            start += server.shift
        body = server.content[start:]
        if self.path == "/wrong":
            body = bytes(len(body))
        self.send_response(206 if asked and server.ranges else 200)
        if asked and server.ranges:
            total = len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        if server.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cut])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_under_its_name(server, tmp_path):
    path = fetch(server.file(), tmp_path / "new" / "folder")
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["data.bin"]


def test_a_file_that_is_there_is_not_asked_for(server, tmp_path):
    (tmp_path / "data.bin").write_bytes(CONTENT)
    fetch(server.file(), tmp_path)
    assert server.asked == []


def test_another_file_under_the_name_is_left_alone(server, tmp_path):
    (tmp_path / "data.bin").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"data\.bin is there, but is not the published file .* delete it to fetch"):
        fetch(server.file(), tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == b"mine"
    assert server.asked == []


def test_a_kept_part_is_continued(server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:123_456])
    assert fetch(server.file(), tmp_path).read_bytes() == CONTENT
    assert server.asked == [("/data.bin", "bytes=123456-")]


def test_a_server_that_knows_no_ranges_sends_it_all_again(server, tmp_path):
    server.ranges = False
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:123_456])
    assert fetch(server.file(), tmp_path).read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_a_transfer_that_breaks_off_again_and_again_is_continued_to_its_end(server, tmp_path):
    server.cut = 300_000
    assert fetch(server.file(), tmp_path).read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == [None, "bytes=300000-", "bytes=600000-"]


def test_what_came_is_kept_and_the_next_call_continues_it(server, tmp_path):
    server.cut, server.ranges = 300_000, False
    with pytest.raises(ConnectionError, match=r"300000 bytes are kept in .* run the same command again") as caught:
        fetch(server.file(), tmp_path)
    assert "the connection ended early" in str(caught.value)
    assert names(tmp_path) == ["data.bin.part"]
    server.cut, server.ranges = None, True
    assert fetch(server.file(), tmp_path).read_bytes() == CONTENT
    assert server.asked[-1] == ("/data.bin", "bytes=300000-")


def test_an_interruption_by_the_user_keeps_what_came(server, tmp_path):
    def interrupt(name, received, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(server.file(), tmp_path, interrupt)
    kept = (tmp_path / "data.bin.part").stat().st_size
    assert kept > 0
    assert fetch(server.file(), tmp_path).read_bytes() == CONTENT
    assert server.asked[-1] == ("/data.bin", f"bytes={kept}-")


def test_a_part_that_is_whole_takes_its_name(server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    assert fetch(server.file(), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("size", [1_000, len(CONTENT), len(CONTENT) + 5])
def test_a_part_of_another_file_is_fetched_anew(server, tmp_path, size):
    (tmp_path / "data.bin.part").write_bytes(bytes(size))
    assert fetch(server.file(), tmp_path).read_bytes() == CONTENT
    assert server.asked[-1] == ("/data.bin", None)


def test_a_wrong_checksum_is_told_and_nothing_is_left(server, tmp_path):
    with pytest.raises(ValueError, match=f"its MD5 is .{{32}} where {MD5} was published"):
        fetch(server.file("wrong"), tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("bad", ["wrong", "missing"])
def test_the_next_address_is_tried(server, tmp_path, bad):
    assert fetch(server.file(bad, "data.bin"), tmp_path).read_bytes() == CONTENT
    assert [path for path, _ in server.asked] == [f"/{bad}", "/data.bin"]


def test_a_server_error_is_told(server, tmp_path):
    server.status = 503
    with pytest.raises(ConnectionError, match="the server answered 503 Service Unavailable"):
        fetch(server.file(), tmp_path)
    server.status = 416
    with pytest.raises(ConnectionError, match="the server answered 416"):
        fetch(server.file(), tmp_path)
    assert names(tmp_path) == []


def test_a_server_that_continues_elsewhere_is_not_believed(server, tmp_path):
    server.shift = 10
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1_000])
    with pytest.raises(ConnectionError, match="continued at another place than asked"):
        fetch(server.file(), tmp_path)
    assert (tmp_path / "data.bin.part").read_bytes() == CONTENT[:1_000]


def test_a_server_that_announces_no_length_is_judged_by_the_checksum(server, tmp_path):
    server.length = False
    assert fetch(server.file(), tmp_path).read_bytes() == CONTENT


def test_a_machine_without_network_is_told(server, tmp_path):
    file = server.file()
    server.shutdown()
    server.server_close()
    with pytest.raises(ConnectionError, match=r"data\.bin could not be fetched .* put it into .* by hand"):
        fetch(file, tmp_path)


def test_progress_is_reported_from_where_it_continues(server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:400_000])
    reports = []
    fetch(server.file(), tmp_path, lambda *report: reports.append(report))
    assert all(name == "data.bin" and total == len(CONTENT) for name, _, total in reports)
    received = [received for _, received, _ in reports]
    assert received == sorted(received)
    assert received[0] > 400_000
    assert received[-1] == len(CONTENT)


def test_bars_show_each_file(server, tmp_path):
    out = io.StringIO()
    with transfer_bars(Console(file=out, width=100)) as report:
        fetch(server.file(), tmp_path, report)
    assert "data.bin" in out.getvalue()


@pytest.mark.parametrize(
    ("function", "files"),
    [
        (
            "download_mnist",
            [
                f"{part}-idx{n}-ubyte.gz"
                for part, n in zip(
                    ("train-images", "train-labels", "t10k-images", "t10k-labels"), (3, 1, 3, 1), strict=True
                )
            ],
        ),
        ("download_nmnist", ["Train.zip", "Test.zip"]),
    ],
)
def test_each_data_set_asks_for_its_published_files(monkeypatch, tmp_path, function, files):
    asked = []
    monkeypatch.setattr(download, "fetch", lambda file, directory, report: asked.append((file, directory)))
    getattr(download, function)(tmp_path)
    assert [file.name for file, _ in asked] == files
    for file, directory in asked:
        assert directory == tmp_path
        assert re.fullmatch("[0-9a-f]{32}", file.md5)
        assert file.urls
        assert all(url.startswith("https://") for url in file.urls)


def test_importing_the_readers_opens_no_connection():
    code = """
import socket
def refuse(*arguments, **options):
    raise AssertionError("a connection at import")
socket.socket.connect = socket.create_connection = refuse
import runs.data
runs.data.load_mnist(None, "test")
"""
    subprocess.run([sys.executable, "-c", code], check=True)
