"""Pictures of a run, made from events that need no model."""

from __future__ import annotations

import io
import re
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyte
import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from hoshikage_cli.decoding.step import Candidates, Commit, Step
from hoshikage_cli.display.batch import BatchBar
from hoshikage_cli.display.figures import (
    LoadExpectation,
    duration,
    expectation,
    minutes,
    progress_facts,
    seconds_left,
    speed,
    summary,
)
from hoshikage_cli.display.frame import Memory, canvas_lines, frame
from hoshikage_cli.display.layout import Line
from hoshikage_cli.display.likelihood import show_coloured
from hoshikage_cli.display.palette import DOUBT, GROUNDS, RAMP, SCALES, palette
from hoshikage_cli.display.plain import Expectation, PlainLines
from hoshikage_cli.display.progress import Bar, Loading
from hoshikage_cli.display.region import Region
from hoshikage_cli.display.shades import (
    MASK_KEY,
    confidence_level,
    order_level,
    shade,
    view_of,
)
from hoshikage_cli.display.sheet import Sheet
from hoshikage_cli.display.visual import LiveView
from hoshikage_cli.generation.scoring import ScoredToken
from hoshikage_cli.generation.text import MASK_CELL, Cell
from hoshikage_cli.settings.declared import VIEWS

ANSWER = [
    ("The", "settled"),
    (" capital", "fresh"),
    (MASK_CELL, "masked"),
    (MASK_CELL, "masked"),
    ("東京", "settled"),
    ("🌠", "fresh"),
    ("\n[bold]x[/bold]\x1b[31m", "settled"),
    ("", "end"),
    (" pad", "end"),
]


def event(answer=ANSWER, prompt="What is it?\n", index=3, total=8, block=None, elapsed=2.0):
    cells = [Cell(i, 5, c, "prompt") for i, c in enumerate(prompt)]
    cells += [Cell(len(prompt) + i, 5, text, state) for i, (text, state) in enumerate(answer)]
    masked = sum(state == "masked" for _, state in answer)
    step = Step(
        index=index,
        total=total,
        commits=(Commit(1, 5, 0.5),),
        canvas=np.zeros(len(cells), np.int32),
        masked=masked,
        block=block,
        positions_decoded=len(cells),
        nfe=1,
        elapsed=elapsed,
    )
    run = SimpleNamespace(
        prompt_length=len(prompt),
        mask_token=1,
        seed=7,
        settings={"algorithm": "confidence", "schedule": "block"},
        has_masks=True,
        revisions=(),
        model={"name": "hoshi-tiny"},
        words=SimpleNamespace(piece=lambda token: b"?"),
    )
    text = "".join(text for text, state in answer if state != "end")
    return SimpleNamespace(step=step, run=run, cells=cells, text=text, nfe=4, tokens_per_second=3.5)


def console(width=80, height=24, **options):
    options = {"force_terminal": True, "color_system": "truecolor", **options}
    return Console(file=io.StringIO(), width=width, height=height, _environ={}, **options)


def drawn(shown, width=80, height=24, view="tokens", **options):
    """What a terminal is sent for one frame."""
    screen = console(width, height, **options)
    region = Region(screen, palette(screen))
    region.draw(frame(shown, view, width, height, Memory()))
    return screen.file.getvalue()


def plain(shown, width=80, height=24, view="tokens"):
    """The rows of a frame, without their looks."""
    lines = frame(shown, view, width, height, Memory())
    return ["".join(text for text, _ in line.runs) for line in lines]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("width", [20, 40, 80])
@pytest.mark.parametrize("height", [4, 6, 10, 24])
def test_a_frame_fits_its_screen(width, height, view):
    long = event(answer=ANSWER * 40, prompt="a long prompt " * 50)
    lines = plain(long, width, height, view)
    assert len(lines) < height
    assert all(cell_len(line) < width for line in lines)


@pytest.mark.parametrize("width", [100, 40])
def test_a_frame_says_what_runs_and_how_far_it_is(width):
    text = "\n".join(plain(event(block=(12, 21)), width))
    for words in ("hoshi-tiny", "confidence", "seed 7", "step 4/8", "2 masked", "NFE 4"):
        assert words in text
    assert "3.5 tokens/s" in text
    assert "2 s left" in text
    assert "block 12-20" in text


def test_each_view_has_its_legend():
    assert plain(event(), view="tokens")[-1] == "▂▂▂ masked  new  text  · end"
    scale = "▂▂▂ masked  confidence   <0.3  ≥0.3  ≥0.5  ≥0.7  ≥0.9 "
    assert plain(event(), view="confidence")[-1] == scale
    assert plain(event(), 40, view="confidence")[-1] == scale[-30:]
    assert plain(event(), view="order")[-1] == "▂▂▂ masked  step   1  3  5  6  8 "


def test_text_of_the_model_is_neither_markup_nor_control():
    text = drawn(event())
    assert "[bold]x[/bold]" in text
    assert "\x1b[31m" not in text
    assert "·[31m" in text


def test_new_tokens_stand_out_even_without_colour():
    assert "\x1b[1;32mcapital" in drawn(event())
    assert "\x1b[1mcapital" in drawn(event(), no_color=True)


def test_the_blank_in_front_of_a_doubted_word_is_not_marked():
    shown = event()
    shown.cells = cells(*[("x", "prompt", None, None)] * 12, (" blue", "settled", 0.1, 3))
    assert f" \x1b[{style_code(DOUBT[0])}mblue" in drawn(shown, view="confidence")
    shown.cells = cells(*[("x", "prompt", None, None)] * 12, ("   ", "settled", 0.1, 3))
    assert f"\x1b[{style_code(DOUBT[0])}m   " in drawn(shown, view="confidence")


def style_code(tone):
    screen = console()
    screen.print(Text("x", tone.words), end="")
    return re.match(r"\x1b\[([0-9;]+)m", screen.file.getvalue())[1]


def cells(*facts):
    return [Cell(i, 5, t, state, sure, step) for i, (t, state, sure, step) in enumerate(facts)]


def looks(view, index=9, total=10):
    shown = cells(
        ("a", "settled", 0.95, 0),
        ("b", "settled", 0.1, 8),
        ("c", "fresh", 0.6, 9),
        ("d", "settled", float("nan"), 3),
        ("▁", "masked", None, None),
        ("p", "prompt", None, None),
        ("", "end", 0.9, 2),
    )
    return [shade(cell, view, index, total) for cell in shown]


def levels(view, *names):
    return [f"{view} {name}" for name in names]


def test_the_looks_of_each_view():
    others = ["masked", "prompt", "end"]
    assert looks("tokens") == ["settled", "recent", "fresh", "settled", *others]
    assert looks("confidence") == [*levels("confidence", "4", "0", "2 new"), "settled", *others]
    assert looks("order") == [*levels("order", "0", "4", "4 new", "1"), *others]


def test_an_autoregressive_run_is_coloured_by_probability():
    assert view_of(None, diffusion=False) == view_of("tokens", diffusion=False) == "confidence"
    assert view_of("order", diffusion=False) == "order"
    assert view_of(None, diffusion=True) == "tokens"


def test_levels():
    values = [None, float("nan"), 0.0, 0.3, 0.5, 0.7, 0.9, 1.0]
    assert [confidence_level(value) for value in values] == [None, None, 0, 1, 2, 3, 4, 4]
    assert [order_level(step, 5) for step in range(5)] == [0, 1, 2, 3, 4]
    assert order_level(0, None) == 0


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("tone", [tone for tones in SCALES.values() for tone in tones])
def test_every_level_reads_on_any_ground(tone):
    """A terminal does not say whether it is dark or light."""
    grounds = [tone.paper] if tone.paper else ["#000000", "#ffffff"]
    assert tone.ink is None or min(contrast(tone.ink, ground) for ground in grounds) >= 4.5


@pytest.mark.parametrize("ground", GROUNDS.values())
def test_words_read_on_the_grounds_of_pictures(ground):
    for name in ("ink", "dim", "new", "edit"):
        assert contrast(ground[name], ground["paper"]) >= 4.5


def test_doubt_is_strong_and_what_is_sure_is_plain():
    strength = [(tone.paper is not None, tone.bold or tone.underline) for tone in DOUBT]
    assert strength == [(True, True), (True, False), (False, True), (False, False), (False, False)]
    assert (DOUBT[-1].ink, DOUBT[-1].words.strip()) == (None, "")
    # A block is seen on both grounds.
    assert all(contrast(t.paper, g) >= 2.5 for t in DOUBT[:2] for g in ("#000000", "#ffffff"))


def test_no_two_levels_of_doubt_differ_in_colour_alone():
    forms = {(bool(tone.ink), bool(tone.paper), tone.underline, tone.bold) for tone in DOUBT}
    assert len(forms) == len(DOUBT)


def test_the_order_reads_in_grey():
    papers = [luminance(tone.paper) for tone in RAMP]
    assert papers == sorted(papers)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"color_system": "truecolor"}, "\x1b[1;38;2;0;0;0;48;2;224;138;30m"),
        ({"color_system": "256"}, "\x1b[1;38;5;16;48;5;172m"),
        ({"color_system": "standard"}, "\x1b[1;30;43m"),
        ({"no_color": True}, "\x1b[1;3;4m"),
    ],
)
def test_the_scale_in_many_colours_in_eight_and_in_none(options, code):
    shown = event()
    shown.cells = cells(*[("x", "prompt", None, None)] * 12, ("HERE", "fresh", 0.4, 3))
    assert f"{code}" in drawn(shown, view="confidence", **options)


def test_a_frame_costs_next_to_nothing():
    shown = event(answer=ANSWER * 20)
    screen = console()
    region = Region(screen, palette(screen))
    began = time.thread_time()
    for _ in range(50):
        region.draw(frame(shown, "confidence", 80, 24, Memory()))
    # A step of a model of half a billion weights takes a quarter of a second on a fast processor.
    assert (time.thread_time() - began) / 50 < 0.02 * 0.25


def test_a_long_prompt_is_shortened_in_the_middle():
    lines = canvas_lines(event(prompt="x" * 2000), "tokens", 40, Sheet())
    shown = ["".join(text for text, _ in line.runs) for line in lines]
    assert shown[2] == "…"
    assert len(shown) < 10


def test_a_frame_says_how_much_there_is_beyond():
    settled = [("word ", "settled")] * 400
    shown = plain(event(answer=[*settled, ("HERE", "fresh"), *settled]), 40, 20)
    above, below = (re.search(rf"⋯ (\d+) lines {where}", "\n".join(shown)) for where in WHERE)
    canvas = len(canvas_lines(event(answer=[*settled, *settled]), "tokens", 39, Sheet()))
    first, last = (next(i for i, row in enumerate(shown) if f" {w}" in row) for w in WHERE)
    assert int(above[1]) + int(below[1]) + last - first - 1 == pytest.approx(canvas, abs=1)
    assert not [row for row in plain(event()) if "⋯" in row]


WHERE = ("above", "below")


def test_the_view_follows_the_newest_token():
    settled = [("word ", "settled")] * 400
    answer = [*settled, ("HERE", "fresh"), *settled]
    assert "HERE" in "\n".join(plain(event(answer=answer), 40, 12))


# ------------------------------------------------------------------------- on a terminal


class TwoScreens(pyte.Screen):
    """A terminal with a second screen, which programs may have to themselves."""

    def set_mode(self, *modes, **options):
        if 1049 in modes and options.get("private"):
            self.save_cursor()
            self.kept = [dict(self.buffer[row]) for row in range(self.lines)]
            self.buffer.clear()
        super().set_mode(*modes, **options)

    def reset_mode(self, *modes, **options):
        if 1049 in modes and options.get("private"):
            self.buffer.clear()
            for row, cells in enumerate(self.kept):
                self.buffer[row].update(cells)
            self.restore_cursor()
        super().reset_mode(*modes, **options)


class Screen:
    """A terminal that draws regions, and its console."""

    def __init__(self, width=40, height=10):
        self.screen = TwoScreens(width, height)
        self.stream = pyte.Stream(self.screen)
        self.console = console(width, height)
        self.console.file.write = self.stream.feed
        self.region = Region(self.console, palette(self.console))

    def rows(self):
        return [row.rstrip() for row in self.screen.display]


def lines(*texts):
    return [Line([(text, "")], cell_len(text)) for text in texts]


def test_a_region_is_painted_over_and_cleared_away():
    shown = Screen()
    shown.stream.feed("$ before\r\n")
    shown.screen.set_mode(pyte.modes.LNM)
    for texts in (("a", "bb", "ccc"), ("x",), ("1", "2")):
        shown.region.draw(lines(*texts))
        assert shown.rows()[: len(texts) + 2] == ["$ before", *texts, ""]
    shown.region.close()
    assert shown.rows() == ["$ before", *[""] * 9]
    assert (shown.screen.cursor.y, shown.screen.cursor.x) == (1, 0)


def test_a_line_that_is_wider_than_believed_stays_one_line():
    shown = Screen(width=5)
    shown.screen.set_mode(pyte.modes.LNM)
    shown.region.draw([Line([("abcdefgh", "")], 4), *lines("next")])
    assert shown.rows()[1] == "next"


def test_after_a_resize_nothing_old_is_left(monkeypatch):
    # A terminal that cuts lines, as this one does.
    monkeypatch.setenv("XTERM_VERSION", "XTerm(390)")
    shown = Screen()
    shown.stream.feed("$ before\r\n")
    shown.screen.set_mode(pyte.modes.LNM)
    shown.region.draw(lines("a" * 30, "b" * 30))
    shown.screen.resize(10, 20)
    shown.console.size = (20, 10)
    assert shown.region.resized
    shown.region.draw(lines("new"))
    assert [row for row in shown.rows() if row] == ["new"]
    shown.region.close()
    assert [row for row in shown.rows() if row] == ["$ before"]


def test_after_a_resize_lines_are_where_they_were_wrapped_anew(monkeypatch):
    monkeypatch.delenv("XTERM_VERSION", raising=False)
    monkeypatch.delenv("STY", raising=False)
    shown = Screen()
    shown.region.draw(lines("a" * 30, "b" * 30, "c"))
    shown.console.size = (20, 10)
    shown.console.file.write = (sent := []).append
    shown.region.close()
    # Two rows, two rows and one: up by four.
    assert sent[0].startswith("\r\x1b[4A\x1b[K\x1b[J")


def test_what_fills_the_screen_has_one_of_its_own():
    shown = Screen()
    shown.stream.feed("$ before\r\n")
    shown.screen.set_mode(pyte.modes.LNM)
    shown.region.draw(lines("loading"))
    assert shown.rows()[:2] == ["$ before", "loading"]
    shown.region.draw(lines(*"abcdefghi"))
    assert shown.rows() == [*"abcdefghi", ""]
    shown.region.draw(lines("x"))
    assert shown.rows()[:2] == ["x", ""]
    shown.region.close()
    assert shown.rows() == ["$ before", *[""] * 9]
    assert (shown.screen.cursor.y, shown.screen.cursor.x) == (1, 0)


@pytest.mark.parametrize(
    ("alone", "gone", "again"),
    [
        (True, "\x1b[K\x1b[J\x1b[?1049l", "\r\x1b[K\x1b[J\x1b[?1049h\x1b[H"),
        (False, "\x1b[K\x1b[J", "\r"),
    ],
)
def test_a_view_gives_the_terminal_away_and_takes_it_back(alone, gone, again):
    screen = console()
    with LiveView("tokens", screen, alone=alone) as view:
        view.event(event())
        wait_for(lambda: "step 4/8" in screen.file.getvalue())
        view.pause()
        view.pause()
        paused = screen.file.getvalue()
        assert paused.endswith(f"{gone}\x1b[?25h")
        view.event(event(index=5))
        time.sleep(0.3)
        assert screen.file.getvalue() == paused
        view.redraw()
        view.redraw()
        wait_for(lambda: "step 6/8" in screen.file.getvalue())
        # From where the cursor is, and not from above.
        begun = screen.file.getvalue()[len(paused) :].partition("hoshi-tiny")[0]
        assert begun.removesuffix("\x1b[2m") == f"\x1b[?25l\x1b[?2026h\x1b[?7l{again}"
    ended = screen.file.getvalue()
    view.pause()
    view.redraw()
    assert screen.file.getvalue() == ended


@pytest.mark.parametrize("bar", [Bar, BatchBar])
def test_a_bar_gives_the_terminal_away_and_takes_it_back(bar):
    screen = console()
    shown = bar(screen)
    shown.pause()
    shown.redraw()
    assert screen.file.getvalue() == ""
    with shown:
        wait_for(lambda: "─" in screen.file.getvalue())
        shown.pause()
        shown.pause()
        paused = screen.file.getvalue()
        assert "\x1b[?25h" in paused[-20:]
        shown.redraw()
        wait_for(lambda: "─" in screen.file.getvalue()[len(paused) :])
    assert "\x1b[?25h" in screen.file.getvalue()[-20:]


def wait_for(true):
    for _ in range(200):
        if true():
            return
        time.sleep(0.02)
    raise AssertionError


def test_a_view_shows_its_last_frame_and_at_most_thirty_a_second():
    screen = console()
    with LiveView("order", screen) as view:
        began = time.monotonic()
        for index in range(100):
            view.event(event(index=index, total=100))
        time.sleep(0.3)
        frames = screen.file.getvalue().count("\x1b[?2026h")
        assert 1 <= frames <= 2 + 30 * (time.monotonic() - began)
        assert "step 100/100" in screen.file.getvalue()
    assert screen.file.getvalue().endswith("\x1b[?25h")


def test_plain_lines(capsys):
    PlainLines().event(event())
    line = capsys.readouterr().err
    assert line.startswith("step 4/8, 2 masked: The capital▁▁東京🌠⏎[bold]")
    assert line.count("\n") == 1


def test_figures():
    assert [duration(s) for s in (0.4, 59, 60, 3723)] == ["0 s", "59 s", "1:00", "1:02:03"]
    assert [speed(v) for v in (1.25, 99.96, 1234.5)] == [
        "1.2 tokens/s",
        "100.0 tokens/s",
        "1234 tokens/s",
    ]
    assert seconds_left(event(index=3, total=8, elapsed=2.0)) == pytest.approx(2.0)
    assert seconds_left(event(total=None)) is None
    sure = event(index=0, total=400, elapsed=7.0)
    sure.run.settings["threshold"] = 0.9
    assert seconds_left(sure) == pytest.approx(2.0)
    assert progress_facts(event())[0] == "step 4/8"


def test_a_run_that_takes_a_while_says_so_before():
    """Behind its second step, when its pace is known."""
    long = "this will take about 4 minutes: up to 128 steps of 2.0 s"
    assert expectation(event(index=1, total=128, elapsed=4.0)) == long
    others = [event(index=i, total=128, elapsed=2.0 * (i + 1)) for i in (0, 2)]
    assert expectation(event(index=1, total=50, elapsed=0.5)).startswith(
        "this will take about 12 s"
    )
    short = event(index=1, total=50, elapsed=0.39)
    assert [expectation(each) for each in (*others, short)] == [None] * 3
    assert [minutes(s) for s in (121, 3600, 4200)] == ["2 minutes", "1 hour", "1 hour 10 minutes"]


def test_a_model_that_takes_a_while_says_so_once():
    slow, quick = LoadExpectation(), LoadExpectation()
    shares = [(0.0, 5.0), (0.01, 5.5), (0.05, 6.5), (0.5, 20.0)]
    told = [slow.line(share, now) for share, now in shares]
    assert told == [None, None, "this will take about 30 s to load", None]
    assert [quick.line(share, now) for share, now in [(0.0, 5.0), (0.2, 6.5)]] == [None, None]


def test_what_will_take_minutes_is_told_in_place_and_in_lines(capsys):
    long = event(index=1, total=128, elapsed=4.0)
    screen = console()
    with Bar(screen) as bar:
        bar.event(long)
    assert "this will take about" in screen.file.getvalue()
    Expectation().event(long)
    assert capsys.readouterr().err == f"{expectation(long)}\n"


def test_loading_is_shown_only_where_it_takes_a_moment():
    for patience, shown in ((60, False), (0, True)):
        screen = console()
        with Loading(screen) as display:
            display.PATIENCE = patience
            for share in (0.1, 0.4):
                display.loading(share)
                time.sleep(0.2)
            assert ("40%" in screen.file.getvalue()) == shown
            display.loading(1.0)
            done = screen.file.getvalue()
            display.finish(None)
        assert screen.file.getvalue() == done


def test_summary_says_when_it_was_cut_short():
    result = SimpleNamespace(
        timings={"generate": 1.5, "tokens_per_second": 8.0},
        completion_tokens=12,
        steps=4,
        nfe=4,
        seed=7,
        stop_reason="interrupted",
    )
    assert summary(result) == (
        "12 tokens · 4 steps · NFE 4 · 1.50 s · 8.0 tokens/s · seed 7 · interrupted"
    )


def revised(view, **facts):
    """The lines of a step that has replaced a token and taken one back."""
    answer = [("The", "settled"), (" city", "replaced"), (MASK_CELL, "remasked"), ("x", "fresh")]
    shown = event(answer)
    vars(shown.run).update(facts)
    return frame(shown, view, 80, 24, Memory())


@pytest.mark.parametrize("view", VIEWS)
def test_what_is_replaced_or_taken_back_has_a_look_and_a_legend_of_its_own(view):
    runs = [run for line in revised(view, revisions=("remasked", "replaced")) for run in line.runs]
    assert [text.strip("▂ ") for text, look in runs if look == "remasked"] == ["", ""]
    assert (MASK_KEY, "remasked") in runs
    assert ("city", "replaced") in runs
    assert ("replaced", "replaced") in runs
    looks = palette(Console(no_color=True))
    assert len({str(looks[name]) for name in ("masked", "remasked", "replaced", "fresh")}) == 4


def test_what_the_model_would_put_there_is_shown_where_it_is_masked():
    shown = event([("The", "settled"), *[(MASK_CELL, "masked")] * 4])
    pieces = {7: b" kite", 8: b"\n", 9: "星".encode()[:2]}
    vars(shown.run)["words"] = SimpleNamespace(piece=pieces.__getitem__)
    tops = [((7, 0.5),), ((8, 0.4), (7, 0.1)), ((9, 0.9),), ()]
    found = (Candidates(13 + i, 0.5, top) for i, top in enumerate(tops))
    shown.step = replace(shown.step, proposals=tuple(found))
    runs = [run for line in frame(shown, "proposals", 80, 24, Memory()) for run in line.runs]
    ghosts = "".join(text for text, look in runs if look == "ghost")
    assert "".join(ghosts.split()) == "kite⏎·proposed"
    assert len([text for text, look in runs if look == "masked" and "▂" in text]) == 2
    assert "kite" not in "\n".join(plain(shown, view="tokens"))
    assert view_of("proposals", diffusion=False) == "confidence"


def test_a_run_that_takes_nothing_back_has_no_legend_for_it():
    words = "".join(text for line in revised("tokens") for text, _ in line.runs)
    assert "taken back" not in words


def test_a_step_function_is_named_in_place_of_the_algorithm():
    settings = {"algorithm": "confidence", "schedule": "block", "step": "mine:step"}
    words = "".join(text for line in revised("tokens", settings=settings) for text, _ in line.runs)
    assert "mine:step · block" in words
    assert "confidence" not in words


# ------------------------------------------------------------------------------ likelihoods

SCORED = [("Mia", -9.0), (" saw", -0.1), ("\n", -3.0), ("\x1b[31m🌠", None), ("[b]", -1.0)]


def coloured(**options):
    tokens = tuple(ScoredToken(text, 5, nats, None) for text, nats in SCORED)
    out = io.StringIO()
    show_coloured([SimpleNamespace(tokens=tokens)], Console(file=out, width=80, **options))
    return out.getvalue()


def test_a_text_by_likelihood_has_a_colour_a_level():
    shown = coloured(force_terminal=True, color_system="truecolor")
    paper = Console(color_system="truecolor").get_style(f"on {DOUBT[0].paper}").bgcolor.triplet
    assert ";".join(map(str, paper)) in shown.split("Mia")[0]
    # What is likely is plain.
    assert shown.split("Mia")[1].startswith("\x1b[0m saw")
    assert "\x1b[31m" not in shown
    assert "≥0.5" in shown


def test_without_colours_the_text_is_whole():
    plain = coloured(force_terminal=False, no_color=True)
    assert plain.startswith("Mia saw\n·[31m🌠[b]\n")
    assert "\x1b" not in plain


def test_a_model_that_edits_has_a_legend_for_that_alone():
    runs = [run for line in revised("tokens", revisions=("replaced",)) for run in line.runs]
    assert ("replaced", "replaced") in runs
    assert (" taken back", "dim") not in runs


def test_blocks_are_named_in_place_of_the_schedule():
    facts = {"settings": {"algorithm": "confidence", "block_length": 8}, "model": {"name": "m"}}
    facts["model"]["kind"] = "block"
    words = "".join(text for line in revised("tokens", **facts) for text, _ in line.runs)
    assert "confidence · blocks of 8" in words


def test_a_finished_block_is_settled_and_the_one_under_way_lives():
    cell = Cell(5, 7, "kite", "settled", 0.5, 3)
    assert shade(replace(cell, live=False), "tokens", 3, 9) == "settled"
    assert shade(replace(cell, live=True), "tokens", 30, 90) == "recent"
    assert shade(replace(cell, live=True, step=None), "tokens", 3, 9) == "settled"
    assert shade(replace(cell, live=True, state="replaced"), "tokens", 3, 9) == "replaced"
    assert shade(replace(cell, live=True), "confidence", 3, 9) == "confidence 2"
