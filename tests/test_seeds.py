"""Several seeds: each as if trained alone, and none trained twice."""

import json
import signal
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
import victims
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnbook import seeds
from cnnbook.images import ImageSet, draw_garments
from cnnbook.metrics import accuracy, mean_interval, predict_scores
from cnnbook.networks import small_cnn
from cnnbook.seeds import Provenance, SeedResults, train_over_seeds
from cnnbook.training import History, Interrupted, fit_full_batch


@pytest.fixture(scope="module")
def data() -> ImageSet:
    train = draw_garments(40, generator=torch.Generator().manual_seed(1))
    test = draw_garments(30, generator=torch.Generator().manual_seed(2))
    return ImageSet(*train, *test, tuple("0123456789"), "drawn", True)


def _net() -> torch.nn.Module:
    return small_cnn(channels=4)


def test_each_seed_is_trained_as_if_alone(data: ImageSet) -> None:
    random = torch.get_rng_state()
    results = train_over_seeds(_net, data, [3, 1], epochs=20, device="cpu")
    assert torch.equal(torch.get_rng_state(), random)
    assert results.seeds == (3, 1)
    for seed, share, history in zip(
        results.seeds, results.accuracies, results.histories, strict=True
    ):
        torch.manual_seed(seed)
        net = _net()
        alone = fit_full_batch(net, data.train_images, data.train_labels, epochs=20, device="cpu")
        assert history.losses == alone.losses
        assert history.seed == seed
        assert share == accuracy(predict_scores(net, data.test_images), data.test_labels)
    # A header, a rule, two seeds, a rule, the means, the interval, the provenance.
    assert len(str(results).splitlines()) == 8
    assert results.interval() == mean_interval(results.accuracies)
    assert str(results).splitlines()[-2] == f"accuracy: {results.interval()}"
    assert results._repr_html_().count("<tr>") == 4
    one = SeedResults(results.seeds[:1], results.accuracies[:1], results.histories[:1])
    assert "interval" not in str(one)


def _never(*_: object, **__: object) -> None:
    raise AssertionError("a network was trained")


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("in_folder", [False, True])
@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        (lambda images, labels: (images, labels[:-1]), ValueError, r"\(30, 10\), got \(29,"),
        (lambda images, _: (images, torch.full((30,), 10)), ValueError, "numbers 0 to 9, since"),
        (lambda images, _: (images, torch.zeros(30)), TypeError, "expected an integer dtype"),
        (lambda images, _: (images, torch.zeros(30, 10)), ValueError, "one 1 and otherwise 0"),
        (lambda images, labels: (images / 0, labels), ValueError, "finite numbers, got NaN"),
        (lambda images, labels: (images[..., :9, :9], labels), ValueError, "images of shape"),
        (lambda images, labels: (images[:, 0], labels), ValueError, r"expected \(n, c, h, w\)"),
        (lambda images, labels: (images.double(), labels), ValueError, "dtype torch.float64"),
        (lambda images, labels: (images[:0], labels[:0]), ValueError, "got an empty batch"),
        (lambda _, labels: (None, labels), TypeError, "tensors, got NoneType as test_im"),
        (lambda images, _: (images, [1, 2]), TypeError, "tensors, got list as test_la"),
    ],
)
def test_test_data_that_does_not_fit_is_refused_before_the_training(
    data: ImageSet, changes: Any, kind: type[Exception], message: str, ensemble: bool,
    in_folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(seeds, "fit_full_batch", _never)
    monkeypatch.setattr(seeds, "fit_ensemble", _never)
    images, labels = changes(*data.test)
    wrong = replace(data, test_images=images, test_labels=labels)
    with pytest.raises(kind, match=f"^data: expected .*{message}"):
        train_over_seeds(
            _net, wrong, range(2), epochs=2, device="cpu", ensemble=ensemble,
            folder=tmp_path / "runs" if in_folder else None,
        )  # fmt: skip
    assert not (tmp_path / "runs").exists()


class _Noisy(torch.nn.Module):
    """Draws random numbers in evaluation mode as well."""

    def __init__(self) -> None:
        super().__init__()
        self.net = small_cnn(channels=2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.net(images + torch.rand_like(images) / 9))


def test_looking_at_the_test_data_does_not_change_the_training(data: ImageSet) -> None:
    results = train_over_seeds(_Noisy, data, [3], epochs=3, device="cpu")
    torch.manual_seed(3)
    net = _Noisy()
    alone = fit_full_batch(net, data.train_images, data.train_labels, epochs=3, device="cpu")
    assert results.histories[0].losses == alone.losses


def test_a_finished_seed_is_not_trained_again_and_a_half_done_one_resumes(
    data: ImageSet, tmp_path: Path
) -> None:
    call: dict[str, Any] = {"epochs": 9, "device": "cpu"}
    whole = train_over_seeds(_net, data, range(3), **call)
    steps = 0

    def make_adam(parameters: Sequence[torch.nn.Parameter]) -> torch.optim.Optimizer:
        def count() -> None:
            nonlocal steps
            steps += 1
            if steps == 9 + 4:
                signal.raise_signal(signal.SIGINT)

        return victims.WatchedAdam(parameters, count)

    call |= {"folder": tmp_path / "runs", "make_optimizer": make_adam}
    message = r"^SIGINT after epoch 4 of 9; the same call resumes from .*seed-1"
    with pytest.raises(Interrupted, match=message):
        train_over_seeds(_net, data, range(3), **call)
    again = train_over_seeds(_net, data, range(3), **call)
    assert steps == 3 * 9, "no update was taken twice"
    assert again.accuracies == whole.accuracies
    assert [one.losses for one in again.histories] == [one.losses for one in whole.histories]


def test_the_table() -> None:
    assert str(SeedResults((), (), ())) == "no seed"
    assert SeedResults((), (), ())._repr_html_() == "<p>no seed</p>"


def test_where_it_was_trained_is_said(data: ImageSet) -> None:
    results = train_over_seeds(_net, data, range(2), epochs=1, device="cpu")
    here = Provenance(
        f"cpu with {torch.backends.cpu.get_cpu_capability()}",
        torch.get_num_threads(),
        torch.__version__,
        results.provenances[0].date,
    )
    assert results.provenances == (here, here)
    assert abs(date.fromisoformat(here.date) - datetime.now(UTC).date()) <= timedelta(days=1)
    assert str(results).endswith(f"\ntrained: {here}")
    assert f"trained: {here}" in results._repr_html_()
    there = replace(here, device="a card", threads=1)
    both = replace(results, provenances=(here, there))
    assert str(both).splitlines()[-2:] == [f"trained: seed 0: {here}", f"trained: seed 1: {there}"]
    assert str(there).startswith("a card (1 thread), torch ")
    # The line stays short where many seeds were trained at one place.
    many = replace(
        results,
        seeds=(0, 1, 2, 3, 5, 7),
        accuracies=results.accuracies[:1] * 6,
        histories=results.histories[:1] * 6,
        provenances=(there, here, here, here, there, there),
    )
    assert str(many).splitlines()[-2:] == [
        f"trained: seeds 0, 5, 7: {there}",
        f"trained: seeds 1 to 3: {here}",
    ]


def test_a_result_that_is_read_is_the_one_that_was_computed(
    data: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call: dict[str, Any] = {"epochs": 12, "device": "cpu", "folder": tmp_path / "runs"}
    computed = train_over_seeds(_net, data, [0, 7], **call)
    for checkpoint in (tmp_path / "runs").glob("*.ckpt*"):
        checkpoint.unlink()
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        "seed-0.json",
        "seed-7.json",
    ]
    before = {path: path.read_bytes() for path in (tmp_path / "runs").iterdir()}
    monkeypatch.setattr(seeds, "fit_full_batch", None)
    monkeypatch.setattr(seeds, "atomic_write", None)
    random = torch.get_rng_state()
    (tmp_path / "runs").chmod(0o555)
    try:
        # Equal to the last bit: Python's floats are compared, one by one.
        assert train_over_seeds(_net, data, [0, 7], **call) == computed
        assert train_over_seeds(_net, data, [7], **call).histories == computed.histories[1:]
    finally:
        (tmp_path / "runs").chmod(0o755)
    assert torch.equal(torch.get_rng_state(), random)
    assert before == {path: path.read_bytes() for path in (tmp_path / "runs").iterdir()}


# No deadline: each case waits for the disk.
@settings(deadline=None)
@given(
    losses=st.lists(st.floats(min_value=0, allow_infinity=False), min_size=1, max_size=20),
    share=st.floats(0, 1),
    seconds=st.floats(0, 1e9),
)
def test_every_float_is_read_back_to_the_last_bit(
    losses: list[float], share: float, seconds: float
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "seed-3.json"
        history = History(tuple(losses), seconds, "cpu", 3, 8, processes=2)
        provenance = Provenance("cpu with AVX2", 2, "2.15.0", "2026-11-24")
        seeds._write_result(path, {"epochs": ["9"]}, share, history, provenance)
        read = seeds._read_result(path, {"epochs": ["9"]}, torch.device("cpu"))
        assert read == (share, history, provenance)
        assert len(list(Path(folder).iterdir())) == 1
        # Neither another order of the keys nor other white space is damage.
        content = json.loads(path.read_bytes())
        path.write_text(json.dumps(dict(sorted(content.items())), indent=4), "utf-8")
        assert seeds._read_result(path, {"epochs": ["9"]}, torch.device("cpu")) == read


@pytest.fixture(scope="module")
def kept(data: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    train_over_seeds(_net, data, [0], epochs=3, device="cpu", folder=folder)
    for checkpoint in folder.glob("*.ckpt*"):
        checkpoint.unlink()
    return folder


def test_what_is_damaged_is_refused_and_left_as_it_is(
    data: ImageSet, kept: Path, tmp_path: Path
) -> None:
    whole = (kept / "seed-0.json").read_bytes()
    text = json.loads(whole)
    other = json.dumps(text | {"format": "cnnbook seed 1"}).encode()
    damaged = [
        b"",
        b"{}",
        b"[1]",
        b"null",
        b"\xff\xfe",
        b"[" * 9999,
        whole[: len(whole) // 2],
        other,
    ]
    # One digit of a loss, the accuracy, the seed, NaN, another key are changed in turn.
    damaged += [
        json.dumps(text | changed).encode()
        for changed in (
            {"losses": [*text["losses"][:-1], text["losses"][-1] * (1 + 2**-52)]},
            {"accuracy": 0.99},
            {"seed": 1},
            {"accuracy": float("nan")},
            {"more": 0},
        )
    ]
    path = tmp_path / "seed-0.json"
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=r"^folder: expected undamaged results, got .*seed-0\.json: it"
        ):
            train_over_seeds(_net, data, [0], epochs=3, device="cpu", folder=tmp_path)
        assert path.read_bytes() == content
        assert list(tmp_path.iterdir()) == [path]
    path.write_bytes(whole)
    train_over_seeds(_net, data, [0], epochs=3, device="cpu", folder=tmp_path)


def test_of_several_processes_the_first_reads_and_the_first_writes(
    data: ImageSet, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = (kept / "seed-0.json").read_bytes()

    class Second:
        rank, world_size = 1, 2

        def broadcast_bytes(self, read: bytes | None) -> bytes | None:
            assert read is None, "the second process reads nothing"
            return sent or None

    monkeypatch.setattr(seeds, "init_distributed", lambda device: Second())
    call: dict[str, Any] = {"epochs": 3, "device": "cpu", "folder": tmp_path}
    # Without a result in its own folder.
    read = train_over_seeds(_net, data, [0], **call)
    assert list(tmp_path.iterdir()) == []
    sent = b""
    trained = train_over_seeds(_net, data, [0], **call)
    assert trained.accuracies == read.accuracies
    assert not list(tmp_path.glob("*.json"))


def _sgd(parameters: Sequence[torch.nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1)


def _other_start() -> torch.nn.Module:
    net = _net()
    with torch.no_grad():
        next(net.parameters()).mul_(1.01)
    return net


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"make_net": lambda: small_cnn(channels=5)},
            r"^make_net: expected .*Conv2d\(1, 4, .*\(1, 5",
        ),
        (
            {"make_net": _other_start},
            r"^make_net: expected .*'0.weight' starts with .*, got '0.weig",
        ),
        (
            {"epochs": 4},
            r"^epochs: expected the same as in the result .*, that is 3, got 4; choose ",
        ),
        (
            {"make_optimizer": _sgd},
            r"^make_optimizer: expected .*that is Adam, got SGD; choose",
        ),
        (
            {"loss_fn": torch.nn.MSELoss()},
            r"^loss_fn: expected .* is CrossEntropyLoss, got MSELoss",
        ),
        (
            {"precision": "bf16"},
            r"^precision: expected .*that is full, got bf16; choose another fold",
        ),
        *(
            ({"data": part}, rf"^data\.{part}: expected the same as in the result ")
            for part in ("train_images", "train_labels", "test_images", "test_labels")
        ),
    ],
)
def test_what_is_kept_of_another_training_is_refused(
    data: ImageSet, kept: Path, changed: dict[str, Any], message: str
) -> None:
    if "data" in changed:
        part = changed["data"]
        changed = {"data": replace(data, **{part: getattr(data, part).flip(0)})}
    call: dict[str, Any] = {"make_net": _net, "data": data, "seeds": [0], "epochs": 3}
    call |= {"device": "cpu", "folder": kept}
    before = (kept / "seed-0.json").read_bytes()
    with pytest.raises(ValueError, match=message):
        train_over_seeds(**(call | changed))
    assert [path.name for path in kept.iterdir()] == ["seed-0.json"]
    assert (kept / "seed-0.json").read_bytes() == before


def test_a_result_under_another_seeds_name_is_refused(
    data: ImageSet, kept: Path, tmp_path: Path
) -> None:
    (tmp_path / "seed-1.json").write_bytes((kept / "seed-0.json").read_bytes())
    with pytest.raises(ValueError, match=r"^make_net: expected .* starts with "):
        train_over_seeds(_net, data, [1], epochs=3, device="cpu", folder=tmp_path)


def test_a_folder_that_cannot_hold_results_is_noticed_before_training(
    data: ImageSet, tmp_path: Path
) -> None:
    path = tmp_path / "a file"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"^folder: expected the path of a folder, got the file "):
        train_over_seeds(_net, data, [0], device="cpu", folder=path)


def test_the_same_network_twice_is_refused(data: ImageSet) -> None:
    net = _net()
    with pytest.raises(ValueError, match=r"^make_net: expected a new network for each seed, got"):
        train_over_seeds(lambda: net, data, [0, 1], epochs=1, device="cpu")


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"make_net": "net"}, TypeError, r"^make_net: expected a function"),
        ({"make_net": lambda: "net"}, TypeError, r"^make_net: expected a network, got str"),
        ({"make_net": _net()}, TypeError, r"^make_net: expected a function .*, got a network, Seq"),
        (
            {"make_net": lambda: torch.nn.LazyLinear(3)},
            TypeError,
            r"^make_net: expected parameters with values, got the lazy .weight.",
        ),
        ({"data": torch.zeros(3)}, TypeError, r"^data: expected an ImageSet, got Tensor"),
        ({"seeds": 3}, TypeError, r"^seeds: expected several whole numbers, got 3; write range"),
        ({"seeds": "12"}, TypeError, r"^seeds: expected several whole numbers, got '12'"),
        ({"seeds": torch.tensor(3)}, TypeError, r"^seeds: expected several .*, got a tensor"),
        ({"seeds": []}, ValueError, r"^seeds: expected at least one, got none"),
        ({"seeds": [1.5]}, TypeError, r"^seeds: expected a whole number, got 1.5"),
        ({"seeds": [-1]}, ValueError, r"^seeds: expected at least 0, got -1"),
        ({"seeds": [1, 2, 1]}, ValueError, r"^seeds: expected each once"),
        ({"folder": 3}, TypeError, r"^folder: expected the path of a folder, got 3"),
        (
            {"make_optimizer": 3},
            TypeError,
            r"^make_optimizer: expected a function .*, got 3; write",
        ),
        (
            {"make_optimizer": _net()},
            TypeError,
            r"^make_optimizer: expected a func.*, got a networ",
        ),
        (
            {"make_optimizer": torch.optim.Adam(_net().parameters())},
            TypeError,
            r"^make_optimizer: expected a function that .*, got an optimizer, Adam; write lambda ",
        ),
        (
            {"make_optimizer": lambda parameters: None},
            TypeError,
            r"^make_optimizer: expected an optimizer, got NoneType; return one such as torch.opti",
        ),
        ({"device": "abacus"}, ValueError, r"^device: expected "),
        ({"epochs": 0}, ValueError, r"^epochs: expected at least 1"),
        ({"ensemble": "yes"}, TypeError, r"^ensemble: expected True or False, got 'yes'"),
    ],
)
def test_mistakes_are_named(
    data: ImageSet, changed: dict[str, Any], kind: type[Exception], message: str
) -> None:
    call: dict[str, Any] = {"make_net": _net, "data": data, "seeds": [0], "device": "cpu"}
    with pytest.raises(kind, match=message):
        train_over_seeds(**(call | changed))


def test_all_together_is_as_one_by_one_and_only_what_is_missing(
    data: ImageSet, tmp_path: Path
) -> None:
    random = torch.get_rng_state()
    single = train_over_seeds(_net, data, range(3), epochs=12, device="cpu")
    kept = train_over_seeds(_net, data, [1], epochs=12, device="cpu", folder=tmp_path)
    before = (tmp_path / "seed-1.json").read_bytes()
    for _ in range(2):  # The second time, all is there already.
        stacked = train_over_seeds(
            _net, data, range(3), epochs=12, device="cpu", folder=tmp_path, ensemble=True
        )
        assert torch.equal(torch.get_rng_state(), random)
        assert stacked.seeds == (0, 1, 2)
        assert stacked.histories[1].losses == kept.histories[0].losses
        for one, other in zip(single.histories, stacked.histories, strict=True):
            assert one.losses == pytest.approx(other.losses, rel=1e-4)
            assert one.seed == other.seed
        assert stacked.accuracies == pytest.approx(single.accuracies, abs=1 / 30 + 1e-9)
    assert (tmp_path / "seed-1.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob("*.json")) == [
        "seed-0.json",
        "seed-1.json",
        "seed-2.json",
    ]
