"""Small grey pictures as PNG, in a data URL that stands in the page itself."""

import base64
import struct
import zlib

import torch

__all__ = ["grey_data_url"]


def grey_data_url(picture: torch.Tensor) -> str:
    """Return a picture in sixteen greys as the address of an ``<img>``.

    A picture of half a byte a pixel is small enough to stand in the page: then it is also there
    where the page is a single file, as in a notebook.

    Args:
        picture: Numbers ``(h, w)`` from 0, black, to 1, white.

    Returns:
        A data URL.

    Examples:
        >>> import torch
        >>> from cnnbook.figures._png import grey_data_url
        >>> grey_data_url(torch.tensor([[0.0, 1.0]]))[:30]
        'data:image/png;base64,iVBORw0K'
    """
    greys = (15 * picture.detach().cpu().double().clamp(0, 1)).round().to(torch.uint8)
    height, width = greys.shape
    # Two pixels are one byte, and a zero before each row says that it is stored as it is.
    greys = torch.nn.functional.pad(greys, (0, width % 2))
    packed = torch.nn.functional.pad(greys[:, ::2] * 16 + greys[:, 1::2], (1, 0))
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 4, 0, 0, 0, 0),
        b"IDAT": zlib.compress(bytes(packed.flatten().tolist()), 9),
        b"IEND": b"",
    }
    file = b"\x89PNG\r\n\x1a\n"
    for kind, content in parts.items():
        checksum = zlib.crc32(kind + content)
        file += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
    return f"data:image/png;base64,{base64.b64encode(file).decode('ascii')}"
