"""Output sizes against torch's own layers."""

import itertools
import re

import pytest
import torch

from cnnbook.shapes import derive_output_size, output_size


def _sizes() -> list[tuple[int, int, int, int, int]]:
    return list(itertools.product(range(1, 9), range(1, 5), range(1, 4), range(3), range(1, 4)))


def test_output_size_is_that_of_conv2d_for_every_small_case() -> None:
    fitting = 0
    for size, kernel, stride, padding, dilation in _sizes():
        image, weight = torch.zeros(1, 1, 1, size), torch.zeros(1, 1, 1, kernel)
        if dilation * (kernel - 1) + 1 > size + 2 * padding:
            with pytest.raises(ValueError, match="use a smaller kernel or more padding"):
                output_size(size, kernel, stride=stride, padding=padding, dilation=dilation)
            continue
        fitting += 1
        torchs = torch.nn.functional.conv2d(
            image, weight, stride=stride, padding=(0, padding), dilation=dilation
        ).shape[3]
        ours = output_size(size, kernel, stride=stride, padding=padding, dilation=dilation)
        assert ours == torchs, (size, kernel, stride, padding, dilation)
    assert fitting > 500


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_output_size_is_that_of_max_pool2d_for_every_small_case(ceil_mode: bool) -> None:
    fitting = 0
    for size, kernel, stride, padding, dilation in _sizes():
        # torch's pooling allows padding of at most half a kernel.
        if padding > kernel // 2 or dilation * (kernel - 1) + 1 > size + 2 * padding:
            continue
        fitting += 1
        pool = torch.nn.MaxPool2d((1, kernel), stride, (0, padding), dilation, False, ceil_mode)
        torchs = pool(torch.zeros(1, 1, 1, size)).shape[3]
        ours = derive_output_size(
            size, kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
        )
        assert ours.output_size == torchs, (size, kernel, stride, padding, dilation)
    assert fitting > 300


def test_the_derivation_is_arithmetic_that_python_agrees_with() -> None:
    for size, kernel, stride, padding, dilation in _sizes():
        if dilation * (kernel - 1) + 1 > size + 2 * padding:
            continue
        line = str(
            derive_output_size(size, kernel, stride=stride, padding=padding, dilation=dilation)
        )
        formula, result = line.split(" = ")
        pythons = re.sub(r"^floor\((.*)\)/(\d+)\) \+ 1$", r"(\1)) // \2 + 1", formula)
        assert eval(pythons) == int(result), line


def test_the_derivation_names_a_window_that_ceil_mode_drops() -> None:
    derivation = derive_output_size(3, 1, stride=3, padding=0, ceil_mode=True)
    assert str(derivation) == (
        "ceil((3 + 2*0 - 1*(1 - 1) - 1)/3) + 1 - 1 "
        "(the last window would start beyond the image) = 1"
    )


def test_one_number_gives_one_and_a_pair_gives_two() -> None:
    assert output_size(28, 2) == 27
    assert output_size((28, 28), 2) == (27, 27)
    assert output_size(28, (2, 3)) == (27, 26)
    assert output_size((5, 4), (2, 4), stride=(2, 1), padding=(1, 0), dilation=1) == (3, 1)


@pytest.mark.parametrize(
    ("name", "least"),
    [("size", 1), ("kernel_size", 1), ("stride", 1), ("padding", 0), ("dilation", 1)],
)
@pytest.mark.parametrize("bad", [2.5, "3", None, True, (1, 2, 3), -1, float("nan"), [1.0, 2.0]])
def test_bad_numbers_are_named(name: str, least: int, bad: object) -> None:
    arguments: dict[str, object] = {"size": 8, "kernel_size": 2}
    arguments[name] = bad
    kind = ValueError if bad == -1 else TypeError
    with pytest.raises(kind, match=f"^{name}: expected "):
        output_size(**arguments)  # type: ignore[call-overload]
    with pytest.raises(kind, match=f"^{name}: expected "):
        derive_output_size(**arguments)  # type: ignore[arg-type]
