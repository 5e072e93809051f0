"""Pictures, recordings and pages as documents: well formed, and text stays text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pyte
import pytest
from rich.cells import cell_len

from export.recordings import EVIL, FINAL, MASK, RUNS, commit, end, head, step, token, write
from hoshikage_cli.export.cast import ROWS, cast
from hoshikage_cli.export.page import page
from hoshikage_cli.export.picture import CELL, MARGIN, picture
from hoshikage_cli.export.timeline import timeline
from hoshikage_cli.settings.declared import VIEWS
from hoshikage_cli.trace import read_trace

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(params=list(RUNS))
def kind(request):
    return request.param


@pytest.fixture
def recording(kind, tmp_path):
    return read_trace(write(tmp_path / "run.jsonl", RUNS[kind]))


def test_the_recordings_say_what_they_should(recording, kind):
    run = recording.play()
    list(run)
    assert run.result().text == FINAL[kind]


# --------------------------------------------------------------------------------- time


def test_a_timeline_is_stretched_compressed_or_as_asked(recording):
    assert timeline(recording)[-1] == pytest.approx(4)
    assert timeline(recording, 7.5)[-1] == pytest.approx(7.5)
    assert timeline(recording) == sorted(timeline(recording))


# ------------------------------------------------------------------------------ pictures


@pytest.mark.parametrize("view", [None, *VIEWS])
@pytest.mark.parametrize("columns", [20, 40, 80])
def test_a_picture_is_well_formed_and_fits(recording, view, columns):
    document = picture(recording, view, columns, None)
    root = ElementTree.fromstring(document)
    width = float(root.get("width"))
    assert width == round(columns * CELL + 2 * MARGIN)
    for part in root.iter(f"{SVG}text"):
        assert float(part.get("x")) + float(part.get("textLength")) <= width - MARGIN + 0.1
        assert float(part.get("textLength")) == pytest.approx(cell_len(part.text) * CELL, abs=0.1)


def test_a_picture_has_no_script_and_nothing_from_elsewhere(recording):
    document = picture(recording, "confidence", 80, None)
    root = ElementTree.fromstring(document)
    names = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert names <= {"svg", "title", "desc", "style", "rect", "text", "g"}
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", document)
    assert "url(" not in document
    assert "@import" not in document
    shown = "".join(part.text for part in root.iter(f"{SVG}text"))
    assert EVIL.replace(" ", "") in shown.replace(" ", "")
    assert not any(ord(c) < 32 for c in shown)


def test_what_a_picture_moves_is_declared(recording):
    document = picture(recording, "tokens", 80, 10)
    style = ElementTree.fromstring(document).find(f"{SVG}style").text
    named = set(re.findall(r"animation:(\w+)", style))
    assert named == set(re.findall(r"@keyframes (\w+)", style))
    assert "prefers-reduced-motion" in style
    assert "13.00s" in style
    assert style.count("{") == style.count("}")


@pytest.mark.parametrize("kind", ["revised"], indirect=True)
@pytest.mark.parametrize("view", VIEWS)
def test_a_picture_shows_what_stood_there_for_a_while(recording, view):
    root = ElementTree.fromstring(picture(recording, view, 80, 10))
    passing = [part for part in root.iter() if "gone" in part.get("class", "").split()]
    found = [(part.tag.removeprefix(SVG), part.get("class")) for part in passing]
    assert sorted(found) == [
        ("rect", "back gone s2t3"),
        ("rect", "back gone s2t3"),
        ("text", "edit gone s1t2"),
        ("text", "gone s0t1"),
        ("text", "gone s1t2"),
        ("text", "gone s3t4"),
    ]


def keyframes(document):
    """Each animation's frames as {property} sets, by name."""
    style = ElementTree.fromstring(document).find(f"{SVG}style").text
    found = re.findall(r"@keyframes (\w+)\{((?:[^{}]+\{[^{}]*\})+)\}", style)
    frames = {name: re.findall(r"\{([^{}]*)\}", body) for name, body in found}
    return {
        name: [dict(rule.split(":") for rule in frame.split(";")) for frame in each]
        for name, each in frames.items()
    }


@pytest.mark.parametrize("view", VIEWS)
def test_every_frame_of_a_movement_says_all_that_moves(recording, view):
    """A property that the last frame leaves out drifts back over the rest of the loop."""
    for frames in keyframes(picture(recording, view, 80, 10)).values():
        assert len({frozenset(frame) for frame in frames}) == 1


def test_new_text_is_as_all_other_text_when_it_has_settled(recording, kind):
    moving = keyframes(picture(recording, "tokens", 80, 10))
    new = [frames for name, frames in moving.items() if name.startswith("n")]
    assert bool(new) == (kind != "autoregressive")
    for frames in new:
        assert frames[0]["fill"] == frames[1]["fill"] == "var(--new)"
        assert frames[-1]["fill"] == "var(--ink)"


def test_only_masks_are_drawn_as_masks(recording):
    """What an autoregressive model has not written yet is no mask, but nothing."""
    root = ElementTree.fromstring(picture(recording, None, 80, 10))
    bars = [bar for bar in root.iter(f"{SVG}rect") if bar.get("class", "").split()[:1] == ["m"]]
    title = root.find(f"{SVG}title").text
    assert bool(bars) == recording.has_masks
    assert ("unmasking" in title) == recording.has_masks


@pytest.mark.parametrize(("theme", "count"), [("auto", 1), ("light", 0), ("dark", 0)])
def test_the_colours_of_a_picture(recording, theme, count):
    document = picture(recording, None, 80, None, theme)
    assert document.count("prefers-color-scheme") == count
    assert ("#0d1117" in document) == (theme != "light")


# ---------------------------------------------------------------------------- recordings


@pytest.mark.parametrize("view", [None, *VIEWS])
@pytest.mark.parametrize("columns", [40, 80])
def test_a_cast_plays_on_a_terminal(recording, kind, view, columns):
    head, *events = map(json.loads, cast(recording, view, columns, 5).splitlines())
    assert (head["version"], head["width"], head["height"]) == (2, columns, ROWS)
    times = [time for time, _, _ in events]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(6)
    screen = pyte.Screen(columns, ROWS)
    stream = pyte.Stream(screen)
    for _, code, data in events:
        assert code == "o"
        stream.feed(data)
    shown = "".join("".join(screen.display).split())
    assert "5steps" in shown or "4steps" in shown
    assert "linetwo" in shown
    assert "".join(EVIL.split()) in shown


def test_a_cast_has_no_controls_of_the_model(recording):
    data = "".join(json.loads(line)[2] for line in cast(recording, None, 80, 5).splitlines()[1:])
    assert "\x1b[31m" not in data
    assert "\x00" not in data
    assert "\u202e" not in data


# --------------------------------------------------------------------------------- pages


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of each kind."""

    def __init__(self, document):
        super().__init__()
        self.found, self.open, self.text = [], [], {}
        self.feed(document)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        self.text.setdefault(self.open[-1] if self.open else "", []).append(data)


def test_a_page_needs_nothing_but_itself(recording):
    found = Elements(page([recording], None, None)).found
    assert not {"link", "img", "iframe", "object", "embed"} & {tag for tag, _ in found}
    for _, attributes in found:
        assert not {"src", "href", "action"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)


def test_the_text_of_a_page_is_text(recording, kind):
    elements = Elements(page([recording], None, None))
    scripts = [attributes for tag, attributes in elements.found if tag == "script"]
    assert scripts == [{"id": "data", "type": "application/json"}, {}]
    assert EVIL in "".join(elements.text["pre"])
    assert "<b>model</b>" in "".join(elements.text["h1"])
    assert not [attributes for tag, attributes in elements.found if tag == "b"]


def test_a_page_runs_its_own_script_and_no_other(recording):
    document = page([recording], None, None)
    script = re.search(r"<script>(.*?)</script>", document, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in document


def test_the_data_of_a_page_adds_up(recording, kind):
    document = page([recording], "order", 9)
    embedded = re.search(r'type="application/json">(.*?)</script>', document, re.S)[1]
    whole = json.loads(embedded)
    assert whole["view"] == "order"
    (data,) = whole["runs"]
    assert data["steps"][-1]["at"] == pytest.approx(9)
    texts = list(data["canvas"])
    for told in data["steps"]:
        for position, text in told["texts"]:
            texts[position : position + 1] = [text]
    assert texts == data["final"]
    assert "".join(texts[data["prompt"] :]) == FINAL[kind]


def long_run(tokens, grows=False):
    """A run of one token a step, which lengthens what a page must not look through each time."""
    places = range(1, tokens + 1)
    steps = [step(i, tokens, 0, commit(p, 2 + p % 12, 0.5)) for i, p in enumerate(places)]
    masks = [] if grows else [None] * tokens
    return [head([token(2), *masks], None if grows else MASK, tokens), *steps, end()]


@pytest.mark.parametrize("grows", [False, True])
def test_the_work_for_a_page_grows_with_the_run_and_not_with_its_square(tmp_path, grows):
    """Were every step to look at every position, twice the run would be four times the work."""

    class Counting(dict):
        asked = 0

        def __getitem__(self, token):
            self.asked += 1
            return super().__getitem__(token)

    asked, sizes = [], []
    for tokens in (200, 400):
        recording = read_trace(write(tmp_path / "run.jsonl", long_run(tokens, grows)))
        pieces = Counting(recording.pieces)
        document = page([replace(recording, pieces=pieces)], None, None)
        data = re.search(r'type="application/json">(.*?)</script>', document, re.S)[1]
        asked.append(pieces.asked)
        sizes.append(len(data))
    assert asked[1] < 2.2 * asked[0]
    assert sizes[1] < 2.2 * sizes[0]
