"""Draws the cases of the property tests: images, weights and options that fit together.

Numbers are whole and held in float64 (or complex128), so that every sum is exact in any order and
results are compared with ==; one case in six has random fractions and is compared within 1e-9.
"""

import functools
import os
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

LONG = bool(os.environ.get("CNNBOOK_LONG"))
F = torch.nn.functional


def cases(*functions: Callable[..., Any], few: int = 200) -> Callable[[Any], Any]:
    """Run a test on drawn cases, the same ones each time, and count them.

    Args:
        functions: What the test is about; ``covered_functions`` finds them.
        few: How many cases, by default enough to combine every option with every other;
            `make test-long` draws a thousand.

    Returns:
        A decorator, to be placed above ``@given``.
    """
    wanted = 1_000 if LONG else few

    def decorate(test: Any) -> Any:
        # More than needed, since hypothesis skips duplicates.
        test = settings(
            max_examples=wanted + wanted // 10,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )(test)
        inner, ran = test.hypothesis.inner_test, 0

        @functools.wraps(inner)
        def counted(*args: Any, **kwargs: Any) -> None:
            nonlocal ran
            inner(*args, **kwargs)
            ran += 1

        test.hypothesis.inner_test = counted

        def run() -> None:
            nonlocal ran
            ran = 0
            test()
            assert ran >= wanted, f"only {ran} cases were drawn that fit"

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        run.__module__ = test.__module__
        run.covers = {function.__name__ for function in functions}  # type: ignore[attr-defined]
        return run

    return decorate


def covered_functions(*modules: types.ModuleType) -> set[str]:
    """Collect the functions that the tests of some modules are about."""
    return {
        name
        for module in modules
        for test in vars(module).values()
        for name in getattr(test, "covers", ())
    }


def numbers(shape: tuple[int, ...], dtype: torch.dtype, seed: int, whole: bool) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)

    def draw() -> torch.Tensor:
        if whole:
            return torch.randint(-9, 10, shape, generator=generator).double()
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    real = draw()
    return (torch.complex(real, draw()) if dtype.is_complex else real).to(dtype)


def laid_out(tensor: torch.Tensor, layout: str) -> torch.Tensor:
    """Return the same numbers in another memory layout."""
    if layout == "channels last":
        return tensor.contiguous(memory_format=torch.channels_last)
    if layout == "transposed":
        return tensor.transpose(2, 3).contiguous().transpose(2, 3)
    if layout == "every second":
        spread = tensor.new_full((*tensor.shape[:3], 2 * tensor.shape[3]), 99)
        spread[..., ::2] = tensor
        return spread[..., ::2]
    return tensor


def same(got: torch.Tensor, expected: torch.Tensor, whole: bool) -> None:
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    if whole:
        assert torch.equal(got, expected)
    else:
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


pairs = functools.cache(
    lambda low, high: st.one_of(
        st.integers(low, high), st.tuples(st.integers(low, high), st.integers(low, high))
    )
)


def both(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


@dataclass(frozen=True)
class Drawn:
    """A convolution that fits: tensors and options."""

    images: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor | None
    options: dict[str, Any]
    whole: bool

    @property
    def groups(self) -> int:
        return int(self.options["groups"])

    @property
    def size(self) -> tuple[int, int]:
        return (self.images.shape[2], self.images.shape[3])

    @property
    def kernel_size(self) -> tuple[int, int]:
        return (self.weight.shape[2], self.weight.shape[3])


@st.composite
def convolutions(draw: st.DrawFn, *, strings: bool = True) -> Drawn:
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    dilation = draw(pairs(1, 3))
    spans = [gap * (count - 1) + 1 for gap, count in zip(both(dilation), kernel, strict=True)]
    padding: Any = draw(pairs(0, 3))
    stride: Any = draw(pairs(1, 3))
    if strings and draw(st.integers(0, 5)) == 0:
        padding = draw(st.sampled_from(["same", "valid"]))
        stride = 1 if padding == "same" else stride
    border = (0, 0) if isinstance(padding, str) else both(padding)
    minimum = [max(1, span - 2 * b) for span, b in zip(spans, border, strict=True)]
    if padding == "same":
        minimum = [1, 1]
    size = [low + draw(st.integers(0, 5)) for low in minimum]
    groups = draw(st.integers(1, 3))
    depth, kernels = draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    n, seed = draw(st.integers(0, 2)), draw(st.integers(0, 10**6))
    whole = draw(st.integers(0, 5)) > 0
    dtype = draw(st.sampled_from([torch.float64] * 3 + [torch.complex128]))
    layout = draw(st.sampled_from(["plain", "channels last", "transposed", "every second"]))
    images = numbers((n, groups * depth, *size), dtype, seed, whole)
    weight = numbers((kernels, depth, *kernel), dtype, seed + 1, whole)
    bias = numbers((kernels,), dtype, seed + 2, whole) if draw(st.booleans()) else None
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return Drawn(laid_out(images, layout), weight, bias, options, whole)


@dataclass(frozen=True)
class Pooled:
    """A pooling that fits: images and options."""

    images: torch.Tensor
    kernel_size: Any
    options: dict[str, Any]
    whole: bool


@st.composite
def poolings(draw: st.DrawFn, *, dilated: bool) -> Pooled:
    kernel: Any = draw(pairs(1, 4))
    gap: Any = draw(pairs(1, 2)) if dilated else 1
    spans = [g * (k - 1) + 1 for g, k in zip(both(gap), both(kernel), strict=True)]
    padding = tuple(draw(st.integers(0, count // 2)) for count in both(kernel))
    stride: Any = draw(st.one_of(st.none(), pairs(1, 4)))
    ceil_mode = draw(st.booleans())
    # With ceil_mode the kernel may reach beyond the padded image, by less than a stride.
    beyond = [step - 1 if ceil_mode else 0 for step in both(stride or kernel)]
    size = [
        max(1, span - 2 * border - more) + draw(st.integers(0, 6))
        for span, border, more in zip(spans, padding, beyond, strict=True)
    ]
    options = {"stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    options |= {"dilation": gap} if dilated else {}
    whole = draw(st.integers(0, 5)) > 0
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 2)), *size)
    images = numbers(shape, torch.float64, draw(st.integers(0, 10**6)), whole)
    if whole:
        # Few different numbers, so that there are ties; sometimes NaN and infinities.
        images = images.div(4, rounding_mode="trunc")
        for special in draw(st.sets(st.sampled_from([float("nan"), float("inf"), float("-inf")]))):
            images[images == draw(st.integers(-2, 2))] = special
    layout = draw(st.sampled_from(["plain", "channels last", "transposed", "every second"]))
    return Pooled(laid_out(images, layout), kernel, options, whole)
