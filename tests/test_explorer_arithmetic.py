"""The arithmetic of the convolution explorer is the library's, and its links and tasks hold.

The script's functions know nothing of a page, so they run in an empty one, and thousands of
results come back from one call.
"""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import pytest
import torch
from explorer_data import (
    CONTROLS,
    TASKS,
    explorer_data,
    images,
    kernels,
    query_problems,
    task_query,
)
from playwright.sync_api import Browser, Page
from site_browser import needs_browser
from site_builds import ROOT

from cnnbook.conv_matrix import conv_matrix
from cnnbook.convolution import conv2d
from cnnbook.images import draw_garments
from cnnbook.kernels import (
    averaging_kernel,
    identity_kernel,
    laplacian_kernel,
    prewitt_kernel,
    sharpening_kernel,
    sobel_kernel,
)
from cnnbook.pooling import max_pool2d, relu
from cnnbook.shapes import derive_output_size
from cnnbook.windows import window_sum

STATIC = ROOT / "docs" / "_static"
DATA = explorer_data()


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    for name in ("dom.js", "conv-arithmetic.js"):
        opened.add_script_tag(path=STATIC / name)
    opened.evaluate("(data) => { window.data = JSON.parse(data); }", json.dumps(DATA))
    yield opened
    opened.close()


def _ask(page: Page, body: str, given: object) -> Any:
    """Run a function of ``given`` in the page. As one text, which is faster than many objects."""
    script = f"(text) => {{ const given = JSON.parse(text); {body} }}"
    return json.loads(page.evaluate(script, json.dumps(given)))


@dataclass(frozen=True, eq=False)
class _Case:
    """Image, kernel and options."""

    pixels: torch.Tensor
    weights: torch.Tensor
    bias: float
    options: dict[str, Any]
    relu: bool
    pool: int
    exact: bool

    def state(self) -> dict[str, Any]:
        return {
            "pixels": self.pixels.tolist(),
            "weights": self.weights.tolist(),
            "bias": self.bias,
            **self.options,
            "relu": self.relu,
            "pool": self.pool,
        }

    def fits(self) -> bool:
        stretch, more = self.options["dilation"], 2 * self.options["padding"]
        return all(
            size + more >= stretch * (weights - 1) + 1
            for size, weights in zip(self.pixels.shape, self.weights.shape, strict=True)
        )


def _cases(count: int, seed: int) -> list[_Case]:
    """Draw cases; where they are exact, no sum in float64 is rounded."""
    draw, generator = random.Random(seed), torch.Generator().manual_seed(seed)

    def numbers(rows: int, columns: int, exact: bool) -> torch.Tensor:
        if exact:
            made = torch.randint(-32, 33, (rows, columns), generator=generator) / 8
        else:
            made = torch.randn(rows, columns, generator=generator)
        return made.double()

    made = []
    for number in range(count):
        exact, largest = number % 2 == 0, 28 if number % 50 == 0 else 9
        made.append(
            _Case(
                numbers(draw.randint(1, largest), draw.randint(1, largest), exact),
                numbers(draw.randint(1, 5), draw.randint(1, 5), exact),
                draw.choice([0.0, 0.0, 0.5, -1.25, 3.0]),
                {
                    "stride": draw.randint(1, 3),
                    "padding": draw.randint(0, 3),
                    "dilation": draw.randint(1, 3),
                },
                draw.random() < 0.5,
                draw.choice([0, 0, 2, 3]),
                exact,
            )
        )
    return made


@cache
def _stages(case: _Case) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Compute with the library, and compare with torch: convolution, ReLU, MaxPool."""
    image, weight = case.pixels[None, None], case.weights[None, None]
    bias = torch.tensor([case.bias], dtype=torch.float64)
    output = conv2d(image, weight, bias, **case.options)
    theirs = torch.nn.functional.conv2d(image, weight, bias, **case.options)
    assert (output - theirs).abs().max() <= (0 if case.exact else 1e-12)
    rectified = relu(output) if case.relu else output
    if not case.pool:
        return output[0, 0], rectified[0, 0], rectified[0, 0]
    if min(output.shape[2:]) < case.pool:
        return output[0, 0], rectified[0, 0], None
    pooled = max_pool2d(rectified, case.pool)
    assert torch.equal(pooled, torch.nn.functional.max_pool2d(rectified, case.pool))
    return output[0, 0], rectified[0, 0], pooled[0, 0]


def _close(case: _Case, shown: list[list[float]], expected: torch.Tensor) -> None:
    given = torch.tensor(shown, dtype=torch.float64)
    assert given.shape == expected.shape
    assert (given - expected).abs().max() <= (0 if case.exact else 1e-12)


CASES = _cases(850, 0)


@needs_browser
def test_golden_cases_every_stage_is_the_librarys(page: Page) -> None:
    shown = _ask(
        page,
        "return JSON.stringify(given.map((state) => window.cnnbook.conv.compute(state)));",
        [case.state() for case in CASES],
    )
    compared = 0
    for case, stages in zip(CASES, shown, strict=True):
        if not case.fits():
            assert stages == {"output": [], "relu": [], "pool": []}
            with pytest.raises(ValueError, match="kernel"):
                conv2d(case.pixels[None, None], case.weights[None, None], **case.options)
            continue
        output, rectified, pooled = _stages(case)
        _close(case, stages["output"], output)
        _close(case, stages["relu"], rectified)
        if pooled is None:
            assert stages["pool"] == []
        else:
            _close(case, stages["pool"], pooled)
        compared += 1
    assert compared >= 500


_WINDOW = """
    const conv = window.cnnbook.conv;
    return JSON.stringify(given.map(([state, row, column, pixel, weight]) => {
      const total = conv.compute(state).output[row][column];
      return {
        sum: conv.windowSum(state, row, column, total),
        column: conv.matrixColumn(state, row, column),
        reached: conv.reached(state, ...pixel),
        joined: conv.joined(state, ...weight),
        sizes: [0, 1].map((axis) => conv.deriveSize(
          conv.sizeOf(state.pixels)[axis], conv.sizeOf(state.weights)[axis], state)),
      };
    }));
"""


@needs_browser
def test_sums_sizes_matrix_and_what_belongs_together_are_the_librarys(page: Page) -> None:
    draw = random.Random(1)
    asked = []
    for case in CASES:
        if not case.fits():
            continue
        output = _stages(case)[0]
        places = [
            tuple(draw.randrange(size) for size in grid.shape)
            for grid in (output, case.pixels, case.weights)
        ]
        asked.append((case, output, places))
    given = [[case.state(), *places[0], *places[1:]] for case, _, places in asked]
    for (case, output, places), shown in zip(asked, _ask(page, _WINDOW, given), strict=True):
        (row, column), pixel, weight = places
        image, kernel = case.pixels[None, None], case.weights[None, None]
        bias = torch.tensor([case.bias], dtype=torch.float64) if case.bias else None
        spelled = window_sum(image, kernel, bias, row=row, column=column, **case.options)
        left, _, right = str(spelled).rpartition(" = ")
        mine, _, total = shown["sum"].rpartition(" = ")
        # A pixel or a sum of -0 is written 0.
        assert mine == re.sub(r"\(-0\)", "0", left)
        assert float(total) == pytest.approx(float(right), rel=2e-3, abs=1e-12)
        assert not case.exact or total == (right if right != "-0" else "0")
        sizes = zip(case.pixels.shape, case.weights.shape, strict=True)
        assert shown["sizes"] == [
            str(derive_output_size(size, taps, **case.options)) for size, taps in sizes
        ]
        rows, columns = output.shape
        size = (case.pixels.shape[0], case.pixels.shape[1])
        matrix = conv_matrix(kernel, size, **case.options)
        assert shown["column"] == matrix[:, row * columns + column].tolist()
        # With weights that are all different from 0, entries that are 0 are outside the window.
        numbered = torch.arange(1.0, kernel.numel() + 1).reshape(kernel.shape)
        places_of = conv_matrix(numbered, size, **case.options)
        flat = pixel[0] * case.pixels.shape[1] + pixel[1]
        assert shown["reached"] == [
            {
                "row": place // columns,
                "column": place % columns,
                "weight": case.weights.flatten()[int(places_of[flat, place]) - 1].item(),
            }
            for place in places_of[flat].nonzero().flatten().tolist()
        ]
        tap = weight[0] * case.weights.shape[1] + weight[1] + 1
        inside = {
            (flat // case.pixels.shape[1], flat % case.pixels.shape[1], place)
            for flat, place in (places_of == tap).nonzero().tolist()
        }
        pairs = [(*one["pixel"], one["output"]) for one in shown["joined"]]
        assert len(pairs) == rows * columns
        found = {
            (down, right, at * columns + across)
            for down, right, (at, across) in pairs
            if 0 <= down < case.pixels.shape[0] and 0 <= right < case.pixels.shape[1]
        }
        assert found == inside


@needs_browser
def test_numbers_are_written_as_python_writes_them(page: Page) -> None:
    draw = random.Random(2)
    numbers = [draw.gauss(0, 10 ** draw.randint(-6, 6)) for _ in range(2000)]
    numbers += [draw.randint(-(2**20), 2**20) / 2 ** draw.randint(0, 12) for _ in range(2000)]
    numbers += [0.0, 0.00012345, 0.99995, 9999.5, 9999.4, 12345.0, 2.0625, 1.03125, -0.5, 1e-5]
    body = "return JSON.stringify(given.map(window.cnnbook.conv.fourDigits));"
    written = _ask(page, body, numbers)
    assert written == [f"{number:.4g}" for number in numbers]


TYPED: dict[str, float | None] = {
    "2": 2,
    " -0.5 ": -0.5,
    "1/4": 0.25,
    "-1 / 4": -0.25,
    "+3.": 3,
    ".5": 0.5,
    "1e-2": 0.01,
    "\u22121": -1,
    "\uff11\uff0f\uff14": 0.25,
    "\uff0d\uff12\uff0e\uff15": -2.5,
    "1000": 1000,
    "1001": None,
    "0,5": None,
    "2 3": None,
    "1/0": None,
    "0/0": None,
    "": None,
    "-": None,
    "seven": None,
    "1/2/3": None,
    "0x10": None,
    "Infinity": None,
    "1e999": None,
}


@needs_browser
def test_typed_numbers_are_read_or_refused(page: Page) -> None:
    body = """
        const { readNumber } = window.cnnbook.conv;
        return JSON.stringify(given.map((one) => readNumber(one, window.data.largest)));
    """
    read = _ask(page, body, list(TYPED))
    assert dict(zip(TYPED, read, strict=True)) == TYPED


def test_kernels_and_images_are_the_librarys() -> None:
    expected = {
        "average2": averaging_kernel(2),
        "average3": averaging_kernel(3),
        "identity": identity_kernel(3),
        "vertical": prewitt_kernel("x"),
        "horizontal": prewitt_kernel("y"),
        "sobel-x": sobel_kernel("x"),
        "sobel-y": sobel_kernel("y"),
        "laplacian": laplacian_kernel(),
        "sharpen": sharpening_kernel(),
    }
    for name, kernel in expected.items():
        assert DATA["kernels"][name]["weights"] == kernel.tolist()
    assert DATA["images"]["lecture"]["pixels"] == torch.arange(16.0).reshape(4, 4).tolist()
    garments, _ = draw_garments(40, generator=torch.Generator().manual_seed(0))
    pullover = torch.tensor(DATA["images"]["pullover"]["pixels"])
    assert pullover.shape == (28, 28)
    assert (pullover - garments[31, 0]).abs().max() <= 0.05 + 1e-6
    for one in DATA["images"].values():
        if one["code"]:
            names: dict[str, Any] = {"torch": torch, "F": torch.nn.functional}
            exec(one["code"], names)
            assert torch.equal(names["image"][0, 0], torch.tensor(one["pixels"]))


_CODE = """
    const { readQuery, compute, torchCode } = window.cnnbook.conv;
    return JSON.stringify(given.map((query) => {
      const { state } = readQuery(query, window.data);
      return [torchCode(state, window.data), compute(state).pool];
    }));
"""


@needs_browser
def test_the_code_that_is_shown_runs_and_gives_the_output(
    page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    queries = [f"image={name}&kernel=average2" for name in images()]
    queries += [f"image=square&kernel={name}&padding=1" for name in kernels()]
    queries += [
        "image=lecture&kernel=0.1,-2;3,1e-3&bias=-0.5&stride=2&padding=1&dilation=2",
        "image=pullover&kernel=sobel-x&relu=1&pool=2",
        "image=0,1,2;3,4,5&kernel=1000&bias=0.25&relu=1&padding=3&pool=3",
    ]
    for query, (code, shown) in zip(queries, _ask(page, _CODE, queries), strict=True):
        names: dict[str, Any] = {}
        exec(code, names)
        output = names["output"][0, 0]
        expected = torch.tensor(shown, dtype=torch.float32)
        torch.testing.assert_close(output, expected, rtol=1e-5, atol=1e-5, msg=query)
        assert capsys.readouterr().out.strip() == str(output)
        # The layers have the same sizes.
        assert names["net"](names["image"])[0, 0].shape == output.shape
        assert max(map(len, code.splitlines())) < 250


def _random_query(draw: random.Random) -> str:
    """Draw a query that the explorer can read in full."""

    def grid(most: int) -> str:
        columns = draw.randint(1, most)
        values = ["0", "1", "-1", "0.25", "-2.5", "12.125", "0.001"]
        return ";".join(
            ",".join(draw.choices(values, k=columns)) for _ in range(draw.randint(1, most))
        )

    given = [
        f"image={draw.choice([*images(), grid(12)])}",
        f"kernel={draw.choice([*kernels(), grid(5)])}",
        f"padding={draw.randint(2, 3)}",
    ]
    for name, value in (
        ("bias", draw.choice(["1", "-0.5", "0.125"])),
        ("stride", draw.randint(1, 3)),
        ("dilation", 1),
        ("relu", draw.randint(0, 1)),
        ("pool", draw.choice([0, 2, 3])),
        ("hide", ",".join(draw.sample(CONTROLS, draw.randint(1, 4)))),
        ("task", draw.choice(list(TASKS))),
        ("at", "0,0"),
    ):
        if draw.random() < 0.5:
            given.append(f"{name}={value}")
    draw.shuffle(given)
    return "&".join(given)


_LINKS = """
    const { readQuery, writeQuery } = window.cnnbook.conv;
    return JSON.stringify(given.map((query) => {
      const { state, problems } = readQuery(query, window.data);
      const written = writeQuery(state, window.data);
      const again = readQuery(written, window.data);
      const same = JSON.stringify(again.state) === JSON.stringify(state);
      return [problems, written, same, again.problems];
    }));
"""


@needs_browser
def test_links_round_trip(page: Page) -> None:
    draw = random.Random(3)
    queries = [_random_query(draw) for _ in range(500)]
    for query, (problems, written, same, again) in zip(
        queries, _ask(page, _LINKS, queries), strict=True
    ):
        # A kernel that is larger than the padded image has no output that could be pinned.
        assert [one for one in problems if not one.startswith("at=")] == []
        assert same, query
        assert again == []
        assert query_problems(query) == query_problems(written) == []
        given, kept = (parse_qs(one) for one in (query, written))
        assert given["image"] == kept["image"]


BAD = {
    "image=nobody": ["image=nobody"],
    "image=1,2;3": ["image=1,2;3"],
    "image=": ["image="],
    "image=__proto__&kernel=constructor&task=toString": [
        "image=__proto__",
        "kernel=constructor",
        "task=toString",
    ],
    "kernel=1,2,3,4,5,6": ["kernel=1,2,3,4,5,6"],
    "kernel=1,x": ["kernel=1,x"],
    "kernel=1e9": ["kernel=1e9"],
    "stride=0&padding=4&dilation=two&pool=1&relu=2": [
        *("stride=0", "padding=4", "dilation=two", "relu=2", "pool=1")
    ],
    "stride=-1": ["stride=-1"],
    "bias=NaN": ["bias=NaN"],
    "at=3,0": ["at=3,0"],
    "at=1": ["at=1"],
    "at=-1,0": ["at=-1,0"],
    "hide=image,nothing": ["hide=image,nothing"],
    "task=sleep": ["task=sleep"],
    "highlight=kernel&present": [],
    "": [],
    "%E0%A4%A": [],
}


@needs_browser
def test_what_cannot_be_read_is_named_and_the_rest_is_as_at_the_start(page: Page) -> None:
    body = """
        const { readQuery } = window.cnnbook.conv;
        return JSON.stringify(given.map((query) => readQuery(query, window.data)));
    """
    first, *read = _ask(page, body, ["", *BAD])
    for (query, problems), got in zip(BAD.items(), read, strict=True):
        assert got["problems"] == problems, query
        if query != "hide=image,nothing":
            assert got["state"] == first["state"], query
    # Python says the same of what needs no arithmetic.
    for query, problems in BAD.items():
        if "=" in query and not query.startswith(("highlight", "at=3")):
            assert sorted(query_problems(query)) == sorted(problems), query


@needs_browser
def test_no_query_whatever_throws_or_makes_a_state_without_numbers(page: Page) -> None:
    draw = random.Random(4)
    signs = "imagekernelstridepaddingat=&,;.-0123456789%#?+ \u00e9\ub098"
    queries = ["".join(draw.choices(signs, k=draw.randint(0, 60))) for _ in range(1000)]
    names = [
        "image",
        "kernel",
        "bias",
        "stride",
        "padding",
        "dilation",
        "relu",
        "pool",
        "at",
        "hide",
    ]
    queries += [
        "&".join(
            f"{name}={''.join(draw.choices('0123456789,;.-e', k=draw.randint(0, 8)))}"
            for name in draw.sample(names, 4)
        )
        for _ in range(2000)
    ]
    body = """
        const { readQuery, compute, writeQuery } = window.cnnbook.conv;
        return JSON.stringify(given.filter((query) => {
          const { state } = readQuery(query, window.data);
          const again = readQuery(writeQuery(state, window.data), window.data);
          const numbers = compute(state).pool.flat();
          return again.problems.length || !numbers.every(Number.isFinite);
        }));
    """
    assert _ask(page, body, queries) == []


# A solution of each task, as a change of its start, and what looks like one.
SOLUTIONS = {
    "all-ones": "kernel=-1,1;0,0",
    "halve": "stride=2&padding=1",
    "same-size": "padding=2",
    "receptive-field": "dilation=2",
    "undo": "kernel=identity&padding=1",
    "shift": "kernel=0,0,0;1,0,0;0,0,0",
    "invert": "kernel=-1&bias=1",
    "vertical-edge": "kernel=vertical",
    "left-edge": "kernel=-1,1&relu=1",
    "draw": "image=0,0,0,0,0,1;0,0,0,0,0,1;0,0,0,0,0,1;0,0,0,0,0,1;0,0,0,0,0,1;0,0,0,0,0,1",
}
NEARLY = {
    "all-ones": "kernel=0,0;0,0&bias=1",
    "halve": "stride=2",
    "same-size": "kernel=1",
    "receptive-field": "kernel=1,1,1,1,1;1,1,1,1,1;1,1,1,1,1;1,1,1,1,1;1,1,1,1,1",
    "undo": "kernel=1",
    "shift": "kernel=0,0,0;0,0,1;0,0,0",
    "invert": "kernel=-1",
    "vertical-edge": "kernel=laplacian",
    "left-edge": "kernel=1,-1&relu=1",
    "draw": "image=0,0,0,0,0,2;0,0,0,0,0,0;0,0,0,0,0,0",
}


def _with(query: str, change: str) -> str:
    names = {one.split("=")[0] for one in change.split("&")}
    kept = [one for one in query.split("&") if one.split("=")[0] not in names]
    return "&".join([*kept, change])


@needs_browser
def test_each_task_is_solved_by_its_solution_and_not_before(page: Page) -> None:
    assert list(TASKS) == list(SOLUTIONS) == list(NEARLY)
    body = """
        const { readQuery, compute, solved, taskNames } = window.cnnbook.conv;
        const ask = (query) => { const { state, problems } = readQuery(query, window.data);
          return problems.length ? problems : solved(state, compute(state)); };
        return JSON.stringify([taskNames, given.map((queries) => queries.map(ask))]);
    """
    queries = [
        [task_query(name), _with(task_query(name), NEARLY[name]), _with(task_query(name), answer)]
        for name, answer in SOLUTIONS.items()
    ]
    names, asked = _ask(page, body, queries)
    assert names == list(TASKS)
    assert [[name, *solved] for name, solved in zip(names, asked, strict=True)] == [
        [name, False, False, True] for name in TASKS
    ]
    for name in TASKS:
        assert query_problems(task_query(name)) == []
        # What the solution changes is not hidden.
        hidden = set(parse_qs(task_query(name))["hide"][0].split(","))
        assert not hidden & {one.split("=")[0] for one in SOLUTIONS[name].split("&")}


def _linked_queries() -> list[tuple[str, str]]:
    found = []
    for path in [*(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.py")]:
        text = path.read_text("utf-8")
        for query in re.findall(r"play(?:\.html|\.md)?\?([^)\s`#>\"]*)", text):
            found.append((path.name, query.replace("&amp;", "&")))
    return found


def test_the_page_names_what_links_can_name() -> None:
    text = (ROOT / "docs" / "play.md").read_text("utf-8")
    for name in (*images(), *kernels(), *CONTROLS):
        assert f"`{name}`" in text, name


def test_every_link_in_the_book_can_be_read() -> None:
    linked = _linked_queries()
    assert ("play.md", "image=pullover&kernel=sobel-x&hide=matrix,code") in linked
    others = {"present"}
    assert {
        (name, problem)
        for name, query in linked
        if query not in others
        for problem in query_problems(query)
    } == set()
