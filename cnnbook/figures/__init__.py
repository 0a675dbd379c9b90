"""Figures of the tensors they are given.

Every function returns its matplotlib figure and shows nothing. Colours are Okabe and Ito's, which
colour-blind readers can tell apart, on a white ground, which reads in a light and in a dark page.
For those who see no figure, each carries a text that says what is to be seen, with its numbers:
:func:`alt_text`.
"""

from cnnbook.figures._alt_text import alt_text
from cnnbook.figures._drawing import COLOURS
from cnnbook.figures.charts import (
    bars,
    curve_panels,
    dot_rows,
    loss_curves,
    seed_dots,
    size_panels,
    yearly_bars,
)
from cnnbook.figures.fields import field_growth, field_picture
from cnnbook.figures.images import (
    feature_maps,
    feature_rows,
    feature_table,
    image_grid,
    overlay_rows,
)
from cnnbook.figures.pooling import overlap_picture, pooling_picture, pooling_strips
from cnnbook.figures.training import confusion_heatmaps, pieces_picture
from cnnbook.figures.windows import (
    knob_panels,
    matrix_pictures,
    number_grids,
    two_ways,
    window_picture,
)

__all__ = [
    "COLOURS",
    "alt_text",
    "bars",
    "confusion_heatmaps",
    "curve_panels",
    "dot_rows",
    "feature_maps",
    "feature_rows",
    "feature_table",
    "field_growth",
    "field_picture",
    "image_grid",
    "knob_panels",
    "loss_curves",
    "matrix_pictures",
    "number_grids",
    "overlap_picture",
    "overlay_rows",
    "pieces_picture",
    "pooling_picture",
    "pooling_strips",
    "seed_dots",
    "size_panels",
    "two_ways",
    "window_picture",
    "yearly_bars",
]
