"""Fetching one large file, and unpacking it, so that what stands in its place is whole or not there."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import shutil
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, NoReturn

from featbench.errors import DataError, Shown, must_be

__all__ = ["alone", "fetch", "file_digest", "unpack"]

_ATTEMPTS = 4
_PAUSE_S = 1.0  # before the second attempt, and as much more before each further one
_TIMEOUT_S = 30.0
_CHUNK = 1 << 18


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process is fetching into this folder, and keep others out."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".fetching").open("a") as lock:
        with contextlib.suppress(ImportError):  # no such lock on Windows
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fetch(url: str, target: Path, *, md5: str, max_bytes: int, title: str) -> None:
    """Download a file; go on where an earlier attempt stopped; put it into its place when its sum is right.

    What is there already lies in ``<target>.part``, beside the server's mark of the version that it is part
    of. A server whose file has changed sends it from the beginning.

    Parameters
    ----------
    url : str
        An ``http`` or ``https`` address.
    target : Path
        Where the whole file is put; its folder is made.
    md5 : str
        The published sum.
    max_bytes : int
        More than this is refused.
    title : str
        For the progress bar, which is shown on a terminal alone.

    Raises
    ------
    DataError
        The server cannot be reached or stops sending, the disk is full, or the sum differs; what has come
        so far is kept, except where the sum differs.
    """
    part = target.with_name(target.name + ".part")
    reason = ""
    for attempt in range(_ATTEMPTS):
        try:
            time.sleep(attempt * _PAUSE_S)
            target.parent.mkdir(parents=True, exist_ok=True)
            _go_on(url, part, max_bytes, title)
            break
        except urllib.error.HTTPError as error:
            reason = f"the server answers {error.code} {error.reason}"
            if error.code == 416:  # nothing stands beyond what we have: it is of another file
                _forget(part)
            elif error.code < 500:
                _cannot_fetch(url, target, reason, error)
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)
    else:
        _cannot_fetch(url, target, reason)
    got = file_digest(part, "md5")
    if got != md5:
        _forget(part)
        remedy = "What came was removed. Run again; if it happens twice, the address serves another file."
        raise DataError(must_be(url, "the file", f"the one with md5 {md5}", got, remedy))
    part.replace(target)
    _forget(part)


def _cannot_fetch(url: str, target: Path, reason: str, cause: Exception | None = None) -> NoReturn:
    raise DataError(
        f"{url}: cannot be downloaded to {target.parent} ({reason}). Check the connection and the disk and run "
        "again: it goes on where it stopped. Or fetch the file yourself, unpack it, and name its folder with "
        "`root` or FEATBENCH_DATA."
    ) from cause


def _go_on(url: str, part: Path, max_bytes: int, title: str) -> None:
    """Fetch what `part` does not have yet."""
    mark = part.with_name(part.name + ".version")
    have = part.stat().st_size if part.exists() and mark.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "featbench"})  # noqa: S310 - fixed address
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", mark.read_text(encoding="utf-8"))
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
        if response.status != 206:
            have = 0
            _forget(part)
            # Without a strong mark nothing proves that two halves belong together, so we start over.
            etag = response.headers.get("ETag", "")
            version = response.headers.get("Last-Modified") if etag.startswith("W/") or not etag else etag
            if version:
                mark.write_text(version, encoding="utf-8")
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            _forget(part)
            raise OSError("the server sent another range than it was asked for")
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        with part.open("ab" if have else "wb") as file, _progress(title, have, total) as advance:
            for chunk in iter(lambda: response.read(_CHUNK), b""):
                have += len(chunk)
                if have > max_bytes:
                    raise OSError(f"it is larger than {max_bytes:,} bytes, which the file should not be")
                file.write(chunk)
                advance(len(chunk))
    if total is not None and have < total:
        raise OSError(f"the connection closed after {have:,} of {total:,} bytes")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_name(part.name + ".version").unlink(missing_ok=True)


@contextlib.contextmanager
def _progress(title: str, have: int, total: int | None) -> Iterator[Callable[[int], object]]:
    """Show bytes, speed and the time that is left, on standard error if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=total, completed=have)
        yield lambda n: progress.advance(task, n)


def file_digest(path: Path, algorithm: str) -> str:
    """Return a file's sum in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def unpack(archive: Path, folder: Path, *, inside: str, members: Mapping[str, int]) -> None:
    """Unpack the named members of a ``.tar.gz`` into a folder that appears when all of them are there.

    Nothing is written under a path that the archive chooses, and nothing but plain files is taken from it.

    Parameters
    ----------
    archive : Path
    folder : Path
        Must not exist.
    inside : str
        The one folder that the archive holds.
    members : mapping of str to int
        Names of the files in it, and the most bytes that each may have.

    Raises
    ------
    DataError
        The archive is damaged, lacks a member, or holds anything else.
    """
    wanted = f"plain files of {inside}/ alone: {', '.join(members)}"
    remedy = f"Remove {archive} and run again."
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if member.isdir() and member.name == inside:
                    continue
                parent, _, name = member.name.rpartition("/")
                if parent != inside or name not in members or not member.isreg():
                    got = Shown(f"the member {member.name!r}")
                    raise DataError(must_be(str(archive), "the archive", wanted, got, remedy))
                if member.size > members[name]:
                    got = Shown(f"{member.size:,} bytes")
                    limit = f"at most {members[name]:,} bytes"
                    raise DataError(must_be(str(archive), member.name, limit, got, remedy))
                source = tar.extractfile(member)
                assert source is not None  # it is a plain file
                _write(source, temporary / name)
        missing = [name for name in members if not (temporary / name).exists()]
        if missing:
            got = Shown(f"an archive without {', '.join(missing)}")
            raise DataError(must_be(str(archive), "the archive", wanted, got, remedy))
        temporary.chmod(0o755)
        temporary.rename(folder)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise DataError(f"{archive}: cannot be unpacked to {folder} ({error}). {remedy}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(source: IO[bytes], target: Path) -> None:
    with target.open("wb") as file:
        shutil.copyfileobj(source, file, _CHUNK)
