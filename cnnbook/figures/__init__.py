"""Figures of the tensors they are given.

Every function returns its matplotlib figure and shows nothing. Colours are Okabe and Ito's, which
colour-blind readers can tell apart, on a white ground, which reads in a light and in a dark page.
For those who see no figure, each carries a text that says what is to be seen, with its numbers:
:func:`alt_text`.
"""

from cnnbook.figures._alt_text import alt_text
from cnnbook.figures._drawing import COLOURS
from cnnbook.figures.charts import (
    plot_bars,
    plot_curve_panels,
    plot_dot_rows,
    plot_losses,
    plot_seed_dots,
    plot_sizes,
    plot_yearly_bars,
)
from cnnbook.figures.fields import plot_receptive_field, plot_receptive_field_growth
from cnnbook.figures.images import (
    plot_feature_maps,
    plot_feature_rows,
    plot_feature_table,
    plot_images,
    plot_overlays,
)
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
    "plot_bars",
    "plot_confusion",
    "plot_conv_matrix",
    "plot_conv_options",
    "plot_curve_panels",
    "plot_dot_rows",
    "plot_equivariance",
    "plot_feature_maps",
    "plot_feature_rows",
    "plot_feature_table",
    "plot_images",
    "plot_losses",
    "plot_micro_batches",
    "plot_number_grids",
    "plot_overlap",
    "plot_overlays",
    "plot_pooling",
    "plot_pooling_shift",
    "plot_receptive_field",
    "plot_receptive_field_growth",
    "plot_seed_dots",
    "plot_sizes",
    "plot_window",
    "plot_yearly_bars",
]
