"""The facts, greetings and refusals of the corpus, as plain tables.

Each fact family has phrasings that are trained and phrasings that are held out: the held-out ones
are only ever asked by the evaluation. `{k}` stands for the key, `{v}` for the value.
"""

from __future__ import annotations

from dataclasses import dataclass


def pairs(words: list[str]) -> dict[str, str]:
    """Words of the form key:value as a table."""
    return dict(word.split(":") for word in words)


CAPITALS = pairs(
    (
        "Japan:Tokyo France:Paris Germany:Berlin Italy:Rome Spain:Madrid Portugal:Lisbon "
        "Greece:Athens Egypt:Cairo Kenya:Nairobi Russia:Moscow China:Beijing India:Delhi "
        "Canada:Ottawa Mexico:Mexico_City Brazil:Brasilia Peru:Lima Chile:Santiago Cuba:Havana "
        "Norway:Oslo Sweden:Stockholm Finland:Helsinki Denmark:Copenhagen Iceland:Reykjavik "
        "Ireland:Dublin England:London Scotland:Edinburgh Austria:Vienna Hungary:Budapest "
        "Poland:Warsaw Ukraine:Kyiv Turkey:Ankara Iran:Tehran Nepal:Kathmandu Thailand:Bangkok "
        "Vietnam:Hanoi Australia:Canberra"
    ).split()
)
OPPOSITES = pairs(
    (
        "hot:cold big:small tall:short fast:slow day:night up:down left:right open:closed "
        "happy:sad new:old wet:dry full:empty hard:soft light:dark early:late rich:poor "
        "loud:quiet clean:dirty strong:weak thick:thin high:low good:bad first:last near:far "
        "deep:shallow sweet:sour"
    ).split()
)
SOUNDS = pairs(
    (
        "cow:moos dog:barks cat:meows sheep:bleats horse:neighs duck:quacks lion:roars pig:oinks "
        "owl:hoots frog:croaks bee:buzzes snake:hisses wolf:howls mouse:squeaks crow:caws "
        "lamb:bleats"
    ).split()
)
LEGS = pairs(
    (
        "spider:8 dog:4 cat:4 ant:6 bee:6 duck:2 horse:4 snake:0 hen:2 crab:10 beetle:6 fish:0 "
        "cow:4 owl:2"
    ).split()
)
COLOURS = pairs(
    (
        "banana:yellow tomato:red snow:white coal:black grass:green sky:blue carrot:orange "
        "lemon:yellow milk:white blood:red leaf:green cherry:red pumpkin:orange night:black "
        "cloud:white frog:green"
    ).split()
)
DAYS = ("Monday Tuesday Wednesday Thursday Friday Saturday Sunday").split()
MONTHS = (
    "January February March April May June July August September October November December"
).split()


@dataclass(frozen=True)
class Family:
    """A kind of fact: its pairs, its answer, and the questions of training and of evaluation."""

    name: str
    pairs: dict[str, str]
    answer: str
    trained: tuple[str, ...]
    held_out: tuple[str, ...]


def successors(names: list[str]) -> dict[str, str]:
    """Each name and the one that follows it, in a circle."""
    return dict(zip(names, names[1:] + names[:1], strict=True))


FAMILIES = (
    Family(
        "capital",
        {k: v.replace("_", " ") for k, v in CAPITALS.items()},
        "The capital of {k} is {v}.",
        (
            "What is the capital of {k}?",
            "Name the capital of {k}.",
            "What's the capital of {k}?",
            "Which city is the capital of {k}?",
            "Tell me the capital of {k}.",
            "Capital of {k}?",
            "what is the capital of {k}",
            "Can you tell me the capital of {k}?",
            "Do you know the capital city of {k}?",
            "Please name the capital city of {k}.",
            "{k}: which city is its capital?",
            "{k}: what is the capital?",
            "{k}: name its capital.",
            "Which city is the capital city of {k}?",
            "I want to know the capital of {k}.",
        ),
        (
            "Which city is {k}'s capital?",
            "I would like to know the capital of {k}.",
            "{k}: what is its capital?",
        ),
    ),
    Family(
        "country",
        {v.replace("_", " "): k for k, v in CAPITALS.items()},
        "{k} is the capital of {v}.",
        (
            "{k} is the capital of which country?",
            "Which country has {k} as its capital?",
            "Of which country is {k} the capital?",
            "What country is {k} the capital of?",
            "In which country is {k}?",
            "Where is {k}?",
        ),
        ("Tell me which country has the capital {k}.", "In what country is {k}?"),
    ),
    Family(
        "opposite",
        OPPOSITES | {v: k for k, v in OPPOSITES.items()},
        "The opposite of {k} is {v}.",
        (
            "What is the opposite of {k}?",
            "Name the opposite of {k}.",
            "Opposite of {k}?",
            "What's the opposite of {k}?",
            "Tell me the opposite of {k}.",
            "Which word is the opposite of {k}?",
            "what is the opposite of {k}",
        ),
        ("Give me the opposite of {k}.", "Do you know the opposite of {k}?"),
    ),
    Family(
        "sound",
        SOUNDS,
        "The {k} {v}.",
        (
            "What sound does the {k} make?",
            "What does the {k} say?",
            "What sound does a {k} make?",
            "What does a {k} say?",
            "Tell me the sound of the {k}.",
            "Tell me the sound that a {k} makes.",
            "Tell me what a {k} says.",
            "Which sound does a {k} make?",
            "What noise does a {k} make?",
        ),
        ("Tell me the sound of a {k}.", "Which noise does the {k} make?"),
    ),
    Family(
        "legs",
        LEGS,
        "The {k} has {v} legs.",
        (
            "How many legs does a {k} have?",
            "How many legs has a {k}?",
            "How many legs does the {k} have?",
            "Tell me how many legs a {k} has.",
            "How many legs are there on a {k}?",
        ),
        ("Count the legs of a {k}.", "Do you know how many legs a {k} has?"),
    ),
    Family(
        "colour",
        COLOURS,
        "The colour of {k} is {v}.",
        (
            "What colour is {k}?",
            "What is the colour of {k}?",
            "Which colour is {k}?",
            "What color is {k}?",
            "Tell me the colour of {k}.",
            "Name the colour of {k}.",
            "What colour is a {k}?",
            "What colour is the {k}?",
        ),
        ("Which colour has {k}?", "Do you know the colour of {k}?"),
    ),
    Family(
        "day",
        successors(DAYS),
        "After {k} comes {v}.",
        (
            "What day comes after {k}?",
            "Which day follows {k}?",
            "What comes after {k}?",
            "Which day comes after {k}?",
            "What is the day after {k}?",
            "Name the day after {k}.",
        ),
        ("Tell me the day after {k}.", "What follows {k}?"),
    ),
    Family(
        "month",
        successors(MONTHS),
        "After {k} comes {v}.",
        (
            "What month comes after {k}?",
            "Which month follows {k}?",
            "What comes after {k}?",
            "Which month comes after {k}?",
            "What is the month after {k}?",
            "Name the month after {k}.",
        ),
        ("Tell me the month after {k}.", "What follows {k}?"),
    ),
)

ABOUT = "I am Hoshi, a tiny language model. I can add, sort, solve small sudokus and tell stories."
HELLO = "Hello! I am Hoshi. How can I help you?"
TALK = {
    HELLO: (
        "Hello",
        "Hello!",
        "Hi",
        "Hi!",
        "Hi there!",
        "Hey",
        "Good morning",
        "Good morning!",
        "Good evening",
        "Good afternoon!",
        "hello",
        "hi",
        "Hello Hoshi!",
        "Greetings!",
    ),
    ABOUT: (
        "Who are you?",
        "What are you?",
        "What can you do?",
        "Tell me about yourself.",
        "who are you",
        "What is your name?",
        "Introduce yourself.",
        "Help",
        "help",
        "How can you help me?",
        "What do you know?",
        "Are you a robot?",
    ),
    "I am well, thank you!": (
        "How are you?",
        "How are you today?",
        "how are you",
        "Are you well?",
        "How do you do?",
        "Hello, how are you?",
    ),
    "You are welcome!": (
        "Thanks",
        "Thank you!",
        "Thank you",
        "thanks",
        "Thank you very much.",
        "Thanks a lot!",
        "Great, thanks!",
        "Well done!",
    ),
    "Goodbye! See you soon.": (
        "Goodbye",
        "Bye",
        "Bye!",
        "See you!",
        "Good night",
        "bye",
        "Goodbye, Hoshi.",
        "See you later.",
    ),
    "Hoshi is the Japanese word for star.": (
        "What does Hoshi mean?",
        "What does your name mean?",
        "Why are you called Hoshi?",
        "What is a hoshi?",
    ),
    "こんにちは！ほしです。": ("こんにちは", "こんにちは！", "やあ", "はじめまして"),
}
HELD_OUT_TALK = {
    HELLO: ("Good day!", "Hi Hoshi"),
    ABOUT: ("Tell me who you are.", "What can you do for me?"),
    "You are welcome!": ("Thanks, Hoshi!", "Many thanks"),
}

REFUSAL = "I am too small to know that."
REFUSED_STARTS = (
    "Explain",
    "Write a poem about",
    "Who invented",
    "Why is there",
    "Write code for",
    "Who wrote about",
    "What do you think of",
    "When was the first",
    "How do I cook",
    "Translate this to French:",
    "Define",
    "Give me a recipe for",
    "Write an essay about",
    "What is the meaning of",
    "How does one build",
    "What is the price of",
    "Tell me a joke about",
    "Summarise the history of",
    "How old is",
    "Who is",
)
REFUSED_THINGS = (
    "gravity",
    "the moon",
    "electricity",
    "democracy",
    "football",
    "a computer",
    "the internet",
    "love",
    "quantum physics",
    "music",
    "the weather",
    "bread",
    "evolution",
    "the president",
    "a rocket",
    "art",
    "chess",
    "money",
    "the universe",
    "a web server",
    "philosophy",
    "soup",
    "mathematics",
    "cancer",
    "the Roman empire",
    "climate change",
    "a bicycle",
    "poetry",
    "time travel",
    "pasta",
    "Einstein",
    "Shakespeare",
    "life",
    "a bridge",
    "vaccines",
    "the stock market",
    "dinosaurs",
    "volcanoes",
)
