"""The kinds of answers, and how an answer of each kind becomes numbers that can be compared."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from cnnbook.exercises._language import translate
from cnnbook.exercises._messages import LIBRARY, Unreadable, say
from cnnbook.exercises._reading import describe_type, to_tensor

__all__ = ["Function", "Kind", "Layer", "Numbers"]


class Kind(Protocol):
    """What an exercise asks for, and how an answer of that kind becomes numbers.

    Examples:
        >>> from cnnbook.exercises._answers import Kind, Numbers
        >>> kind: Kind = Numbers("one number")
        >>> kind.read(2)
        {'the answer': tensor(2., dtype=torch.float64)}
    """

    @property
    def description(self) -> str:
        """Describe what is asked for, such as "one number"."""

    def read(self, answer: object) -> Mapping[str, torch.Tensor | Unreadable]:
        """Return the answer's results, each by what a message calls it.

        A result that has no numbers is the reason for that, so that the results before it can still
        be compared.
        """


@dataclass(frozen=True)
class Numbers:
    """Asks for one number, or for several in a list or a tensor.

    Attributes:
        description: What is asked for, such as "one number".

    Examples:
        >>> from cnnbook.exercises._answers import Numbers
        >>> Numbers("a grid of numbers").read([[1, 2], [3, 4]])["the answer"].tolist()
        [[1.0, 2.0], [3.0, 4.0]]
        >>> Numbers("one number").read("three")
        Traceback (most recent call last):
            ...
        cnnbook.exercises._messages.Unreadable: the text 'three' is not a number: write \
only numbers, such as 0.5, 1/2 or [1, 2].
    """

    description: str

    def read(self, answer: object) -> dict[str, torch.Tensor | Unreadable]:
        """Return the numbers in float64, which can represent every number that is asked for."""
        if callable(answer) and not isinstance(answer, torch.Tensor):
            raise Unreadable(
                say("call_it", asked=translate(self.description), given=describe_type(answer))
            )
        return {say("the_answer"): to_tensor(answer)}


@dataclass(frozen=True)
class Layer:
    """Asks for a ``Conv2d``, and applies it to images.

    Attributes:
        images: Makes the images.
        measure: Takes layer and images and returns facts by their names; by default the layer's
            output is compared.

    Examples:
        >>> import torch
        >>> from cnnbook.exercises._answers import Layer
        >>> from cnnbook.kernels import averaging_conv
        >>> kind = Layer(lambda: torch.ones(1, 1, 2, 2))
        >>> kind.read(averaging_conv(2))["the output"].tolist()
        [[[[1.0]]]]
        >>> kind.read(torch.nn.AvgPool2d(2))
        Traceback (most recent call last):
            ...
        cnnbook.exercises._messages.Unreadable: the exercise asks for a Conv2d, and the answer is \
the layer AvgPool2d.
    """

    images: Callable[[], torch.Tensor]
    measure: Callable[[torch.nn.Conv2d, torch.Tensor], dict[str, object]] | None = None
    description: str = LIBRARY["a_conv"]

    def read(self, answer: object) -> dict[str, torch.Tensor | Unreadable]:
        """Return what a copy of the layer computes, in evaluation mode on the CPU."""
        while isinstance(answer, torch.nn.Sequential) and len(answer) == 1:
            answer = answer[0]
        if not isinstance(answer, torch.nn.Conv2d):
            given = describe_type(answer)
            if isinstance(answer, torch.nn.Module):
                raise Unreadable(say("other_layer", given=given))
            if isinstance(answer, type) and issubclass(answer, torch.nn.Module):
                raise Unreadable(say("class_of_layer", given=given, name=answer.__name__))
            raise Unreadable(say("no_layer", given=given))
        # The dtype of torch.zeros and torch.tensor is the reader's default.
        images = self.images().to(torch.float32)
        try:
            # A copy: a lazy layer takes its shape from the first image that it sees.
            layer = copy.deepcopy(answer).eval().to("cpu", torch.float32)
            with torch.no_grad():
                if self.measure is None:
                    return {say("the_output"): _read_result(layer(images), "layer")}
                facts = self.measure(layer, images)
        except Exception as error:
            raise Unreadable(_describe_error("layer", error, [images])) from None
        return {name: to_tensor(value) for name, value in facts.items()}


@dataclass(frozen=True)
class Function:
    """Asks for a function, and calls it.

    Attributes:
        calls: Makes the arguments of each call.

    Examples:
        >>> from cnnbook.exercises._answers import Function
        >>> Function(lambda: [(2, 3)]).read(lambda a, b: a * b)
        {'the result for 2 and 3': tensor(6., dtype=torch.float64)}
    """

    calls: Callable[[], Sequence[tuple[object, ...]]]
    description: str = LIBRARY["a_function"]

    def read(self, answer: object) -> dict[str, torch.Tensor | Unreadable]:
        """Return what the function returns for each call."""
        if isinstance(answer, type) or not callable(answer):
            raise Unreadable(say("no_function", given=describe_type(answer)))
        return {
            say("the_result", arguments=_show(given)): _call(answer, given)
            for given in self.calls()
        }


def _call(
    function: Callable[..., object], arguments: tuple[object, ...]
) -> torch.Tensor | Unreadable:
    # Copies, so that a function that changes its arguments is judged by what it returns. Calling
    # `exit` in a function must not end the reader's program.
    try:
        return _read_result(function(*copy.deepcopy(arguments)), "function")
    except Unreadable as reason:
        return reason
    except (Exception, SystemExit) as error:
        return Unreadable(_describe_error("function", error, arguments))


def _show(arguments: Sequence[object]) -> str:
    """Write arguments so that a reader can repeat a call; of large tensors, only the shape."""

    def one(value: object) -> str:
        if not isinstance(value, torch.Tensor):
            return repr(value)
        if value.numel() <= 9:
            return str(value.tolist())
        dtype = str(value.dtype).removeprefix("torch.")
        # English says "an int64 tensor".
        key = "argument_int_tensor" if dtype.startswith("int") else "argument_tensor"
        return say(key, dtype=dtype, shape=tuple(value.shape))

    *first, last = (one(value) for value in arguments)
    return say("arguments", first=", ".join(first), last=last) if first else last


def _describe_error(kind: str, error: BaseException, arguments: Sequence[object]) -> str:
    first_line = (str(error).splitlines() or [""])[0]
    name = type(error).__name__
    return say(f"{kind}_raised", error=name, arguments=_show(arguments), message=first_line)


def _read_result(value: object, kind: str) -> torch.Tensor:
    if value is None:
        raise Unreadable(say(f"{kind}_none"))
    try:
        if isinstance(value, str):
            raise Unreadable(say("was_text"))
        return to_tensor(value)
    except Unreadable as reason:
        raise Unreadable(say(f"{kind}_other", reason=reason)) from None
