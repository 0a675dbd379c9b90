"""The pixel shuffle: one order for all images, which can be undone."""

import pytest
import torch

from cnnbook.images import shuffle_pixels


def _numbered(height: int, width: int) -> torch.Tensor:
    """Return one image whose pixels are their own numbers."""
    return torch.arange(height * width).reshape(1, 1, height, width)


@pytest.mark.parametrize("size", [(28, 28), (1, 5), (4, 7), (2, 2)])
def test_it_is_a_permutation_and_can_be_undone(size: tuple[int, int]) -> None:
    order = shuffle_pixels(_numbered(*size), seed=3).flatten()
    assert sorted(order.tolist()) == list(range(size[0] * size[1]))
    images = torch.rand(5, 3, *size)
    shuffled = shuffle_pixels(images, seed=3)
    assert shuffled.shape == images.shape
    back = order.argsort()
    assert torch.equal(shuffled.flatten(2)[:, :, back].reshape(images.shape), images)


def test_it_is_torchs_permutation_of_the_seed() -> None:
    expected = torch.randperm(784, generator=torch.Generator().manual_seed(5))
    assert shuffle_pixels(_numbered(28, 28), seed=5).flatten().tolist() == expected.tolist()


def test_it_moves_pixels_and_neighbours() -> None:
    order = shuffle_pixels(_numbered(28, 28)).flatten()
    assert (order == torch.arange(784)).sum() < 10
    assert ((order[1:] - order[:-1]).abs() == 1).sum() < 20


def test_every_image_channel_and_batch_has_the_same_order() -> None:
    order = shuffle_pixels(_numbered(6, 5)).flatten()
    train, test = torch.rand(4, 3, 6, 5), torch.rand(2, 1, 6, 5)
    for images in (train, test, train[2:3]):
        shuffled = shuffle_pixels(images)
        for image, after in zip(images, shuffled, strict=True):
            for channel, channel_after in zip(image, after, strict=True):
                assert torch.equal(channel_after.flatten(), channel.flatten()[order])


def test_another_seed_is_another_order_and_seed_0_is_the_default() -> None:
    image = _numbered(28, 28)
    orders = {tuple(shuffle_pixels(image, seed=seed).flatten().tolist()) for seed in range(20)}
    assert len(orders) == 20
    assert torch.equal(shuffle_pixels(image), shuffle_pixels(image, seed=0))
    shuffle_pixels(image, seed=2**31 - 1)


def test_a_single_pixel_and_an_empty_batch() -> None:
    one = torch.rand(3, 2, 1, 1)
    assert torch.equal(shuffle_pixels(one), one)
    assert shuffle_pixels(torch.zeros(0, 1, 4, 4)).shape == (0, 1, 4, 4)


def test_inputs_and_torchs_random_numbers_are_left_alone() -> None:
    images = torch.rand(2, 1, 4, 4)
    before, state = images.clone(), torch.get_rng_state()
    shuffled = shuffle_pixels(images)
    shuffled.zero_()
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(123)
    first = shuffle_pixels(images)
    torch.manual_seed(456)
    assert torch.equal(first, shuffle_pixels(images))


@pytest.mark.parametrize(
    "dtype",
    [
        torch.uint8,
        torch.int64,
        torch.bool,
        torch.float16,
        torch.bfloat16,
        torch.float64,
        torch.complex64,
    ],
)
def test_every_dtype_is_kept(dtype: torch.dtype) -> None:
    whole = torch.randint(0, 2, (2, 3, 4, 5), dtype=torch.int32)
    shuffled = shuffle_pixels(whole.to(dtype))
    assert shuffled.dtype == dtype
    assert torch.equal(shuffled, shuffle_pixels(whole).to(dtype))


def test_the_memory_format_is_kept() -> None:
    images = torch.rand(2, 3, 4, 5)
    last = images.contiguous(memory_format=torch.channels_last)
    shuffled = shuffle_pixels(last)
    assert shuffled.stride() == last.stride() != images.stride()
    assert torch.equal(shuffled, shuffle_pixels(images))
    # Views that are not stored row by row, and repeated ones.
    assert torch.equal(shuffle_pixels(images.mT), shuffle_pixels(images.mT.contiguous()))
    repeated = images[:1].expand(3, 3, 4, 5)
    assert torch.equal(shuffle_pixels(repeated), shuffle_pixels(repeated.contiguous()))


def test_gradients_find_the_way_back() -> None:
    images = torch.rand(1, 1, 2, 3, requires_grad=True)
    weights = torch.arange(6.0)
    (shuffle_pixels(images).flatten() * weights).sum().backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None
    order = shuffle_pixels(_numbered(2, 3)).flatten()
    assert images.grad.flatten()[order].tolist() == weights.tolist()


@pytest.mark.gpu
def test_the_order_is_the_same_on_a_gpu() -> None:
    images = torch.rand(2, 3, 5, 5)
    shuffled = shuffle_pixels(images.cuda())
    assert shuffled.is_cuda
    assert torch.equal(shuffled.cpu(), shuffle_pixels(images))


def test_seeds_beyond_the_largest_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^seed: expected at most 2147483647, got 2147483648$"):
        shuffle_pixels(torch.rand(1, 1, 2, 2), seed=2**31)
