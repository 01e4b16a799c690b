import os
import resource
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fitting import whole_file as module
from fitting.source_tree import commit
from fitting.whole_file import whole_file, write_text

LARGE = "x" * 200_000


@pytest.fixture(params=["without a name", "with a name"])
def directory(request, tmp_path, monkeypatch):
    """A directory, on a system that has files without names and on one that has none."""
    if request.param == "with a name":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return tmp_path


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_the_new_content_replaces_the_old_at_the_end_and_leaves_nothing_else(directory):
    target = directory / "a.json"
    target.write_text("old")
    with whole_file(target) as file:
        file.write(b"new")
        file.flush()
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(directory) == ["a.json"]


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("existed", [True, False])
def test_an_error_leaves_what_was_there(directory, raised, existed):
    target = directory / "a.json"
    if existed:
        target.write_text("old")

    def fail():
        with whole_file(target) as file:
            file.write(LARGE.encode())
            raise raised

    with pytest.raises(raised):
        fail()
    assert names(directory) == (["a.json"] if existed else [])
    assert not existed or target.read_text() == "old"


@pytest.mark.parametrize("step", ["fsync", "link", "replace"])
def test_an_error_of_the_system_at_any_step_leaves_the_old_file_and_names_the_target(directory, monkeypatch, step):
    target = directory / "a.json"
    target.write_text("old")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    if step == "link":
        if not hasattr(os, "O_TMPFILE"):
            pytest.skip("no link is made")
        monkeypatch.setattr(os, "link", fail)
    else:
        monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fail)
    with pytest.raises(OSError, match="No space left") as caught:
        write_text(target, "new")
    assert caught.value.filename == str(target)
    assert (names(directory), target.read_text()) == (["a.json"], "old")


def test_permissions_are_those_that_open_gives(directory):
    before = os.umask(0o027)
    try:
        write_text(directory / "new", "1")
        (directory / "plain").open("w").close()
    finally:
        os.umask(before)
    assert (directory / "new").stat().st_mode == (directory / "plain").stat().st_mode
    (directory / "plain").chmod(0o604)
    write_text(directory / "plain", "2")
    assert stat.S_IMODE((directory / "plain").stat().st_mode) == 0o604


def test_a_link_stays_and_what_it_points_to_is_replaced(directory):
    (directory / "deep").mkdir()
    (directory / "link").symlink_to("deep/real")
    for text in ("first", "second"):  # at first the link points to nothing yet
        write_text(directory / "link", text)
        assert (directory / "link").is_symlink()
        assert (directory / "deep/real").read_text() == text
    assert names(directory / "deep") == ["real"]


def test_a_pipe_and_a_device_are_written_in_place(directory):
    os.mkfifo(directory / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((directory / "pipe").read_text()))
    reader.start()
    write_text(directory / "pipe", LARGE)
    reader.join(30)
    assert read == [LARGE]
    write_text("/dev/null", LARGE)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert names(directory) == ["pipe"]


@pytest.mark.parametrize("to", ["pipe", "file"])
def test_standard_output_is_written_by_its_names(tmp_path, to):
    code = (
        "import sys; from fitting.whole_file import write_text\n"
        "write_text(sys.argv[1], 'text'); sys.stdout.write(' and more')"
    )
    for name in ("/dev/stdout", "/proc/self/fd/1"):
        with (tmp_path / "out").open("a") as file:
            where = file if to == "file" else subprocess.PIPE
            words = [sys.executable, "-c", code, name]
            done = subprocess.run(words, stdout=where, stderr=subprocess.PIPE, text=True, check=True)
        text = done.stdout if to == "pipe" else (tmp_path / "out").read_text()
        assert text == "text and more"
        assert done.stderr == ""
        assert names(tmp_path) == ["out"]


def test_a_file_in_a_directory_that_takes_no_new_one_is_written_in_place(directory, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    target = directory / "a.json"
    target.write_text("old")
    monkeypatch.setattr(module, "_open_beside", refuse)
    write_text(target, "new")
    assert target.read_text() == "new"
    with pytest.raises(PermissionError, match="Permission denied"):
        write_text(directory / "b.json", "new")


@pytest.mark.parametrize("where", ["missing/a.json", "", "file/a.json", "link"])
def test_a_place_that_cannot_be_written_is_named(directory, where):
    (directory / "file").write_text("old")
    (directory / "link").symlink_to("missing/real")
    before = names(directory)
    with pytest.raises(OSError, match="directory") as caught:
        write_text(directory / where, "new")
    assert caught.value.filename == str(directory / where)
    assert names(directory) == before


def test_a_file_that_may_not_be_written_is_refused_though_it_could_be_replaced(directory):
    if os.geteuid() == 0:
        pytest.skip("root may write everything")
    target = directory / "a.json"
    target.write_text("old")
    target.chmod(0o444)
    with pytest.raises(PermissionError):
        write_text(target, "new")
    assert target.read_text() == "old"


def test_two_writers_of_one_file_leave_one_of_the_two(directory):
    texts = [f"{k}" * 100_000 for k in range(8)]
    threads = [threading.Thread(target=write_text, args=(directory / "a", text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (directory / "a").read_text() in texts
    assert names(directory) == ["a"]


def test_a_limit_on_file_sizes_leaves_the_old_file(directory):
    target = directory / "a.json"
    target.write_text("old")
    code = "import sys; from fitting.whole_file import write_text; write_text(sys.argv[1], 'x' * 200_000)"
    limit = resource.RLIMIT_FSIZE
    done = subprocess.run(
        [sys.executable, "-c", code, str(target)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(limit, (4096, 4096)),
    )
    assert f"File too large: '{target}'" in done.stderr
    assert (names(directory), target.read_text()) == (["a.json"], "old")


def test_asking_for_the_commit_only_reads_the_repository():
    index = subprocess.run(
        ["git", "-C", Path(__file__).parent, "rev-parse", "--git-path", "index"], capture_output=True, text=True
    )
    if index.returncode:
        pytest.skip("no repository")
    file = Path(__file__).parent / index.stdout.strip()
    before = file.stat().st_mtime_ns
    os.utime(__file__)  # so that an index that is written would be refreshed
    assert commit.__wrapped__()
    assert file.stat().st_mtime_ns == before


def test_a_full_disk_leaves_the_old_file(tmp_path):
    """A file system of 64 KiB, in a name space of mounts of its own."""
    code = (
        "import os, sys; from pathlib import Path; from fitting.whole_file import write_text\n"
        "target = Path('disk/a.json'); target.write_text('old')\n"
        "try: write_text(target, 'x' * 200_000)\n"
        "except OSError as error: print(error)\n"
        "print(target.read_text(), sorted(os.listdir('disk')))"
    )
    (tmp_path / "disk").mkdir()
    apart = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = "mount -t tmpfs -o size=64k none disk || exit 77"
    try:
        done = subprocess.run(
            [*apart, f'{mount}; exec "$0" -c "$1"', sys.executable, code],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("no unshare")
    if done.returncode:
        pytest.skip(f"no mounts of one's own here: {done.stderr}")
    assert done.stdout == "[Errno 28] No space left on device: 'disk/a.json'\nold ['a.json']\n"
