"""Fashion-MNIST for ``cnnbook.images``: registry, download, cache and the synthetic stand-in."""
