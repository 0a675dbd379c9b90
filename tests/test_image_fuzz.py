"""Twenty thousand mutated idx files: the exact tensor or the reader's own error, never more.

The work is done by this file itself, run as a script in a process with little memory to spare,
once as it is and once under ``python -O``, which takes every ``assert`` away.
"""

import gzip
import json
import math
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

from cnnbook import idx_format
from cnnbook.idx_format import IdxError, decode_idx

CASES = 20_000
SPARE = 64 << 20
# What a header that lies likes to say.
NUMBERS = (0, 1, 2, 27, 28, 29, 255, 256, 65_535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def make_file(numbers: random.Random) -> bytes:
    """Make a small file in the right format, of one to three axes."""
    shape = [numbers.randint(0, 6) for _ in range(numbers.randint(1, 3))]
    header = struct.pack(f">i{len(shape)}I", 2048 + len(shape), *shape)
    return header + numbers.randbytes(math.prod(shape))


def mutate(data: bytes, numbers: random.Random) -> bytes:
    """Damage a file in one to three of the ways in which files are damaged."""
    for _ in range(numbers.randint(1, 3)):
        changed = bytearray(data)
        at = numbers.randrange(len(data)) if data else 0
        match numbers.randrange(9):
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
            case 8:
                # Right in itself again, but of another shape: these must be read.
                return make_file(numbers)
        data = bytes(changed)
    return data


def expected(data: bytes) -> tuple[list[int], list[int]] | None:
    """Say what a file holds, shape and numbers, by the format's own words; None if it is none.

    Written apart from the reader, with ``struct`` and nothing else.
    """
    try:
        zero, kind, axes = struct.unpack_from(">HBB", data)
        shape = list(struct.unpack_from(f">{axes}I", data, 4))
    except struct.error:
        return None
    body = data[4 + 4 * axes :]
    if zero or kind != 8 or not 1 <= axes <= 3 or len(body) != math.prod(shape):
        return None
    return shape, list(body)


def fuzz(decode: Callable[..., torch.Tensor], cases: int, seed: int) -> dict[str, Any]:
    """Read mutated files; raise for the first that is not as it should be."""
    numbers = random.Random(seed)
    read = refused = 0
    for case in range(cases):
        data = mutate(make_file(numbers), numbers)
        right = expected(data)
        try:
            tensor = decode(data, name="fuzzed")
        except IdxError as error:
            if right is not None:
                raise AssertionError(f"case {case}: refused {data[:20]!r}: {error}") from None
            if not str(error).startswith("fuzzed: expected "):
                raise AssertionError(f"case {case}: {error}") from None
            refused += 1
            continue
        if right is None:
            raise AssertionError(f"case {case}: read {data[:20]!r} as {tuple(tensor.shape)}")
        if [list(tensor.shape), tensor.flatten().tolist()] != [*right]:
            raise AssertionError(f"case {case}: read {data[:20]!r} wrongly")
        read += 1
    return {"read": read, "refused": refused}


def fuzz_published(cases: int, seed: int) -> dict[str, Any]:
    """Load mutated published files: what was published, or an error, whatever they say."""
    from small_data import CONTENT, IMAGES, LABELS, lay, publish

    from cnnbook import published_files
    from cnnbook.published_files import UnusableError, read_files

    publish(setattr)
    numbers = random.Random(seed)
    message = {"right": 0, "refused": 0}
    # In memory where that can be: a disk that others use too is most of the time.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        raw = lay(Path(folder), extracted=True)
        right = read_files(raw, {"train": 12, "test": 7})
        for case in range(cases):
            name = numbers.choice((IMAGES, LABELS))
            # Now and then the file as it is, which must be read.
            data = CONTENT[name] if case % 10 == 0 else mutate(CONTENT[name], numbers)
            (raw / name).write_bytes(data)
            try:
                tensors = read_files(raw, {"train": 12, "test": 7})
            except UnusableError as error:
                if data == CONTENT[name] or not str(error).startswith(f"{raw / name}: expected"):
                    raise AssertionError(f"case {case}: {error}") from None
                message["refused"] += 1
            else:
                if data != CONTENT[name]:
                    raise AssertionError(f"case {case}: read {name} with {data[:20]!r}")
                if not all(map(torch.equal, tensors, right)):
                    raise AssertionError(f"case {case}: read {name} wrongly")
                message["right"] += 1
            (raw / name).write_bytes(CONTENT[name])
        if published_files.FILES[0].shape[0] != 12:
            raise AssertionError("these were not the small files")
    return message


def bomb() -> str:
    """Unpack a gigabyte of zeros that calls itself the published archive; return the error."""
    from small_data import ARCHIVES, IMAGES, lay, publish

    from cnnbook.published_files import UnusableError, read_files

    megabyte = bytes(1 << 20)
    # A thousand members of a megabyte each; and one member of a gigabyte, whose blocks are flushed
    # so that one of them, packed once, can be repeated. Its end is missing: nobody gets there.
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    first, block = (packer.compress(megabyte) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    bombs = (gzip.compress(megabyte, mtime=0) * 1024, first + block * 1023)
    message = []
    for archive in bombs:
        publish(setattr, archives=ARCHIVES | {f"{IMAGES}.gz": archive})
        with tempfile.TemporaryDirectory() as folder:
            raw = lay(Path(folder))
            (raw / f"{IMAGES}.gz").write_bytes(archive)
            limit_memory()
            try:
                read_files(raw, {"train": 12, "test": 7})
            except UnusableError as error:
                message.append(str(error).partition(": ")[2])
            else:
                raise AssertionError("the bomb was read")
    return "; ".join(message)


def limit_memory() -> None:
    """Let the process grow by little more than it has; all files here are of a few kilobytes."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    maximum = pages * os.sysconf("SC_PAGE_SIZE") + SPARE
    resource.setrlimit(resource.RLIMIT_AS, (maximum, maximum))


def _run(job: str, *options: str) -> Any:
    done = subprocess.run(
        [sys.executable, *options, __file__, job],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(idx_format.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read in /proc")


@linux
@pytest.mark.parametrize("options", [(), ("-O",)], ids=["as it is", "under -O"])
def test_mutated_files(options: tuple[str, ...]) -> None:
    message = _run("reader", *options)
    assert message["asserts"] is (options == ())
    assert message["read"] + message["refused"] == CASES
    # Both ends are met often: neither a reader that refuses all nor one that reads all would pass.
    assert message["read"] > 2000
    assert message["refused"] > 10_000


@linux
@pytest.mark.parametrize("options", [(), ("-O",)], ids=["as it is", "under -O"])
def test_mutated_published_files(options: tuple[str, ...]) -> None:
    message = _run("published", *options)
    assert message["right"] >= 100
    assert message["refused"] > 800


@linux
def test_a_bomb_unfolds_no_further_than_one_byte_too_many() -> None:
    message = _run("bomb")
    assert message.count("expected 9424 bytes inside, got more than 9424 bytes") == 2


def _trusting(data: bytes, *, name: str) -> torch.Tensor:
    """Read as a reader would that believes the header."""
    shape = struct.unpack_from(f">{data[3]}I", data, 4)
    numbers = torch.zeros(shape, dtype=torch.uint8)
    body = torch.tensor(list(data[4 + 4 * len(shape) :]), dtype=torch.uint8)
    numbers.view(-1)[: len(body)] = body[: numbers.numel()]
    return numbers


def _lenient(data: bytes, *, name: str) -> torch.Tensor:
    """Read as the library's reader would without its comparison of header and size."""
    try:
        return decode_idx(data, name=name)
    except IdxError as error:
        if "since the header tells" not in str(error):
            raise
        return torch.zeros(len(data))


@pytest.mark.parametrize("reader", [_trusting, _lenient])
def test_the_fuzz_notices_a_reader_that_believes(reader: Callable[..., torch.Tensor]) -> None:
    with pytest.raises((AssertionError, RuntimeError, IndexError, struct.error)):
        fuzz(reader, 500, seed=0)


@linux
def test_the_limit_of_memory_is_one() -> None:
    assert _run("greedy") == "refused"


def _greedy() -> str:
    try:
        torch.zeros(SPARE + (32 << 20), dtype=torch.uint8)
    except RuntimeError:
        return "refused"
    return "allowed"


if __name__ == "__main__":
    # Threads would take address space of their own, whenever they start.
    torch.set_num_threads(1)
    job = sys.argv[1]
    answer: Any
    if job == "bomb":
        answer = bomb()
    else:
        limit_memory()
        if job == "reader":
            answer = fuzz(decode_idx, CASES, seed=0) | {"asserts": __debug__}
        elif job == "published":
            answer = fuzz_published(1000, seed=1)
        else:
            answer = _greedy()
    print(json.dumps(answer))
