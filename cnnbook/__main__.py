"""Report what a bug report needs: versions, device, and where the data is.

This is ``python -m cnnbook``.
"""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import torch

from cnnbook._devices import best_device
from cnnbook.images import main as report_data

__all__ = ["main"]

_PACKAGES = ("cnnbook", "torch", "torchvision", "numpy", "matplotlib")


def main() -> int:
    """Print the report and return the exit code, 0."""
    print(f"python       {platform.python_version()} on {platform.platform()}")
    for package in _PACKAGES:
        try:
            print(f"{package:12} {version(package)}")
        except PackageNotFoundError:
            print(f"{package:12} not installed")
    device = best_device()
    name = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    print(f"device       {device}{name}, {torch.get_num_threads()} threads")
    print("Fashion-MNIST, every folder that a load searches:")
    report_data([])
    return 0


if __name__ == "__main__":
    sys.exit(main())
