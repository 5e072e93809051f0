"""The page in a real browser: plays, pauses, scrubs, and shows the right text."""

from __future__ import annotations

import time

import pytest

from browser import CHROMIUM, Browser
from export.recordings import EVIL, FINAL, RUNS, write
from hoshikage_cli.export.page import page
from hoshikage_cli.export.picture import picture
from hoshikage_cli.generation.text import MASK_CELL
from hoshikage_cli.trace import read_trace

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no chromium")]


@pytest.fixture(scope="module")
def browser():
    opened = Browser()
    yield opened
    opened.close()


@pytest.fixture(params=list(RUNS))
def kind(request):
    return request.param


@pytest.fixture
def recording(kind, tmp_path):
    return read_trace(write(tmp_path / "run.jsonl", RUNS[kind]))


@pytest.fixture
def shown(browser, recording, tmp_path):
    """The page, open and paused before the first step."""
    browser.screen(900, 700)
    file = tmp_path / "run.html"
    file.write_text(page(recording, "tokens", 1), encoding="utf-8")
    browser.open(file)
    browser.ask("hoshikage.go(0)")
    return browser


def soon(browser, question):
    for _ in range(200):
        if browser.ask(question):
            return
        time.sleep(0.05)
    raise AssertionError(question)


def texts(recording):
    """The text before the first step and after each."""
    run = recording.play()
    first = run.text_of(run.canvas)
    return [first, *(event.text for event in run)]


def test_every_step_shows_its_text(shown, recording, kind):
    told = texts(recording)
    assert told[-1] == FINAL[kind]
    for number, text in enumerate(told):
        shown.ask(f"hoshikage.go({number})")
        assert shown.ask("hoshikage.text()") == text
        assert shown.ask("hoshikage.step()") == number
    assert shown.complaints() == []


def test_what_is_seen_is_what_is_read(shown, recording):
    visible = (
        "[...document.querySelectorAll('#canvas span')].filter(s => !s.hidden)"
        f".map(s => s.matches('.masked') ? '{MASK_CELL}' : s.matches('.end') ? '' : s.textContent)"
        ".join('')"
    )
    for number, text in enumerate(texts(recording)):
        shown.ask(f"hoshikage.go({number})")
        assert shown.ask(visible).rstrip(MASK_CELL) == text.rstrip(MASK_CELL)


def test_it_plays_to_the_end_and_again(shown, recording):
    last = len(recording.steps)
    for _ in range(2):
        shown.ask("document.getElementById('play').click()")
        assert shown.ask("document.getElementById('play').textContent") == "Pause"
        soon(shown, f"hoshikage.step() === {last}")
        assert shown.ask("document.getElementById('play').textContent") == "Play"
    assert shown.complaints() == []


def test_pause_stays_where_it_is(shown):
    shown.ask("document.getElementById('speed').value = '0.25'")
    shown.ask("document.getElementById('speed').dispatchEvent(new Event('change'))")
    shown.ask("document.getElementById('play').click()")
    soon(shown, "hoshikage.step() >= 1")
    shown.ask("document.getElementById('play').click()")
    stopped = shown.ask("hoshikage.step()")
    time.sleep(0.5)
    assert shown.ask("hoshikage.step()") == stopped


def test_keys(shown, recording):
    last = len(recording.steps)
    steps = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "Home", "ArrowLeft"):
        shown.press(key)
        steps.append(shown.ask("hoshikage.step()"))
    assert steps == [1, 2, 1, last, last, 0, 0]
    for key, view in (("2", "confidence"), ("3", "order"), ("1", "tokens")):
        shown.press(key)
        assert shown.ask("document.querySelector('[name=view]:checked').value") == view
    shown.press("+")
    assert shown.ask("document.getElementById('speed').value") == "2"
    shown.press(" ", "Space")
    assert shown.ask("document.getElementById('play').textContent") == "Pause"
    shown.press(" ", "Space")
    assert shown.ask("document.getElementById('play').textContent") == "Play"


def test_the_scrubber(shown, recording):
    shown.ask("document.getElementById('scrub').value = 3")
    shown.ask("document.getElementById('scrub').dispatchEvent(new Event('input'))")
    assert shown.ask("hoshikage.text()") == texts(recording)[3]
    assert shown.ask("document.getElementById('scrub').ariaValueText").startswith("step 3 of")


def test_a_token_tells_its_step_and_its_rival(shown):
    shown.ask("hoshikage.go(2); document.querySelector('[data-position=\"1\"]').click()")
    detail = shown.ask("document.getElementById('detail').textContent")
    assert EVIL in detail
    assert "step 1 of" in detail
    assert "runner-up “ word”" in detail
    shown.ask("document.querySelector('#tokens').open = true")
    soon(shown, "document.querySelectorAll('#rows tr').length > 3")
    assert EVIL in shown.ask("document.querySelector('#rows tr').textContent")


def test_the_colours(shown, kind):
    look = "document.querySelector('[data-position=\"1\"]').className"
    shown.ask("hoshikage.go(5); hoshikage.show('confidence')")
    assert shown.ask(look) == f"confidence-{0 if kind == 'autoregressive' else 4}"
    shown.ask("hoshikage.show('order')")
    assert shown.ask(look) == "order-0"
    shown.ask("hoshikage.go(1); hoshikage.show('tokens')")
    assert shown.ask(look) == "fresh"


def test_a_masked_position_tells_what_the_next_step_sees_in_it(shown, kind):
    if kind != "proposed":
        pytest.skip("nothing is known of it")
    detail = "document.getElementById('detail').textContent"
    shown.ask("hoshikage.go(0); document.querySelector('[data-position=\"2\"]').click()")
    told = shown.ask(detail)
    assert "still masked" in told
    assert "entropy 0.50" in told
    assert f"“{EVIL}”0.750" in told
    widths = "[...document.querySelectorAll('.bars i')].map(bar => bar.style.width)"
    assert shown.ask(widths) == ["75%", "12.5%", "0%"]
    shown.ask("hoshikage.go(1)")
    assert "“⏎”0.500" in shown.ask(detail)
    assert "entropy not known" in shown.ask(detail)
    shown.ask("document.querySelector('[data-position=\"10\"]').click()")
    assert "not looked at in the next step" in shown.ask(detail)
    shown.ask("hoshikage.go(2); document.querySelector('[data-position=\"3\"]').click()")
    assert "step 2 of" in shown.ask(detail)
    assert "entropy 0.25" in shown.ask(detail)
    assert shown.ask("document.querySelectorAll('img').length") == 0
    assert shown.complaints() == []


def test_ghosts_of_what_would_be_put(shown, kind):
    cell = "document.querySelector('[data-position=\"{}\"]')"
    if kind != "proposed":
        assert shown.ask("document.querySelectorAll('[value=proposals]').length") == 0
        shown.press("4")
        assert shown.ask("document.querySelector('[name=view]:checked').value") != "proposals"
        return
    shown.press("4")
    assert shown.ask("document.querySelector('[name=view]:checked').value") == "proposals"
    shown.ask("hoshikage.go(1)")
    assert shown.ask(cell.format(2) + ".textContent") == "⏎"
    assert shown.ask(cell.format(2) + ".className") == "masked ghost"
    assert shown.ask(cell.format(6) + ".className") == "masked"
    assert shown.ask(cell.format(1) + ".className") == "fresh"
    shown.ask("hoshikage.show('tokens')")
    assert shown.ask(cell.format(2) + ".className") == "masked"
    assert shown.ask(cell.format(2) + ".style.opacity") == ""
    assert shown.complaints() == []


@pytest.mark.parametrize("kind", ["revised"], indirect=True)
def test_what_is_replaced_or_taken_back(shown):
    look = "document.querySelector('[data-position=\"{}\"]').className"
    for view in ("tokens", "confidence", "order"):
        shown.ask(f"hoshikage.show('{view}'); hoshikage.go(2)")
        assert shown.ask(look.format(2)) == "replaced"
        shown.ask("hoshikage.go(3)")
        assert shown.ask("document.querySelectorAll('#canvas .masked.back').length") == 2
        shown.ask("hoshikage.go(4)")
        assert shown.ask("document.querySelectorAll('#canvas .back').length") == 0
        assert "taken back" in shown.ask("document.getElementById('legend').textContent")
    detail = "document.getElementById('detail').textContent"
    shown.ask("hoshikage.go(3); document.querySelector('[data-position=\"4\"]').click()")
    assert shown.ask(detail) == "taken back in step 3 of 5"
    shown.ask("hoshikage.go(2); document.querySelector('[data-position=\"2\"]').click()")
    assert "in place of “ word”" in shown.ask(detail)


def test_text_stays_text(shown):
    shown.ask("hoshikage.go(99)")
    assert "img" in shown.ask("document.title")
    assert shown.ask("document.querySelectorAll('img').length") == 0
    assert shown.ask("document.querySelectorAll('script').length") == 2
    assert "<img src=x" in shown.ask("document.getElementById('prompt').textContent")
    assert "{{ 7*7 }}" in shown.ask("hoshikage.text()")
    assert shown.complaints() == []


def test_a_script_that_got_in_would_not_run(shown):
    shown.ask(
        "(() => { const s = document.createElement('script');"
        " s.textContent = 'window.stolen = 1'; document.body.append(s); })()"
    )
    assert shown.ask("window.stolen") is None


@pytest.mark.parametrize(("width", "height"), [(320, 560), (390, 844), (1400, 900)])
def test_nothing_sticks_out_on_any_screen(shown, width, height):
    shown.screen(width, height, phone=width < 500)
    shown.ask("hoshikage.go(99)")
    assert shown.ask("document.documentElement.scrollWidth") <= width
    sizes = "[...document.querySelectorAll('button, select')].map(e => e.offsetHeight)"
    assert min(shown.ask(sizes)) >= 40


def test_a_voice_hears_the_step_when_it_stands_still(shown):
    shown.ask("hoshikage.go(2)")
    assert shown.ask("document.getElementById('said').textContent").startswith("step 2 of")
    assert shown.ask("document.getElementById('canvas').ariaHidden") == "true"
    unnamed = (
        "[...document.querySelectorAll('button, input, select')]"
        ".filter(e => !(e.labels && e.labels.length) && !e.ariaLabel && !e.textContent).length"
    )
    assert shown.ask(unnamed) == 0


def test_without_motion_it_begins_at_the_end(browser, recording, tmp_path, kind):
    browser.prefer_reduced_motion()
    file = tmp_path / "still.html"
    file.write_text(page(recording, None, None), encoding="utf-8")
    browser.open(file)
    assert browser.ask("hoshikage.text()") == FINAL[kind]
    assert browser.ask("document.getElementById('play').textContent") == "Play"


@pytest.mark.parametrize("view", ["tokens", "confidence"])
def test_the_picture_shows_each_token_from_its_step_on(browser, recording, tmp_path, view):
    browser.screen(800, 500)
    file = tmp_path / "run.svg"
    file.write_text(picture(recording, view, 80, 10), encoding="utf-8")
    browser.open(file)
    at = (
        "(() => {{ document.getAnimations().forEach(a => {{ a.pause(); a.currentTime = {}; }});"
        " return [...document.querySelectorAll('text[class]')]"
        ".filter(t => /[an]\\d/.test(t.getAttribute('class')))"
        ".filter(t => getComputedStyle(t).opacity === '1').length }})()"
    )
    counts = [browser.ask(at.format(second * 1000)) for second in (0, 2.5, 5, 9, 12)]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[1] < counts[-1]
    assert browser.complaints() == []
