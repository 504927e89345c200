"""Fetching and unpacking against a server on this machine: resumed, checked, whole or not there."""

import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from featbench.datasets import download
from featbench.datasets.download import alone, fetch, unpack
from featbench.errors import DataError

CONTENT = bytes(range(256)) * 4000  # a megabyte
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves `server.content`; knows ranges, and faults that a test sets."""

    def do_GET(self):
        server = self.server
        server.requests.append(dict(self.headers))
        fault = server.faults.pop(0) if server.faults else None
        if isinstance(fault, int):
            self.send_error(fault)
            return
        content, start = server.content, 0
        wanted = self.headers.get("Range")
        if wanted and self.headers.get("If-Range") == server.etag and fault != "no ranges":
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            shown = start + 1 if fault == "another range" else start
            self.send_header("Content-Range", f"bytes {shown}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if server.etag:
            self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        self.wfile.write(body[: len(body) // 2] if fault == "hang up" else body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "_PAUSE_S", 0.0)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.content, server.etag, server.faults, server.requests = CONTENT, '"v1"', [], []
    server.url = f"http://127.0.0.1:{server.server_port}/file.tar.gz"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def get(server, target, **changes):
    fetch(server.url, target, **{"md5": MD5, "max_bytes": 10**7, "title": "test", **changes})


def test_whole_in_one_go(server, tmp_path):
    target = tmp_path / "new" / "file"
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert [p.name for p in target.parent.iterdir()] == ["file"]
    assert len(server.requests) == 1


def test_a_connection_that_breaks_is_taken_up_where_it_broke(server, tmp_path):
    server.faults = ["hang up", "hang up"]
    get(server, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert [r.get("Range") for r in server.requests] == [None, "bytes=512000-", "bytes=768000-"]
    assert server.requests[1]["If-Range"] == '"v1"'


def test_a_later_run_goes_on(server, tmp_path):
    server.faults = ["hang up"] + [503] * 3
    with pytest.raises(
        DataError, match=r"cannot be downloaded to .* \(the server answers 503 .*\)"
    ) as caught:
        get(server, tmp_path / "file")
    assert "run again: it goes on where it stopped" in str(caught.value)
    assert server.url in str(caught.value)
    assert not (tmp_path / "file").exists()
    get(server, tmp_path / "file")
    assert server.requests[-1]["Range"] == "bytes=512000-"
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("change", ["content", "no ranges", "another range"])
def test_two_halves_of_different_files_are_never_joined(server, tmp_path, change):
    server.faults = ["hang up"]
    if change == "content":
        server.faults += [500] * 3
        with pytest.raises(DataError):
            get(server, tmp_path / "file")
        server.content, server.etag = CONTENT[::-1], '"v2"'
    else:
        server.faults.append(change)
    get(server, tmp_path / "file", md5=hashlib.md5(server.content).hexdigest())
    assert (tmp_path / "file").read_bytes() == server.content


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_strong_mark_it_starts_over(server, tmp_path, etag):
    server.etag, server.faults = etag, ["hang up"]
    get(server, tmp_path / "file")
    assert all("Range" not in request for request in server.requests)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_part_beyond_the_end_is_dropped(server, tmp_path):
    (tmp_path / "file.part").write_bytes(b"x" * (len(CONTENT) + 1))
    (tmp_path / "file.part.version").write_text('"v1"')
    get(server, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_another_file_is_refused_and_removed(server, tmp_path):
    with pytest.raises(
        DataError, match=f"the file must be the one with md5 {'0' * 32}; got '{MD5}'. What came was removed"
    ):
        get(server, tmp_path / "file", md5="0" * 32)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_too_large_is_refused(server, tmp_path):
    with pytest.raises(DataError, match=r"cannot be downloaded .*larger than 1,000 bytes"):
        get(server, tmp_path / "file", max_bytes=1000)
    assert not (tmp_path / "file").exists()


def test_what_is_not_there_is_not_asked_for_again(server, tmp_path):
    server.faults = [404]
    with pytest.raises(
        DataError, match=r"the server answers 404 Not Found\). Check the connection.*`root` or FEATBENCH_DATA"
    ):
        get(server, tmp_path / "file")
    assert len(server.requests) == 1


def test_no_server(server, tmp_path):
    with pytest.raises(DataError, match="Connection refused"):
        fetch("http://127.0.0.1:9/x", tmp_path / "file", md5=MD5, max_bytes=10, title="t")


def test_a_full_disk(server, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "_go_on", full)
    with pytest.raises(DataError, match=r"\(No space left on device\). Check the connection and the disk"):
        get(server, tmp_path / "file")


def test_progress_is_shown_on_a_terminal_alone(server, tmp_path, monkeypatch, capfd):
    get(server, tmp_path / "file")
    assert capfd.readouterr() == ("", "")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    get(server, tmp_path / "again", title="the-title")
    out, err = capfd.readouterr()
    assert out == ""
    assert "the-title" in err


def archive(path, *members):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            else:
                member.type, member.linkname = content
                tar.addfile(member)
    return path


FOLDER = ("top", (tarfile.DIRTYPE, ""))


def test_unpacked_whole(tmp_path):
    packed = archive(tmp_path / "a.tar.gz", FOLDER, ("top/a", b"1"), ("top/b", b"22"))
    unpack(packed, tmp_path / "out", inside="top", members={"a": 1, "b": 2})
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == {"a": b"1", "b": b"22"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar.gz", "out"]


HOSTILE = {
    "a path that climbs": ("top/../../evil", b"x"),
    "an absolute path": ("/tmp/evil", b"x"),
    "another file": ("top/c", b"x"),
    "a file beside": ("a", b"x"),
    "a symbolic link": ("top/b", (tarfile.SYMTYPE, "/etc/passwd")),
    "a hard link": ("top/b", (tarfile.LNKTYPE, "top/a")),
    "a device": ("top/b", (tarfile.CHRTYPE, "")),
    "a folder where a file belongs": ("top/b", (tarfile.DIRTYPE, "")),
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_anything_else_is_refused(tmp_path, attack):
    inner = tmp_path / "inner"
    inner.mkdir()
    packed = archive(inner / "a.tar.gz", ("top/a", b"1"), HOSTILE[attack])
    with pytest.raises(
        DataError, match="the archive must be plain files of top/ alone: a, b; got the member"
    ) as caught:
        unpack(packed, inner / "out", inside="top", members={"a": 9, "b": 9})
    assert repr(HOSTILE[attack][0]) in str(caught.value)
    assert f"Remove {packed} and run again." in str(caught.value)
    assert [p.name for p in inner.iterdir()] == ["a.tar.gz"]
    assert [p.name for p in tmp_path.iterdir()] == ["inner"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("top/a", b"1")], "got an archive without b"),
        ([("top/a", b"1" * 10), ("top/b", b"")], "top/a must be at most 9 bytes; got 10 bytes"),
    ],
)
def test_incomplete_or_too_large(tmp_path, members, message):
    packed = archive(tmp_path / "a.tar.gz", *members)
    with pytest.raises(DataError, match=message):
        unpack(packed, tmp_path / "out", inside="top", members={"a": 9, "b": 9})
    assert [p.name for p in tmp_path.iterdir()] == ["a.tar.gz"]


@pytest.mark.parametrize("keep", [0, 20, 60])
def test_a_damaged_archive(tmp_path, keep):
    packed = archive(tmp_path / "a.tar.gz", ("top/a", bytes(range(200))), ("top/b", b"2"))
    packed.write_bytes(packed.read_bytes()[:keep])
    with pytest.raises(DataError, match="cannot be unpacked to"):
        unpack(packed, tmp_path / "out", inside="top", members={"a": 999, "b": 9})
    assert [p.name for p in tmp_path.iterdir()] == ["a.tar.gz"]


def test_one_process_at_a_time(tmp_path):
    order = []
    entered = threading.Event()

    def second():
        entered.wait()
        with alone(tmp_path):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with alone(tmp_path):
        entered.set()
        thread.join(timeout=0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
