"""Random damage to extracted files and archives: the published data or an error, nothing else.

In ``make test-long`` this file runs itself as a script with little memory to spare, once normally
and once under ``python -O``, which removes every ``assert``.
"""

import gzip
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small_data import ARCHIVES, CONTENT, lay, publish

from cnnbook._data import cache, registry
from cnnbook._data.cache import UnavailableError, read_files

SPARE = 64 << 20
COUNTS = {"train": 12, "test": 7}
# Typical values of a damaged header.
NUMBERS = (0, 1, 2, 27, 28, 29, 255, 256, 65_535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def mutate(data: bytes, numbers: random.Random) -> bytes:
    """Damage a file in one to three of the ways in which files are damaged."""
    for _ in range(numbers.randint(1, 3)):
        changed = bytearray(data)
        at = numbers.randrange(len(data)) if data else 0
        match numbers.randrange(8):
            case 0 if data:
                changed[at] ^= 1 << numbers.randrange(8)
            case 1 if data:
                changed[at] = numbers.choice((0, 1, 3, 8, 13, 127, 128, 255))
            case 2:
                del changed[at:]
            case 3:
                changed += numbers.randbytes(numbers.randint(1, 40))
            case 4:
                changed[at:at] = numbers.randbytes(numbers.randint(1, 5))
            case 5:
                del changed[at : at + numbers.randint(1, 5)]
            case 6:
                field = 4 * numbers.randint(0, 4)
                changed[field : field + 4] = struct.pack(">I", numbers.choice(NUMBERS))
            case 7:
                changed[: numbers.randint(1, 20)] = numbers.choice(
                    (b"<html>", b"\x1f\x8b\x08\0", b"PK\3\4", b"\0" * 8, b"")
                )
        data = bytes(changed)
    return data


def fuzz(
    cases: int, set_attribute: Callable[[Any, str, Any], None], *, seed: int
) -> dict[str, int]:
    """Load damaged files, with a good archive beside every third; raise for a wrong end."""
    publish(set_attribute)
    numbers = random.Random(seed)
    ends = {"right": 0, "repaired": 0, "refused": 0}
    # In memory if possible: a shared disk would take most of the time.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        raw = lay(Path(folder), extracted=True)
        right = read_files(raw, COUNTS)
        for case in range(cases):
            file = numbers.choice(registry.FILES)
            extracted, archive = raw / file.name, raw / file.archive_name
            path = numbers.choice((extracted, archive))
            good = (CONTENT | ARCHIVES)[path.name]
            # Now and then the undamaged file, which must be read.
            data = good if case % 10 == 0 else mutate(good, numbers)
            extracted.unlink(missing_ok=True)
            path.write_bytes(data)
            if repairable := path == extracted and case % 3 == 0:
                archive.write_bytes(ARCHIVES[archive.name])
            try:
                tensors = read_files(raw, COUNTS)
            except UnavailableError as error:
                named = str(error).startswith(f"{path}: expected ")
                if data == good or repairable or not named:
                    raise AssertionError(f"case {case}: {error}") from None
                ends["refused"] += 1
            else:
                if data != good and not repairable:
                    raise AssertionError(f"case {case}: read {path.name} with {data[:20]!r}")
                if not all(map(torch.equal, tensors, right)):
                    raise AssertionError(f"case {case}: read {path.name} wrongly")
                if extracted.read_bytes() != CONTENT[file.name]:
                    raise AssertionError(f"case {case}: {extracted.name} was not repaired")
                ends["right" if data == good else "repaired"] += 1
            archive.unlink(missing_ok=True)
            extracted.write_bytes(CONTENT[file.name])
    return ends


def bomb() -> str:
    """Extract a gigabyte of zeros that claims to be the published archive; return the errors."""
    file = registry.FILES[0]
    megabyte = bytes(1 << 20)
    # A thousand members of a megabyte each; and one member of a gigabyte, whose blocks are flushed
    # so that one of them, compressed once, can be repeated. Its end is missing, but is never read.
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    first, block = (packer.compress(megabyte) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    bombs = (gzip.compress(megabyte, mtime=0) * 1024, first + block * 1023)
    errors, limit = [], 0
    for archive in bombs:
        publish(setattr, archives=ARCHIVES | {file.archive_name: archive})
        with tempfile.TemporaryDirectory() as folder:
            raw = lay(Path(folder))
            (raw / file.archive_name).write_bytes(archive)
            limit = limit_memory()
            try:
                read_files(raw, COUNTS)
            except UnavailableError as error:
                errors.append(str(error).partition(": ")[2])
            else:
                raise AssertionError("the bomb was read")
    try:
        torch.zeros(limit - address_space() + (32 << 20), dtype=torch.uint8)
    except RuntimeError as error:
        errors.append(str(error))
    return "; ".join(errors)


def address_space() -> int:
    """Return how many bytes of addresses this process holds."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")


def limit_memory() -> int:
    """Let the process grow by little more than it has; return its limit in bytes.

    All files here are of a few kilobytes.
    """
    import resource

    maximum = address_space() + SPARE
    resource.setrlimit(resource.RLIMIT_AS, (maximum, maximum))
    return maximum


def _run(job: str, *options: str) -> Any:
    done = subprocess.run(
        [sys.executable, *options, __file__, job],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(cache.__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read in /proc")


def test_random_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = fuzz(250, monkeypatch.setattr, seed=1)
    # Every outcome is frequent: a loader that refuses everything, or reads everything, would fail.
    assert min(ends.values()) >= 20


@linux
@pytest.mark.long
@pytest.mark.parametrize("options", [("-O",), ()], ids=["under -O", "as it is"])
def test_random_damage_with_little_memory(options: tuple[str, ...]) -> None:
    ends = _run("fuzz", *options)
    assert ends.pop("asserts") is (options == ())
    assert sum(ends.values()) == 1000
    assert min(ends.values()) >= 80


@linux
def test_a_bomb_expands_no_further_than_one_byte_too_many() -> None:
    errors = _run("bomb")
    assert errors.count("inside, expected 9424 bytes") == errors.count("got more") == 2
    # The limit works: a tensor slightly larger than what is left below it cannot be made.
    assert "can't allocate memory" in errors


def test_the_fuzz_notices_a_loader_without_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_difference", lambda content, size, sha256: "")
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        fuzz(50, monkeypatch.setattr, seed=0)


if __name__ == "__main__":
    # Threads would take address space of their own, whenever they start.
    torch.set_num_threads(1)
    job = sys.argv[1]
    answer: Any
    if job == "bomb":
        answer = bomb()
    else:
        limit_memory()
        answer = fuzz(1000, setattr, seed=2) | {"asserts": __debug__}
    print(json.dumps(answer))
