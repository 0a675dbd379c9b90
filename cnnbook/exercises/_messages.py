"""Every text of a verdict, as one whole sentence with named places for what changes.

The language is chosen here and nowhere else (``_language.py``). A sentence is never put together
from parts of sentences, since another language has another order. What fills a place is a number, a
name from the reader's code, a text of the exercise, or one of the noun phrases below. One and many
have a sentence each.
"""

from cnnbook.exercises._language import fill, translate

__all__ = ["LIBRARY", "SHARED", "Unreadable", "say"]

# What numbers that were typed can get. The browser grades them, too, with these same texts.
SHARED = {
    # Verdicts
    "no_text": "No answer yet: the text is empty.",
    "right": "Right.",
    "right_remark": "Right. {remark}",
    "mistake": "Not yet: {mistake}. {advice}",
    "wrong": "Not yet: {reason}",
    # How a text was read
    "read_one": "one number: {number}",
    "read_row": "{count} numbers: {numbers}",
    "read_grid": "{size} numbers: {numbers}",
    "read_none": "no number",
    # Why a text cannot be read
    "not_a_number": (
        "the text '{text}' is not a number: write only numbers, such as 0.5, 1/2 or [1, 2]."
    ),
    "calculation": "the text '{text}' is a calculation: hand in its result.",
    "one_or_two": (
        "{text} can be {one} or the two numbers {first} and {second}: write {one}, or "
        "[{first}, {second}]."
    ),
    "one_or_several": "{text} can be one number or several: write {one}, or [{several}].",
    "ragged": "the rows have different lengths.",
    # What a sentence below calls the numbers
    "the_answer": "the answer",
    # What is wrong with one number
    "not_whole": "{number} is not a whole number.",
    "sign": "{number} is wrong only in its sign.",
    "rounded": "{number} is nearly right: compute with more decimals, and round at the end.",
    "too_large": "{number} is too large.",
    "too_small": "{number} is too small.",
    # What is wrong with several numbers
    "nan": '{name} contains NaN, "not a number", as 0 / 0 gives it.',
    "infinity": "{name} contains infinity: a number was divided by 0 or grew too large.",
    "empty": "{name} is empty: its shape is {shape}.",
    "result_of_shape": "that is the result and not its shape: hand in the shape.",
    "several": "{name} has {count} numbers, and the exercise asks for {asked}.",
    "single": "{name} is a single number, and the exercise asks for {asked}.",
    "axes": "{name} has the shape {shape}, and the exercise asks for {asked}.",
    "too_many": "{name} has {count} numbers, which is too many.",
    "too_few": "{name} has {count} numbers, which is too few.",
    "shape_swapped": "{name} has the shape {shape}: rows and columns are swapped.",
    "shape_off_by_one": "{name} has the shape {shape}, which is off by one.",
    "shape": "{name} has the wrong shape, {shape}.",
    "right_numbers_in_one_row": (
        "the numbers are right, but {name} has the shape {shape}: the numbers belong in one row."
    ),
    "right_numbers_order": (
        "the numbers are right, but {name} has the shape {shape}: look at the order of its axes."
    ),
    "right_numbers_axis_missing": (
        "the numbers are right, but {name} has the shape {shape}: an axis is missing."
    ),
    "right_numbers_axis_too_many": (
        "the numbers are right, but {name} has the shape {shape}: that is an axis too many."
    ),
    "order": "{name} has the right numbers in another order.",
    "swapped": "{name} has its rows and columns swapped.",
    "rows_reversed": "{name} has its rows in reverse order: something was flipped.",
    "columns_reversed": "{name} has its columns in reverse order: something was flipped.",
    "both_reversed": "{name} has its rows and columns in reverse order: something was flipped.",
    "every_sign": "every number of {name} has the wrong sign.",
    "one_wrong": "1 of {total} numbers is wrong, the one at index {index}.",
    "several_wrong": "{count} of {total} numbers are wrong, the first at index {index}.",
}

# What else an answer in Python can get.
LIBRARY = {
    "no_answer": "No answer yet: put yours in the place of `...`.",
    "reading_raised": (
        "the exercise asks for {asked}, and the answer, of type {type}, cannot be read: that "
        "raised {error}."
    ),
    # The kinds of answers
    "one_number": "one number",
    "row_of_numbers": "a row of numbers",
    "tensor_of_axes": "a tensor of {count} axes",
    "a_conv": "a Conv2d",
    "a_function": "a function",
    "a_class": "the class {name}",
    "a_layer": "the layer {name}",
    "a_tensor": "a tensor",
    "text": "text",
    "a_value": "a value of type {type}",
    # Numbers
    "call_it": (
        "the exercise asks for {asked}, and the answer is {given}: call it and hand in the result."
    ),
    "no_number": "{given} is not a number.",
    "iterator": "{given} is not a number. Make a list of it with `list`.",
    "complex": "the numbers are complex, and real ones are asked for.",
    "meta": "the tensor is on the device meta, which stores no numbers.",
    "far_too_many": "there are {count} numbers, far more than the exercise asks for.",
    # Layers
    "other_layer": "the exercise asks for a Conv2d, and the answer is {given}.",
    "no_layer": (
        "the exercise asks for a Conv2d, and the answer is {given}: hand in the layer itself."
    ),
    "class_of_layer": (
        "the exercise asks for a Conv2d, and the answer is {given}: make a layer of it, with "
        "{name}(...)."
    ),
    "the_output": "the output",
    "layer_raised": "the layer raised {error} when called with {arguments}: {message}",
    "layer_none": "the layer returned None: it needs a `return`.",
    "layer_other": "the layer returned something else than numbers: {reason}",
    "other_fact": "{name}, {number}, is not the one that is asked for.",
    "off": "every number of {name} is off by the same amount. Check the bias.",
    "off_by_channel": "in each channel, {name} is off by the same amount. Check the biases.",
    # Functions
    "no_function": (
        "the exercise asks for a function, and the answer is {given}: hand in the function itself, "
        "by its name, without quotes or parentheses."
    ),
    "the_result": "the result for {arguments}",
    "arguments": "{first} and {last}",
    "argument_tensor": "a {dtype} tensor of shape {shape}",
    "argument_int_tensor": "an {dtype} tensor of shape {shape}",
    "function_raised": "the function raised {error} when called with {arguments}: {message}",
    "function_none": "the function returned None: it needs a `return`.",
    "function_other": "the function returned something else than numbers: {reason}",
    "was_text": "that was text.",
    # What is wrong with what a layer or a function returns
    "result_sign": "{name} is {number}, which is wrong only in its sign.",
    "result_rounded": (
        "{name} is {number}, which is nearly right: compute with more decimals, and round at the "
        "end."
    ),
    "result_too_large": "{name} is {number}, which is too large.",
    "result_too_small": "{name} is {number}, which is too small.",
    "right_numbers_of_images": (
        "the numbers are right, but {name} has the shape {shape}: images have four axes, (images, "
        "channels, rows, columns)."
    ),
    "channels": "{name} has the right channels in another order.",
    "every_rounded": (
        "every number of {name} is nearly right, as if something was rounded on the way: write "
        "fractions such as 1/3, and compute in float32."
    ),
    "one_wrong_of": "1 of {total} numbers of {name} is wrong, the one at index {index}.",
    "several_wrong_of": (
        "{count} of {total} numbers of {name} are wrong, the first at index {index}."
    ),
    # What a function must not use
    "other_operation": (
        "the numbers are right, but the function uses `{operation}`; only ReLU, plus and minus are "
        "allowed."
    ),
    "no_relu": "the numbers are right, but the function does not use torch's ReLU.",
    # How a function must leave a network
    "recorded": "the scores are right, but torch has recorded them for `backward`.",
    "left_evaluating": (
        "the scores are right, but a network that was in training mode is in evaluation mode "
        "afterwards."
    ),
    "left_training": (
        "the scores are right, but a network that was in evaluation mode is in training mode "
        "afterwards."
    ),
}

_TEXTS = SHARED | LIBRARY


class Unreadable(Exception):
    """The answer is wrong whatever numbers it contains; the message says why."""


def say(key: str, **values: object) -> str:
    """Fill the places of a text, in the reader's language.

    Args:
        key: The name of the text.
        values: What comes into each of its places.

    Examples:
        >>> from cnnbook.exercises._messages import say
        >>> say("too_large", number=8)
        '8 is too large.'
    """
    return fill(translate(_TEXTS[key]), values)
