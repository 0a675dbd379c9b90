"""What a network loses when a patch of the image is covered."""

import torch

from cnnbook.arguments import check_images, check_number_type, pair, real_number, whole_number
from cnnbook.scoring import predict_scores

__all__ = ["occlusion_map"]

_WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def _check_classes(classes: torch.Tensor, count: int) -> None:
    if not isinstance(classes, torch.Tensor):
        raise TypeError(
            f"classes: expected a torch.Tensor, got {type(classes).__name__}; "
            "convert with torch.tensor(classes)"
        )
    if classes.dtype not in _WHOLE or classes.layout != torch.strided:
        raise TypeError(
            "classes: expected a dense tensor of whole class numbers, got "
            f"{classes.dtype} ({classes.layout})"
        )
    if classes.shape != (count,):
        remedy = "; convert with classes.argmax(dim=1)" if classes.ndim == 2 else ""
        raise ValueError(
            f"classes: expected class numbers ({count},), one for each image, got "
            f"{tuple(classes.shape)}{remedy}"
        )
    if classes.is_meta:
        raise ValueError("classes: expected numbers, got a tensor of the meta device, without any")


def occlusion_map(
    net: torch.nn.Module,
    images: torch.Tensor,
    classes: torch.Tensor,
    *,
    patch: int | tuple[int, int],
    stride: int | tuple[int, int] = 1,
    fill: float = 0.5,
    chunk_size: int = 250,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Cover each image with a patch, place by place, and note by how much a class's score drops.

    Where the drop is above 0, what lay under the patch spoke for the class, or the patch itself
    speaks against it: the network sees an image with a patch on it, not one with a hole. A map is
    that of one patch size and one fill.

    Args:
        net: The network; it is moved to ``device``, its mode is put back.
        images: Images ``(n, c, h, w)``, floating-point.
        classes: For each image the number of the class whose score is watched, shape ``(n,)``.
        patch: Rows and columns of the patch, one number or two.
        stride: The step from one place to the next, down and to the right.
        fill: What every pixel under the patch becomes, in all channels.
        chunk_size: Covered images taken at a time, which bounds the memory.
        device: Where to compute; ``best_device()`` where it is left out.

    Returns:
        Score without the patch minus score with it, shape ``(n, 1, rows, columns)``: a number for
        each place, as many as a convolution with a kernel of the patch's size has.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: ``images`` is empty, does not have four axes or has numbers that are not
            finite, the patch is larger than the images, a class is out of range, a number is too
            small or too large, or the network does not take the images or gives scores that are
            not finite.
        RuntimeError: ``device`` is not there.

    Examples:
        A network that adds up three pixels, the last one twice. Covered with zeros, each takes with
        it what it gave:

        >>> import torch
        >>> from cnnbook.occlusion import occlusion_map
        >>> linear = torch.nn.Linear(3, 1, bias=False)
        >>> with torch.no_grad():
        ...     _ = linear.weight.copy_(torch.tensor([[1.0, 1.0, 2.0]]))
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), linear)
        >>> image, first = torch.tensor([[[[4.0, 0.0, 3.0]]]]), torch.tensor([0])
        >>> occlusion_map(net, image, first, patch=1, fill=0).tolist()
        [[[[4.0, 0.0, 6.0]]]]

        A patch of ones adds to a pixel of 0, so the drop is below 0 there: 1 * (0 - 1).

        >>> occlusion_map(net, image, first, patch=1, fill=1).tolist()
        [[[[3.0, -1.0, 4.0]]]]

        A patch over the whole image leaves one place.

        >>> occlusion_map(net, image, first, patch=(1, 3), fill=0).tolist()
        [[[[10.0]]]]
        >>> occlusion_map(net, image, first, patch=2)
        Traceback (most recent call last):
            ...
        ValueError: patch: expected at most the image's 1 x 3 pixels, got 2 x 2

    Source:
        Zeiler and Fergus (2014), Visualizing and understanding convolutional networks, section 4.2,
        who watch the probability of the class. A probability falls when another score rises;
        scores are watched here, so that the map of a linear network can be worked out by hand.
    """
    check_images(images)
    check_number_type(images, name="images")
    if images.is_complex():
        raise TypeError(f"images: expected real numbers, got {images.dtype}")
    _check_classes(classes, len(images))
    patch_rows, patch_columns = pair(patch, name="patch", least=1)
    down, right = pair(stride, name="stride", least=1)
    fill = real_number(fill, name="fill", above=-float("inf"))
    if abs(fill) > torch.finfo(images.dtype).max:
        raise ValueError(f"fill: expected a number that {images.dtype} can hold, got {fill:g}")
    chunk_size = whole_number(chunk_size, name="chunk_size", least=1)
    height, width = images.shape[2:]
    if patch_rows > height or patch_columns > width:
        raise ValueError(
            f"patch: expected at most the image's {height} x {width} pixels, got "
            f"{patch_rows} x {patch_columns}"
        )
    scores = predict_scores(net, images, chunk_size=chunk_size, device=device)
    if not torch.isfinite(images).all():
        raise ValueError("images: expected finite numbers, got NaN or infinity among them")
    classes = classes.to(images.device, torch.int64)
    low, high = int(classes.min()), int(classes.max())
    if low < 0 or high >= scores.shape[1]:
        raise ValueError(
            f"classes: expected class numbers 0 to {scores.shape[1] - 1}, since there are "
            f"{scores.shape[1]} scores an image, got {low} to {high}"
        )
    top = torch.arange(0, height - patch_rows + 1, down, device=images.device)
    left = torch.arange(0, width - patch_columns + 1, right, device=images.device)
    row, column = (torch.arange(size, device=images.device) for size in (height, width))
    # (places, pixels along the side): whether the patch at this place covers the pixel.
    in_rows = (row >= top[:, None]) & (row < top[:, None] + patch_rows)
    in_columns = (column >= left[:, None]) & (column < left[:, None] + patch_columns)
    drops = []
    # Every pair of image and place, image by image.
    everything = torch.arange(len(images) * len(top) * len(left), device=images.device)
    for some in torch.split(everything, chunk_size):
        image = some // (len(top) * len(left))
        place = some % (len(top) * len(left))
        covered = in_rows[place // len(left), :, None] & in_columns[place % len(left), None]
        patched = torch.where(covered[:, None], fill, images[image])
        still = predict_scores(net, patched, chunk_size=chunk_size, device=device)
        watched = classes[image][:, None]
        drops.append(scores[image].gather(1, watched) - still.gather(1, watched))
    drop = torch.cat(drops).reshape(len(images), 1, len(top), len(left))
    if not torch.isfinite(drop).all():
        raise ValueError("net: expected finite scores, got NaN or infinity among them")
    return drop
