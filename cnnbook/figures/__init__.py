"""Figures that draw the tensors and numbers given to them.

Every function returns its matplotlib figure and shows nothing. The colours are made after those of
Okabe and Ito, which colour-blind readers can tell apart; each network and each sign has one in the
whole book. The site draws each figure a second time for its dark theme. Each figure carries a
description with its numbers for readers who cannot see it: :func:`alt_text`.
"""

from cnnbook.figures._alt_text import alt_text
from cnnbook.figures._themes import COLOURS
from cnnbook.figures.browse import browse_confusion, browse_shuffle
from cnnbook.figures.charts import (
    plot_bars,
    plot_curves,
    plot_functions,
    plot_seeds,
    plot_sizes,
)
from cnnbook.figures.colour import plot_channel_sum, plot_colour_images
from cnnbook.figures.fields import plot_receptive_field, plot_receptive_field_growth
from cnnbook.figures.images import (
    plot_feature_maps,
    plot_feature_table,
    plot_images,
    plot_map_rows,
)
from cnnbook.figures.layers import plot_layers
from cnnbook.figures.live import browse_network
from cnnbook.figures.networks import plot_networks
from cnnbook.figures.pooling import plot_overlap, plot_pooling, plot_pooling_shift
from cnnbook.figures.training import plot_confusion, plot_micro_batches
from cnnbook.figures.windows import (
    plot_conv_matrix,
    plot_conv_options,
    plot_equivariance,
    plot_number_grids,
    plot_window,
)

__all__ = [
    "COLOURS",
    "alt_text",
    "browse_confusion",
    "browse_network",
    "browse_shuffle",
    "plot_bars",
    "plot_channel_sum",
    "plot_colour_images",
    "plot_confusion",
    "plot_conv_matrix",
    "plot_conv_options",
    "plot_curves",
    "plot_equivariance",
    "plot_feature_maps",
    "plot_feature_table",
    "plot_functions",
    "plot_images",
    "plot_layers",
    "plot_map_rows",
    "plot_micro_batches",
    "plot_networks",
    "plot_number_grids",
    "plot_overlap",
    "plot_pooling",
    "plot_pooling_shift",
    "plot_receptive_field",
    "plot_receptive_field_growth",
    "plot_seeds",
    "plot_sizes",
    "plot_window",
]
