"""The page in a real browser: plays, pauses, scrubs, and shows the right text."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from browser import CHROMIUM, Browser
from export.recordings import EVIL, FINAL, RUNS, commit, end, head, step, token, write
from hoshikage_cli.display.palette import DOUBT, GROUNDS
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
    file.write_text(page([recording], "tokens", 1), encoding="utf-8")
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
        "[...document.querySelectorAll('.canvas span')].map(s => s.matches('.masked')"
        f" ? '{MASK_CELL}' : s.matches('.end') ? '' : s.previousSibling.data + s.textContent)"
        ".join('')"
    )
    for number, text in enumerate(texts(recording)):
        shown.ask(f"hoshikage.go({number})")
        assert shown.ask(visible).rstrip(MASK_CELL) == text.rstrip(MASK_CELL)


def test_it_plays_to_the_end_and_again(shown, recording):
    last = len(recording.steps)
    for _ in range(2):
        # In one go, since on a slow machine the run is over before the next question.
        press = "(button => { button.click(); return button.textContent; })"
        assert shown.ask(f"{press}(document.getElementById('play'))") == "Pause"
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
    detail = shown.ask("document.querySelector('.detail').textContent")
    assert EVIL in detail
    assert "step 1 of" in detail
    assert "runner-up “ word”" in detail
    shown.ask("document.querySelector('details.tokens').open = true")
    soon(shown, "document.querySelectorAll('.tokens tbody tr').length > 3")
    assert EVIL in shown.ask("document.querySelector('.tokens tbody tr').textContent")


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
    detail = "document.querySelector('.detail').textContent"
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
    assert shown.ask(cell.format(2) + ".dataset.ghost") == "⏎"
    assert shown.ask(cell.format(2) + ".className") == "masked ghost"
    assert shown.ask(cell.format(6) + ".className") == "masked"
    assert shown.ask(cell.format(1) + ".className") == "fresh"
    shown.ask("hoshikage.show('tokens')")
    assert shown.ask(cell.format(2) + ".className") == "masked"
    assert shown.ask(cell.format(2) + ".dataset.ghost") is None
    assert shown.complaints() == []


@pytest.mark.parametrize("kind", ["revised"], indirect=True)
def test_what_is_replaced_or_taken_back(shown):
    look = "document.querySelector('[data-position=\"{}\"]').className"
    for view in ("tokens", "confidence", "order"):
        shown.ask(f"hoshikage.show('{view}'); hoshikage.go(2)")
        assert shown.ask(look.format(2)) == "replaced"
        shown.ask("hoshikage.go(3)")
        assert shown.ask("document.querySelectorAll('.canvas .masked.back').length") == 2
        shown.ask("hoshikage.go(4)")
        assert shown.ask("document.querySelectorAll('.canvas .back').length") == 0
        assert "taken back" in shown.ask("document.getElementById('legend').textContent")
    detail = "document.querySelector('.detail').textContent"
    shown.ask("hoshikage.go(3); document.querySelector('[data-position=\"4\"]').click()")
    assert shown.ask(detail) == "taken back in step 3 of 5"
    shown.ask("hoshikage.go(2); document.querySelector('[data-position=\"2\"]').click()")
    assert "in place of “ word”" in shown.ask(detail)


def test_text_stays_text(shown):
    shown.ask("hoshikage.go(99)")
    assert "img" in shown.ask("document.title")
    assert shown.ask("document.querySelectorAll('img').length") == 0
    assert shown.ask("document.querySelectorAll('script').length") == 2
    assert "<img src=x" in shown.ask("document.querySelector('.prompt').textContent")
    assert "{{ 7*7 }}" in shown.ask("hoshikage.text()")
    assert shown.complaints() == []


def test_a_script_that_got_in_would_not_run(shown):
    shown.ask(
        "(() => { const s = document.createElement('script');"
        " s.textContent = 'window.stolen = 1'; document.body.append(s); })()"
    )
    assert shown.ask("window.stolen") is None


STICKS_OUT = (
    "Math.max(0, ...[...document.querySelectorAll('.canvas')].flatMap(c => [...c.children]"
    ".flatMap(s => [...s.getClientRects()].map(r => r.right - c.getBoundingClientRect().right))))"
)
LABELS = (
    "[...document.querySelectorAll('main *')].filter(e => e.offsetParent && "
    "[...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))"
    ".map(e => parseFloat(getComputedStyle(e).fontSize))"
)


@pytest.mark.parametrize(("width", "height"), [(320, 560), (390, 844), (768, 900), (1400, 900)])
def test_nothing_sticks_out_on_any_screen(shown, width, height):
    shown.screen(width, height, phone=width < 500)
    shown.ask("document.querySelectorAll('details').forEach(d => { d.open = true })")
    for number in (0, 2, 99):
        shown.ask(f"hoshikage.go({number}); hoshikage.show('confidence')")
        assert shown.ask("document.documentElement.scrollWidth") <= width
        assert shown.ask(STICKS_OUT) <= 0.5
    sizes = "[...document.querySelectorAll('button, select')].map(e => e.offsetHeight)"
    assert min(shown.ask(sizes)) >= 40
    assert min(shown.ask(LABELS)) >= 12


def test_a_long_line_of_words_ends_where_its_box_does(browser, tmp_path):
    """The blank that a token begins with is no part of what is coloured: it may hang over."""
    words = [step(i, 60, 0, commit(1 + i, 12, 0.1)) for i in range(60)]
    recording = read_trace(
        write(tmp_path / "run.jsonl", [head([token(2)], None, 60), *words, end()])
    )
    file = tmp_path / "run.html"
    file.write_text(page([recording], None, None), encoding="utf-8")
    for width in range(300, 400, 7):
        browser.screen(width, 700, phone=True)
        browser.open(file)
        browser.ask("hoshikage.go(60)")
        assert browser.ask(STICKS_OUT) <= 0.5


def test_a_voice_hears_the_step_when_it_stands_still(shown):
    shown.ask("hoshikage.go(2)")
    assert shown.ask("document.getElementById('said').textContent").startswith("step 2 of")
    assert shown.ask("document.querySelector('.canvas').ariaHidden") == "true"
    unnamed = (
        "[...document.querySelectorAll('button, input, select')]"
        ".filter(e => !(e.labels && e.labels.length) && !e.ariaLabel && !e.textContent).length"
    )
    assert shown.ask(unnamed) == 0


def test_without_motion_it_begins_at_the_end(browser, recording, tmp_path, kind):
    browser.prefer_reduced_motion()
    file = tmp_path / "still.html"
    file.write_text(page([recording], None, None), encoding="utf-8")
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


# ------------------------------------------------------------------------------- the strip

DOT = (
    "(() => {{ const c = document.querySelector('.strip canvas');"
    " const x = Math.floor(({column} + 0.4) * c.width / {columns});"
    " const y = Math.floor(({row} + 0.5) * c.height / {rows});"
    " return [...c.getContext('2d').getImageData(x, y, 1, 1).data]; }})()"
)


def rgb(colour):
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def test_the_strip_tells_when_and_how_surely(shown, kind):
    """A column for each position, a row for each step."""
    if kind != "diffusion":
        pytest.skip("it is told of one")
    shown.ask("hoshikage.show('confidence'); hoshikage.go(0)")
    place = {"columns": 11, "rows": 4}
    doubted = shown.ask(DOT.format(column=3, row=1, **place))
    assert doubted == [*rgb(DOUBT[0].paper), 255]  # position 4, of which it was not sure at all
    stays = shown.ask(DOT.format(column=3, row=3, **place))
    assert stays[:3] == pytest.approx(doubted[:3], abs=3)
    assert 0 < stays[3] < 255
    assert shown.ask(DOT.format(column=3, row=0, **place))[3] == 0  # masked
    sure = shown.ask(DOT.format(column=0, row=0, **place))
    assert sure == [*rgb(GROUNDS["light"]["dim"]), 255]


@pytest.mark.parametrize("kind", ["diffusion"], indirect=True)
def test_the_strip_is_painted_when_its_width_changes_and_not_at_each_step(shown):
    width = "document.querySelector('.strip canvas').width"
    room = "document.querySelector('.strip').clientWidth"
    shown.ask("window.painted = HTMLCanvasElement.prototype.getContext; window.count = 0")
    shown.ask(
        "HTMLCanvasElement.prototype.getContext = function (...a)"
        " { window.count++; return window.painted.apply(this, a); }"
    )
    for number in range(5):
        shown.ask(f"hoshikage.go({number})")
    time.sleep(0.3)
    assert shown.ask("window.count") == 0
    shown.screen(500, 700)
    soon(shown, "window.count > 0")
    assert shown.ask(width) == shown.ask(room)


@pytest.mark.parametrize("kind", ["revised"], indirect=True)
def test_the_strip_tells_of_edits(shown):
    place = {"columns": 6, "rows": 5}
    ground = GROUNDS["light"]
    assert shown.ask(DOT.format(column=1, row=1, **place)) == [*rgb(ground["edit"]), 255]
    assert shown.ask(DOT.format(column=3, row=2, **place)) == [*rgb(ground["back"]), 255]


def test_the_strip_is_read_out_and_leads_to_its_steps(shown, recording):
    told = shown.ask("document.querySelector('.strip canvas').ariaLabel")
    assert "0." in told
    click = (
        "(() => { const b = document.querySelector('.strip').getBoundingClientRect();"
        " document.querySelector('.strip').dispatchEvent(new PointerEvent('pointerdown',"
        " {clientX: b.left + 2, clientY: b.bottom - 2})); })()"
    )
    shown.ask(click)
    assert shown.ask("hoshikage.step()") == len(recording.steps)
    assert "step" in shown.ask("document.querySelector('.detail').textContent")


# ------------------------------------------------------------------- settings and figures


def test_settings_and_figures_are_there(shown):
    told = shown.ask("document.querySelector('.settings').textContent")
    assert "algorithm" in told
    assert "confidence" in told
    assert "tokens/s" in shown.ask("document.querySelector('.run header').textContent")


@pytest.mark.parametrize("kind", ["proposed"], indirect=True)
def test_a_rival_whose_probability_is_known_is_told_with_it(browser, recording, tmp_path):
    steps = [
        replace(recording.steps[0], commits=(replace(recording.steps[0].commits[0], runner_up=2),))
    ]
    file = tmp_path / "run.html"
    file.write_text(page([replace(recording, steps=tuple(steps))], None, 1), encoding="utf-8")
    browser.open(file)
    browser.ask("hoshikage.go(1); document.querySelector('[data-position=\"1\"]').click()")
    detail = browser.ask("document.querySelector('.detail').textContent")
    assert "\"quoted\" 'too'⏎” 0.13" in detail


@pytest.mark.parametrize("dark", [False, True])
def test_dark_and_light_at_a_press(browser, recording, tmp_path, dark):
    browser.screen(900, 700, dark=dark)
    file = tmp_path / "run.html"
    file.write_text(page([recording], None, 1), encoding="utf-8")
    browser.open(file)
    ground = "getComputedStyle(document.body).backgroundColor"
    before = browser.ask(ground)
    browser.ask("document.getElementById('theme').click()")
    other = GROUNDS["light" if dark else "dark"]["paper"]
    assert browser.ask(ground) == f"rgb({', '.join(map(str, rgb(other)))})" != before


# ----------------------------------------------------------------------------- the address


@pytest.fixture
def file(recording, tmp_path):
    made = tmp_path / "run.html"
    made.write_text(page([recording], "tokens", 1), encoding="utf-8")
    return made


@pytest.mark.parametrize("kind", ["diffusion"], indirect=True)
def test_an_address_opens_at_its_step_and_follows(browser, file, recording):
    browser.screen(900, 700)
    browser.open(file, "#step=2")
    assert browser.ask("hoshikage.step()") == 2
    assert browser.ask("document.getElementById('play').textContent") == "Play"
    browser.press("ArrowRight")
    soon(browser, "location.hash === '#step=3'")
    browser.ask("location.hash = '#step=1'")
    soon(browser, "hoshikage.step() === 1")
    assert browser.complaints() == []


@pytest.mark.parametrize("kind", ["diffusion"], indirect=True)
@pytest.mark.parametrize("behind", ["#step=", "#step=-1", "#step=1e9", "#step=<img>", "#%00%ff=&&"])
def test_an_address_that_says_nothing_plays(browser, file, recording, behind):
    browser.open(file, behind)
    soon(browser, f"hoshikage.step() === {len(recording.steps)}")
    assert browser.complaints() == []


@pytest.mark.parametrize("kind", ["diffusion"], indirect=True)
def test_a_step_behind_the_last_is_the_last(browser, file, recording):
    browser.open(file, "#step=999999999999")
    assert browser.ask("hoshikage.step()") == len(recording.steps)


@pytest.mark.parametrize("kind", ["diffusion"], indirect=True)
@pytest.mark.parametrize("behind", ["#embed", "?embed", "#embed&step=2"])
def test_in_a_frame_there_are_the_text_and_its_controls(browser, file, tmp_path, behind):
    browser.screen(900, 700)
    browser.open(file, behind)
    seen = "e => e.offsetParent && !e.matches('.unseen') && !e.closest('.unseen')"
    for gone in ("h1", ".prompt", ".strip", ".settings", "#keys", "#choices"):
        assert browser.ask(f"[...document.querySelectorAll('{gone}')].filter({seen}).length") == 0
    for there in (".canvas", "#play", "#scrub", "#legend"):
        assert browser.ask(f"[...document.querySelectorAll('{there}')].filter({seen}).length") == 1
    assert browser.ask("document.documentElement.scrollHeight") <= 700
    browser.ask("hoshikage.go(1)")
    soon(browser, "location.hash.includes('step=1')")
    assert browser.ask("document.documentElement.matches('.embed')")
    assert ("embed" in browser.ask("location.hash")) == behind.startswith("#")


@pytest.mark.parametrize("kind", ["diffusion"], indirect=True)
def test_a_page_plays_in_the_frame_of_another(browser, file, tmp_path):
    around = tmp_path / "around.html"
    frame = f'<iframe src="{file.name}#embed" width="100%" height="320" style="border: 0"></iframe>'
    around.write_text(f"<!doctype html><p>before</p>{frame}<p>after</p>", encoding="utf-8")
    browser.screen(900, 700)
    browser.open(around)
    time.sleep(0.5)
    assert browser.complaints() == []


@pytest.fixture
def long_frame(browser, tmp_path):
    """A text far longer than its frame, whose last line is unmasked first."""
    words = 600
    steps = [step(i, 60, words - i, commit(words - i, 12, 0.9)) for i in range(60)]
    lines = [head([token(2), *[None] * words], total=60), *steps, end()]
    file = tmp_path / "long.html"
    file.write_text(page([read_trace(write(tmp_path / "long.jsonl", lines))], "tokens", 1), "utf-8")
    browser.screen(700, 320)
    return lambda behind: browser.open(file, behind)


NEWEST = """(() => {
  const rail = document.querySelector("#rails canvas");
  const width = rail.width;
  const row = rail.getContext("2d").getImageData(0, 0, width, 1).data;
  const greens = [...Array(width).keys()].filter(x => row[4 * x + 1] > row[4 * x] + 60);
  return greens.map(x => x / width);
})()"""


def test_a_frame_shows_where_along_the_text_something_is_new(browser, long_frame):
    long_frame("#embed&step=10")
    assert browser.ask(f"{NEWEST}.length")
    assert browser.ask(f"{NEWEST}.every(share => share > 0.95)")
    assert browser.ask("scrollY") == 0
    browser.ask("document.querySelector('#rails canvas').dispatchEvent("
                "new MouseEvent('click', {clientX: 660}))")  # fmt: skip
    assert browser.ask("scrollY") > 50
    assert browser.complaints() == []


def test_a_frame_follows_what_is_new_and_a_page_does_not(browser, long_frame):
    long_frame("?embed")
    soon(browser, "scrollY > 50")
    long_frame("")
    soon(browser, "hoshikage.step() === 60")
    assert browser.ask("scrollY") == 0
    assert browser.ask("document.getElementById('rails').offsetHeight") == 0


# ---------------------------------------------------------------------------- side by side


@pytest.fixture
def pair(browser, tmp_path):
    """A diffusion model beside an autoregressive one."""
    browser.screen(1200, 800)
    names = ("revised", "autoregressive")
    runs = [read_trace(write(tmp_path / f"{name}.jsonl", RUNS[name])) for name in names]
    runs[0] = replace(runs[0], steps=runs[0].steps[:4], settings={"algorithm": "entropy", "eps": 1})
    file = tmp_path / "pair.html"
    file.write_text(page(runs, None, 2), encoding="utf-8")
    browser.open(file)
    browser.ask("hoshikage.go(0)")
    return browser


BOTH = "[...document.querySelectorAll('.text')].map(p => p.textContent)"


def test_two_runs_have_one_scrubber(pair):
    assert pair.ask("document.querySelectorAll('#scrub, #play').length") == 2
    assert pair.ask("document.getElementById('scrub').max") == "5"
    tops = pair.ask(
        "[...document.querySelectorAll('.canvas')].map(c => c.getBoundingClientRect().left)"
    )
    assert tops[0] + 300 < tops[1]
    pair.ask("hoshikage.go(1)")
    both = pair.ask(BOTH)
    assert both[0].startswith(f"{EVIL} word{MASK_CELL}")
    assert both[1] == EVIL
    pair.ask("hoshikage.go(5)")
    labels = pair.ask("[...document.querySelectorAll('.step-label')].map(l => l.textContent)")
    assert labels == ["Step 4 of 4.", "Step 5 of 5."]
    assert pair.ask(BOTH)[1] == FINAL["autoregressive"]
    assert pair.complaints() == []


def test_two_runs_go_step_by_step_or_second_by_second(pair):
    pair.ask("document.querySelector('[name=pace][value=seconds]').click()")
    assert pair.ask("document.getElementById('scrub').max") == "5"
    pair.ask("hoshikage.go(2)")
    labels = pair.ask("[...document.querySelectorAll('.step-label')].map(l => l.textContent)")
    assert labels == ["Step 2 of 4.", "Step 2 of 5."]


def test_what_differs_between_two_runs_stands_first(pair):
    rows = pair.ask(
        "[...document.querySelectorAll('.settings tr')].map(r => [r.className, r.textContent])"
    )
    assert ["differs", "algorithmentropyconfidence"] in [[a, b.replace("\n", "")] for a, b in rows]
    assert [name for name, _ in rows] == sorted([name for name, _ in rows], reverse=True)
    assert pair.ask("document.querySelectorAll('.prompt').length") == 1


def test_two_runs_stand_below_each_other_on_a_phone(pair):
    pair.screen(390, 844, phone=True)
    tops = pair.ask(
        "[...document.querySelectorAll('.canvas')].map(c => c.getBoundingClientRect().top)"
    )
    assert tops[0] < tops[1]
    assert pair.ask("document.documentElement.scrollWidth") <= 390
