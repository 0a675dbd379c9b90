"""Named convolutions: shapes and options that differ in what can go wrong with them."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class ConvCase:
    """One convolution: image shape, kernel shape and options, all as torch takes them."""

    name: str
    images: tuple[int, int, int, int]
    weight: tuple[int, int, int, int]
    stride: int | tuple[int, int] = 1
    padding: int | tuple[int, int] | str = 0
    dilation: int | tuple[int, int] = 1
    groups: int = 1
    bias: bool = True

    def tensors(
        self, dtype: torch.dtype = torch.float64
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Return images, weight and bias of small integers, whose sums are exact in any order."""
        generator = torch.Generator().manual_seed(len(self.name))

        def integers(shape: tuple[int, ...]) -> torch.Tensor:
            return torch.randint(-9, 10, shape, generator=generator).to(dtype)

        bias = integers((self.weight[0],)) if self.bias else None
        return integers(self.images), integers(self.weight), bias


CONV_CASES = (
    ConvCase("lecture 2x2 on 2x2", (1, 1, 2, 2), (1, 1, 2, 2)),
    ConvCase("lecture 2x2 on 4x4", (2, 1, 4, 4), (1, 1, 2, 2)),
    ConvCase("lecture 16 features", (2, 1, 4, 4), (16, 1, 3, 3)),
    ConvCase("one pixel", (3, 2, 1, 1), (4, 2, 1, 1)),
    ConvCase("kernel as large as the image", (2, 3, 5, 4), (2, 3, 5, 4)),
    ConvCase("kernel as large as the padded image", (1, 1, 2, 2), (1, 1, 4, 4), padding=1),
    ConvCase("even kernel, odd image", (1, 2, 5, 7), (3, 2, 2, 4)),
    ConvCase("stride with a remainder", (1, 1, 7, 6), (2, 1, 2, 3), stride=(3, 2)),
    ConvCase("padding differs by axis", (1, 1, 4, 4), (1, 1, 3, 3), padding=(0, 2)),
    ConvCase("dilation", (1, 2, 9, 8), (2, 2, 3, 3), dilation=(2, 3)),
    ConvCase("all options", (2, 4, 9, 9), (6, 2, 3, 2), (2, 1), (1, 2), (2, 3), 2),
    ConvCase("depthwise", (2, 3, 6, 6), (3, 1, 3, 3), groups=3),
    ConvCase("depthwise, two kernels a channel", (2, 3, 6, 6), (6, 1, 3, 3), groups=3),
    ConvCase("same, odd kernel", (1, 1, 5, 5), (1, 1, 3, 3), padding="same"),
    ConvCase("same, even kernel", (1, 1, 5, 5), (1, 1, 2, 4), padding="same"),
    ConvCase("same, dilated", (1, 1, 7, 7), (1, 1, 3, 2), padding="same", dilation=(2, 3)),
    ConvCase("valid", (1, 1, 5, 5), (1, 1, 3, 3), padding="valid"),
    ConvCase("no bias", (2, 2, 4, 4), (3, 2, 2, 2), bias=False),
    ConvCase("empty batch", (0, 2, 4, 4), (3, 2, 2, 2)),
)
