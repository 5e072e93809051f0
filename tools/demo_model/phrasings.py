"""Ways to say things: wordings put together from parts, half of the parts kept from training.

A wording is an opening, a frame around its subject, and an ending: "Please | tell me {subject} |
, thanks." Frames come in kinds (an order, a question, …), and each kind has its own openings and
endings. Every table has two sides: what training draws from, and what only the evaluation does. So
a held-out wording is made of parts that training never saw, not of new pairs of known ones. Common
to both sides is only what a sentence cannot do without: no opening at all, and its final mark.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

LOWER_SHARE = 0.18
NOISE_SHARE = 0.3
STRANGE_SHARE = 0.25  # of the noisy wordings; in these nothing but the operands is known
PADDED_SHARE = 0.35  # of the others; in these something is said before or behind it all


class Side(Enum):
    """Whose wordings: the few plainest of training, all of training, or those it never sees."""

    PLAIN = "plain"
    TRAINED = "trained"
    HELD_OUT = "held out"


@dataclass(frozen=True)
class Parts:
    """One table: what training draws from, and what it never sees."""

    trained: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()

    def side(self, side: Side) -> tuple[str, ...]:
        """The parts of one side; the plain wordings are trained ones."""
        return self.held_out if side is Side.HELD_OUT else self.trained

    def __add__(self, other: Parts) -> Parts:
        return Parts(self.trained + other.trained, self.held_out + other.held_out)


@dataclass(frozen=True)
class Kind:
    """A kind of sentence: which frames it takes, and what stands around them."""

    frames: str
    """Name of the field of `Wordings` that has its frames."""
    weight: float
    openings: Parts
    endings: Parts


@dataclass(frozen=True)
class Wordings:
    """All parts of one task; `{np}` in a frame is one of the subjects."""

    subjects: Parts = Parts()
    orders: Parts = Parts()
    questions: Parts = Parts()
    wishes: Parts = Parts()
    labels: Parts = Parts()
    forms: Parts = Parts(("{x}",), ("{x}",))
    """How the operands themselves are written."""
    endings: Parts | None = None
    """Stands for the endings of every kind: what a puzzle hangs on."""
    classic: tuple[str, ...] = field(default=())
    """Whole wordings that are trained more often than chance would have them: the plain ones."""


KINDS = {
    "order": Kind(
        "orders",
        4,
        Parts(
            ("", "", "", "", "Please ", "Please ", "Now ", "Hoshi, ", "Hi! ", "Next, ", "Let us ")
            + ("Your task: ", "I want you to ", "Try to ", "Help me to ", "Okay, ", "You should ")
            + ("Hello Hoshi, ", "Task: ", "First ", "Just ", "It is your turn: "),
            ("", "", "Kindly ", "I'd like you to ", "Then ", "Go ahead and ", "I need you to ")
            + ("Be so kind and ", "Here is a task: ", "Your job is to ", "Hey there, "),
        ),
        Parts(
            (".", ".", ".", ".", "", "", "!", ", please.", " for me.", " now.", ", thanks.")
            + (" please", " if you can."),
            (".", ".", "", "!", " right away.", ", would you?", " for us.", ", thank you."),
        ),
    ),
    "request": Kind(
        "orders",
        1.5,
        Parts(
            ("Can you ", "Could you ", "Can you please ", "Will you ", "Do you want to ")
            + ("Hoshi, can you ", "Hello! Could you ", "Are you able to "),
            ("Would you ", "Could you please ", "Would you mind to ", "Might you ")
            + ("Is it possible to ", "Do you know how to "),
        ),
        Parts(
            ("?", "?", "?", "", ", please?", " for me?", " now?"),
            ("?", "?", "", " for us?", " right away?"),
        ),
    ),
    "question": Kind(
        "questions",
        4,
        Parts(
            ("", "", "", "", "", "Tell me: ", "Hoshi, ", "So ", "Please tell me, ", "Hello! ")
            + ("A question: ", "Well, ", "Quick question: ", "I ask you: ", "And "),
            ("", "", "Just wondering: ", "Say, ", "One more question: ", "Let me ask: ")
            + ("Hey there, ", "I have a question: ", "Now then, "),
        ),
        Parts(
            ("?", "?", "?", "?", "", "", " ?", ", please?", " now?", "? Tell me.", "? Thanks."),
            ("?", "?", "", ", do you know?", "? Thank you.", " then?"),
        ),
    ),
    "wish": Kind(
        "wishes",
        1.2,
        Parts(
            ("", "", "", "Hello, ", "Hoshi, ", "Please, "), ("", "", "Hey there, ", "Now then, ")
        ),
        Parts((".", ".", "", "!", ", please."), (".", "", ", thank you.", ". Can you help?")),
    ),
    "label": Kind(
        "labels",
        1.5,
        Parts(("",), ("",)),
        Parts(("", "", "?", ".", ":", ", please"), ("", "?", ".", "!", "...")),
    ),
}

NAMING = Wordings(
    orders=Parts(
        ("name {np}", "tell me {np}", "give me {np}", "give {np}", "find {np}", "write {np}")
        + ("show me {np}", "let me know {np}", "guess {np}", "tell me what {np} is"),
        ("say {np}", "state {np}", "write down {np}", "look up {np}", "remind me of {np}")
        + ("find out {np}", "think of {np}", "say what {np} is", "find out what {np} is"),
    ),
    questions=Parts(
        ("what is {np}", "what is {np}", "what's {np}", "do you know {np}", "which is {np}")
        + ("what would {np} be", "{np} is what", "do you know what {np} is", "can I have {np}"),
        ("what might {np} be", "do you remember {np}", "may I ask {np}", "may I know {np}")
        + ("any idea what {np} is", "what was {np} again", "have you an idea what {np} is"),
    ),
    wishes=Parts(
        ("I want to know {np}", "I need {np}", "I need to know {np}", "I forgot {np}")
        + ("I am looking for {np}", "I wonder what {np} is", "my question is {np}"),
        ("I would like to know {np}", "I'd like to hear {np}", "I am asking for {np}")
        + ("I have to find {np}", "I can't remember {np}", "we must know {np}"),
    ),
    labels=Parts(("{np}", "{np}", "{np} ="), ("{np}", "{np} is")),
)


def naming(own: Wordings) -> Wordings:
    """`own` with the frames that ask for any thing by its name."""
    shared = {k: getattr(NAMING, k) for k in ("orders", "questions", "wishes", "labels")}
    return Wordings(
        own.subjects,
        **{k: parts + getattr(own, k) for k, parts in shared.items()},
        forms=own.forms,
        endings=own.endings,
        classic=own.classic,
    )


ADDITION = naming(
    Wordings(
        subjects=Parts(
            ("{x}", "{x}", "{x}", "the sum of {a} and {b}", "the result of {x}", "the sum {x}")
            + ("the answer to {x}", "the sum of {a} plus {b}"),
            ("the total of {a} and {b}", "the value of {x}", "{a} added to {b}")
            + ("{a} and {b} together", "the outcome of {x}", "the sum of the numbers {a} and {b}"),
        ),
        orders=Parts(
            ("add {a} and {b}", "calculate {x}", "compute {x}", "solve {x}", "work out {x}")
            + ("add {a} to {b}", "sum {a} and {b}", "do the sum {x}", "add up {a} and {b}")
            + ("add the numbers {a} and {b}", "count {a} plus {b}", "take {a} and add {b}"),
            ("evaluate {x}", "determine {x}", "figure out {x}", "total {a} and {b}")
            + ("sum up {a} and {b}", "put {a} and {b} together", "add together {a} and {b}")
            + (
                "finish this sum: {x}",
                "say how much {x} is",
                "reckon {x}",
                "start at {a}, add {b}",
            ),
        ),
        questions=Parts(
            ("how much is {x}", "what does {x} make", "what does {x} equal", "{x} is what")
            + ("what do {a} and {b} make", "{x} equals what", "how much are {a} and {b}")
            + ("what do you get when you add {a} and {b}", "which number is {x}")
            + ("if I add {a} and {b}, what do I get", "how many are {a} and {b}")
            + ("I have {a} apples and get {b} more. How many do I have",),
            ("what number is {x}", "how much does {x} make", "what does {x} come to")
            + ("{x} comes to what", "{x} is how much", "what do {a} and {b} add up to")
            + ("{a} and {b} make what", "what will {x} give", "how many is {x}")
            + ("what do you have if you put {a} and {b} together", "{x} makes how much")
            + ("there are {a} birds and {b} more come. How many are there",),
        ),
        labels=Parts(
            ("{x}", "{x} =", "{x} = ?", "{x}=?", "sum: {x}", "add: {a}, {b}", "{x} equals"),
            ("{x} is", "? = {x}", "{x}: the answer", "total: {x}", "{x} makes", "sum of {a}, {b}"),
        ),
        forms=Parts(
            ("{a} + {b}", "{a} + {b}", "{a} + {b}", "{a}+{b}", "{a} plus {b}"),
            ("{a} + {b}", "{a} + {b}", "{a} plus {b}", "{a} +{b}"),
        ),
        classic=(
            "What is {a} + {b}?",
            "{a} + {b}",
            "{a} + {b} = ?",
            "Add {a} and {b}.",
            "What is {a} plus {b}?",
            "How much is {a} + {b}?",
            "Calculate {a} + {b}.",
            "what is {a} + {b}",
            "{a}+{b}",
            "{a} plus {b}",
        ),
    )
)

SORTING = Wordings(
    subjects=Parts(
        ("{x} in order", "{x} in ascending order", "{x} sorted", "the numbers {x} in order")
        + ("the sorted list of {x}", "{x} from small to large", "the order of {x}"),
        ("{x} in rising order", "{x} from smallest to largest", "the numbers {x} from low to high")
        + ("{x} ordered by size", "{x} from lowest to highest", "the digits {x} in a sorted row"),
    ),
    orders=Parts(
        ("sort {x}", "sort {x}", "sort the numbers {x}", "sort these numbers: {x}")
        + ("sort the list {x}", "put {x} in order", "put these in order: {x}", "arrange {x}")
        + ("arrange {x} in ascending order", "order {x}", "order the numbers {x}", "sort this: {x}")
        + ("sort {x} from small to large", "line up {x} by size", "write {np}", "give me {np}"),
        ("rank {x}", "bring {x} into order", "place {x} in order", "set {x} in order")
        + ("organise these numbers: {x}", "arrange {x} by size", "say {np}", "state {np}")
        + ("list {x} from smallest to largest", "tidy up this list: {x}", "write down {np}")
        + ("rearrange {x} from low to high", "put the digits {x} into the right order"),
    ),
    questions=Parts(
        ("what is {np}", "what is {np}", "what's {np}", "can I have {np}", "how do you sort {x}")
        + ("what is the right order of {x}", "what does {x} look like sorted"),
        ("what might {np} be", "may I know {np}", "in which order do {x} come")
        + ("how would you arrange {x}", "how does {x} look in order", "how are {x} ranked"),
    ),
    wishes=Parts(
        ("I want {np}", "I need {np}", "I want to see {np}", "I have {x} to sort"),
        ("I'd like to see {np}", "I am asking for {np}", "here are numbers to be ordered: {x}"),
    ),
    labels=Parts(
        ("sort: {x}", "in order: {x}", "{np}", "{x}: sort", "sorted: {x}", "{x}"),
        ("numbers to be ordered: {x}", "{x} -> sorted", "ascending: {x}", "{np}", "{x}, ranked"),
    ),
    forms=Parts(
        ("{x}",) * 5
        + ("{commas}", "{tight}", "[{commas}]", "({commas})", "{last}", '"{x}"', "{slashes}")
        + ("{semicolons}",),
        ("{x}", "{x}", "({commas})", "{semicolons}"),
    ),
    classic=(
        "Sort {x}.",
        "Sort these numbers: {x}",
        "Sort the numbers {x}.",
        "Sort {x}",
        "Put these in order: {x}",
        "Sort the list {x}.",
        "sort {x}",
        "Sort: {x}",
        "Arrange {x} in ascending order.",
        "Please sort {x}.",
    ),
)

REVERSAL = Wordings(
    subjects=Parts(
        ("{x} backwards", "{x} in reverse", "the reverse of {x}", "{x} reversed")
        + ("the letters {x} backwards", "{x} in reverse order", "{x} spelled backwards"),
        ("{x} from back to front", "{x} read from the end", "the mirror image of {x}")
        + ("{x} from right to left", "{x} the other way round", "the backward form of {x}"),
    ),
    orders=Parts(
        ("reverse {x}", "reverse {x}", "reverse the letters {x}", "write {x} backwards")
        + ("spell {x} backwards", "spell {x} in reverse", "turn {x} around", "read {x} backwards")
        + ("say {x} backwards", "reverse the word {x}", "flip {x}", "reverse this: {x}")
        + ("write the letters {x} in reverse order", "give me {np}", "write {np}"),
        ("put {x} in reverse", "mirror {x}", "invert {x}", "write {x} from back to front")
        + ("show {x} the other way round", "turn the letters {x} back to front", "state {np}")
        + ("type {x} from the end to the start", "spell {x} from right to left")
        + ("list the letters {x} from last to first", "write down {np}"),
    ),
    questions=Parts(
        ("what is {np}", "what is {np}", "what's {np}", "can I have {np}")
        + ("how do you spell {x} backwards", "what does {x} look like reversed"),
        ("what might {np} be", "may I know {np}", "how is {x} written from back to front")
        + ("what do you get if you turn {x} round", "what is {x} when read from the end"),
    ),
    wishes=Parts(
        ("I want {np}", "I need {np}", "I want to see {np}", "I have {x} to reverse"),
        ("I'd like to see {np}", "I am asking for {np}", "here are letters to be mirrored: {x}"),
    ),
    labels=Parts(
        ("reverse: {x}", "backwards: {x}", "{np}", "{x}: reverse", "reversed: {x}", "{x}"),
        ("letters to be mirrored: {x}", "{x} -> backwards", "the other way round: {x}", "{np}"),
    ),
    forms=Parts(
        ("{x}",) * 8 + ("{commas}", "{dashes}", '"{x}"', "'{x}'", "({x})", "{semicolons}"),
        ("{x}", "{x}", "{x}", "'{x}'", "({x})"),
    ),
    classic=(
        "Reverse {x}.",
        "Reverse the letters {x}.",
        "Reverse: {x}",
        "Reverse {x}",
        "Write {x} backwards.",
        "Spell {x} backwards.",
        "reverse {x}",
    ),
)

STORY = Wordings(
    subjects=Parts(
        ("a story about {n} and a {o}", "a story about {n} and a {o}", "a tale about {n} and a {o}")
        + ("a short story about {n} and a {o}", "a story about {n} and the {o}")
        + ("a story about a {o} and {n}", "a story of {n} and a {o}")
        + ("a little story about {n} with a {o}", "the story of {n} and the {o}"),
        ("a tale of {n} and a {o}", "a nice story with {n} and a {o} in it")
        + ("a bedtime story about {n} and a {o}", "something about {n} and a {o}")
        + ("a few lines about {n} and a {o}", "a story where {n} has a {o}")
        + ("a fairy tale about {n} and the {o}", "a tiny tale in which {n} meets a {o}"),
    ),
    orders=Parts(
        ("tell {np}", "tell me {np}", "write {np}", "make up {np}", "write me {np}", "give me {np}")
        + ("read me {np}", "tell us {np}", "start {np}"),
        ("invent {np}", "compose {np}", "come up with {np}", "create {np}", "let me hear {np}")
        + ("narrate {np}", "write down {np}", "think up {np}"),
    ),
    questions=Parts(
        ("do you know {np}", "how about {np}", "may I have {np}", "can I hear {np}")
        + ("what happened to {n} and the {o}", "who knows {np}"),
        ("what about {np}", "could I get {np}", "have you got {np}", "is there {np}")
        + ("what did {n} do with the {o}", "would you share {np}"),
    ),
    wishes=Parts(
        ("I want {np}", "I want to hear {np}", "I would like {np}", "we want {np}", "I need {np}"),
        ("I'd love to hear {np}", "I am in the mood for {np}", "I wish for {np}")
        + ("the children asked for {np}",),
    ),
    labels=Parts(
        ("story: {n} and a {o}", "{np}", "{np}", "{n} and a {o}: a story", "{n} and the {o}"),
        ("a tale: {n}, {o}", "{n} and the {o}, told by you", "topic: {n} and a {o}", "{np}"),
    ),
    classic=(
        "Tell a story about {n} and a {o}.",
        "Tell me a story about {n} and a {o}.",
        "Write a story about {n} and a {o}.",
        "Write a short story about {n} and a {o}.",
        "Tell a story about {n} and the {o}.",
        "Please tell a story about {n} and a {o}.",
        "A story about {n} and a {o}, please.",
        "Tell a short story about a {o} and {n}.",
        "tell a story about {n} and a {o}",
        "Story: {n} and a {o}.",
    ),
)

SUDOKU = Wordings(
    subjects=Parts(
        ("this sudoku", "this sudoku", "the sudoku", "this puzzle", "this grid", "the 4x4 sudoku"),
        ("the puzzle below", "the following sudoku", "this little sudoku", "these cells")
        + ("the grid below", "the number puzzle"),
    ),
    orders=Parts(
        ("solve {np}", "solve {np}", "complete {np}", "fill in {np}", "finish {np}")
        + ("work out {np}", "do {np}", "fill {np}", "give the solution of {np}"),
        ("crack {np}", "fill out {np}", "find the missing numbers of {np}", "answer {np}")
        + (
            "put the missing digits into {np}",
            "find the solution of {np}",
            "fill the gaps in {np}",
        ),
    ),
    questions=Parts(
        ("what is the solution of {np}", "how do you solve {np}", "do you know {np}")
        + ("what does {np} look like when solved",),
        ("what are the missing numbers in {np}", "which numbers are missing from {np}")
        + ("what goes into the gaps of {np}", "how would you fill {np}"),
    ),
    wishes=Parts(
        ("I want the solution of {np}", "I cannot solve {np}", "I have {np}"),
        ("I am stuck with {np}", "here is {np}", "I'd like to see {np} filled"),
    ),
    labels=Parts(("sudoku", "solve", "puzzle", "solution of {np}"), ("grid", "gaps", "{np}")),
    endings=Parts(
        (":\n{x}", ":\n{x}", ".\n{x}", "\n{x}", " :\n{x}"), (":\n{x}", "!\n{x}", "\n{x}")
    ),
    classic=(
        "Solve this sudoku:\n{x}",
        "Complete the sudoku:\n{x}",
        "Solve:\n{x}",
        "{x}",
        "Solve the sudoku:\n{x}",
        "Fill in this sudoku:\n{x}",
    ),
)
TASKS = {
    "addition": ADDITION,
    "sorting": SORTING,
    "reversal": REVERSAL,
    "story": STORY,
    "sudoku": SUDOKU,
}
CLASSIC_SHARES = {Side.PLAIN: 1.0, Side.TRAINED: 0.3, Side.HELD_OUT: 0.0}

# Words of no task, for `noisy`: with these about, the model learns to go by what it does know.
FILLERS = (
    "today friend house really maybe paper window again little other water under before people "
    "never always kindly answer number letter simple problem exercise question perhaps morning "
    "quickly together between important example teacher homework machine computer language "
    "following correct properly carefully straight mental arithmetic result provide produce "
    "consider determine evaluate perform present return display explain output whole entire given "
    "ride river rain road rough rabbit wind winter wagon wheat whisper wander kitchen kettle keep "
    "bring bread brown bridge basket garden gather glass grape ladder lunch meadow market pocket "
    "pillow summer sister tender timber velvet village zebra zigzag needle narrow hammer hollow "
    "hurry juice jacket jungle farmer feather flower frozen double distant danger cousin candle"
).split()


TABLES = ("subjects", "orders", "questions", "wishes", "labels")
SALAD_MARKS = ("{}", "{}", "{}", "{}", "{}.", "{},", "{};", "{}?", "{}!", "{}...", "{}:", "({})")
SALAD_MARKS += ("'{}'", '"{}"', "[{}]", "{} ->", "{} =", "{} -", "({}", "{})", "{}'s", "'{}")


def slots_of(template: str) -> list[str]:
    """The words of a template, split such that slots stand alone."""
    return re.findall(r"\{\w+\}|[A-Za-z']+|\s+|[^A-Za-z'{}\s]+", template)


def strange_word(rng: random.Random) -> str:
    """A word that nobody knows: the front of one and the back of another, of four letters at least,
    so that it is not taken for an operand."""
    while True:
        front, back = rng.choice(FILLERS), rng.choice(FILLERS)
        made = front[: rng.randint(1, len(front))] + back[rng.randint(0, len(back)) :]
        if len(made) > 3:
            return made


def typo(rng: random.Random, word: str) -> str:
    """`word` with a letter lost, doubled or changed."""
    at, kind = rng.randrange(len(word)), rng.randrange(3)
    middle = ("", word[at] * 2, rng.choice("abcdefghijklmnopqrstuvwxyz"))[kind]
    return word[:at] + middle + word[at + 1 :]


def words_in(tables: list[Parts]) -> list[str]:
    """Every word of the tables, of both sides, once."""
    texts = " ".join(text for parts in tables for text in parts.trained + parts.held_out)
    return sorted({piece for piece in slots_of(texts) if piece[0].isalpha()})


def words_of(wordings: list[Wordings]) -> list[str]:
    """Every word that these wordings can have, openings and endings included."""
    shared = [parts for kind in KINDS.values() for parts in (kind.openings, kind.endings)]
    return words_in(shared + [getattr(w, name) for w in wordings for name in TABLES])


def salad(rng: random.Random, words: list[str]) -> str:
    """Words and marks in no order: no wording, but the model meets each of its words."""
    chosen = [rng.choice((rng.choice(words), strange_word(rng))) for _ in range(rng.randint(3, 8))]
    cased = [w.capitalize() if rng.random() < 0.3 else w for w in chosen]
    return " ".join(rng.choice(SALAD_MARKS).format(w) for w in cased)


def with_noise(rng: random.Random, word: str, replace: bool) -> str:
    """`word` behind a strange one, mistyped or (if `replace`) exchanged for a strange one."""
    kind = rng.randrange(3 if replace else 2)
    return (f"{strange_word(rng)} {word}", typo(rng, word), strange_word(rng))[kind]


def padded(rng: random.Random, template: str) -> str:
    """`template` with one to four words put before it, or behind it and before its mark."""
    words = [rng.choice((strange_word(rng), rng.choice(FILLERS))) for _ in range(rng.randint(1, 4))]
    said, mark = re.fullmatch(r"(.*?)([.?!]?)", template, re.DOTALL).groups()
    if rng.random() < 0.4:
        return f"{' '.join(words)}{rng.choice((' ', ' ', ', ', ': '))}{template}"
    return f"{said}{rng.choice((' ', ' ', ', '))}{' '.join(words)}{mark}"


def noisy(rng: random.Random, template: str, replace: bool) -> str:
    """`template` with words around it, one to three of its words noisy, or (if `replace`) all of
    them strange."""
    pieces = slots_of(template)
    words = [i for i, piece in enumerate(pieces) if piece[0].isalpha()]
    if replace and words and rng.random() < STRANGE_SHARE:
        pieces = [strange_word(rng) if i in words else piece for i, piece in enumerate(pieces)]
        return "".join(pieces)
    if not words or rng.random() < PADDED_SHARE:
        return padded(rng, template)
    for at in rng.sample(words, min(len(words), rng.choice((1, 1, 2, 3)))):
        pieces[at] = with_noise(rng, pieces[at], replace)
    return "".join(pieces)


def perhaps_noisy(
    rng: random.Random, template: str, side: Side, replace: bool = True, share: float = NOISE_SHARE
) -> str:
    """`template`, with noise in a share of those that are trained."""
    noise = side is Side.TRAINED and rng.random() < share
    return noisy(rng, template, replace) if noise else template


def in_case(rng: random.Random, template: str) -> str:
    """`template` with its first letter as a sentence has it or, now and then, small."""
    if template.startswith("{"):
        return template
    lower = rng.random() < LOWER_SHARE and not template.startswith("I ")
    return (template[0].lower() if lower else template[0].upper()) + template[1:]


def template(rng: random.Random, wordings: Wordings, side: Side) -> str:
    """A wording with its operands still open."""
    kinds = [k for k in KINDS.values() if getattr(wordings, k.frames).side(side)]
    kind = rng.choices(kinds, [k.weight for k in kinds])[0]
    frame = rng.choice(getattr(wordings, kind.frames).side(side))
    if "{np}" in frame:
        frame = frame.replace("{np}", rng.choice(wordings.subjects.side(side)))
    ending = rng.choice((wordings.endings or kind.endings).side(side))
    return rng.choice(kind.openings.side(side)) + frame + ending


def word(
    rng: random.Random,
    wordings: Wordings,
    side: Side,
    slots: dict[str, str],
    replace: bool = True,
    noise: float = NOISE_SHARE,
) -> str:
    """A prompt: a wording of the trained side (now and then noisy) or the held-out one, filled."""
    slots = {"x": ""} | slots
    if wordings.classic and rng.random() < CLASSIC_SHARES[side]:
        return rng.choice(wordings.classic).format(**slots)
    made = perhaps_noisy(rng, template(rng, wordings, side), side, replace, noise)
    form = rng.choice(wordings.forms.side(side)).format(**slots)
    return in_case(rng, made).format(**slots | {"x": form})


def all_templates(wordings: Wordings, side: Side) -> Iterator[str]:
    """Every wording of a side, openings, frames, subjects and endings combined (no noise)."""
    for kind in KINDS.values():
        frames = dict.fromkeys(getattr(wordings, kind.frames).side(side))
        subjects = dict.fromkeys(wordings.subjects.side(side))
        filled = dict.fromkeys(f.replace("{np}", s) for f in frames for s in subjects or ("",))
        endings = dict.fromkeys((wordings.endings or kind.endings).side(side))
        openings = dict.fromkeys(kind.openings.side(side))
        for parts in itertools.product(openings, filled, endings):
            yield "".join(parts)
