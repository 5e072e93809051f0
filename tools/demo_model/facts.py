"""The facts, greetings and refusals of the corpus, as plain tables.

How they are asked for is put together from parts (`phrasings.py`), some of which only the
evaluation uses. `{k}` stands for the key, `{v}` for the value.
"""

from __future__ import annotations

from dataclasses import dataclass

from .phrasings import Parts, Wordings, naming


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
    """A kind of fact: its pairs, its answer, and the ways to ask for it."""

    name: str
    pairs: dict[str, str]
    answer: str
    wordings: Wordings


def successors(names: list[str]) -> dict[str, str]:
    """Each name and the one that follows it, in a circle."""
    return dict(zip(names, names[1:] + names[:1], strict=True))


def follower(unit: str) -> Wordings:
    """The ways to ask what comes after a `unit`: a day or a month."""

    def these(*templates: str) -> tuple[str, ...]:
        return tuple(t.replace("{u}", unit) for t in templates)

    return naming(
        Wordings(
            subjects=Parts(
                these("the {u} after {k}", "the {u} that follows {k}", "the next {u} after {k}")
                + these("the {u} that comes after {k}", "what comes after {k}"),
                these("the {u} following {k}", "the {u} right behind {k}", "what follows {k}")
                + these(
                    "the {u} that is next to come when {k} is over",
                ),
            ),
            orders=Parts(
                these("tell me what {u} comes after {k}", "name what follows after {k}"),
                these("say which {u} follows {k}", "give the follower of {k}"),
            ),
            questions=Parts(
                these("what {u} comes after {k}", "which {u} follows {k}", "what comes after {k}")
                + these("which {u} comes after {k}", "what {u} is after {k}", "{k}: what is next")
                + these("if it is {k}, what {u} comes next", "after {k} comes which {u}"),
                these("what follows {k}", "which {u} is next after {k}", "what {u} follows on {k}")
                + these("{k} is followed by what", "what {u} do we have when {k} is over")
                + these(
                    "{k} ends; which {u} begins",
                ),
            ),
            labels=Parts(
                these("after {k}", "next {u} after {k}", "{k}, and then", "{k}, then"),
                these("following {k}", "{k} and next", "{u} behind {k}"),
            ),
            classic=these(
                "What {u} comes after {k}?",
                "Which {u} follows {k}?",
                "What comes after {k}?",
                "Which {u} comes after {k}?",
                "What is the {u} after {k}?",
                "Name the {u} after {k}.",
            ),
        )
    )


FAMILIES = (
    Family(
        "capital",
        {k: v.replace("_", " ") for k, v in CAPITALS.items()},
        "The capital of {k} is {v}.",
        naming(
            Wordings(
                subjects=Parts(
                    ("the capital of {k}", "the capital of {k}", "the capital city of {k}")
                    + ("{k}'s capital", "the name of the capital of {k}", "the capital in {k}"),
                    ("{k}'s capital city", "the city that is the capital of {k}")
                    + ("the chief city of {k}", "the capital town of {k}"),
                ),
                orders=Parts(
                    ("tell me which city is the capital of {k}", "name a capital: that of {k}"),
                    ("say which city {k} has for a capital", "name the city that governs {k}"),
                ),
                questions=Parts(
                    ("which city is the capital of {k}", "what city is the capital of {k}")
                    + ("which capital does {k} have", "{k} has which capital")
                    + ("{k}: what is the capital", "what is the capital called in {k}"),
                    ("which city is {k}'s capital", "what capital has {k}", "{k}: its capital city")
                    + ("{k}'s capital is which city", "how is the capital of {k} called")
                    + ("{k}: what is its capital", "what city serves as the capital of {k}"),
                ),
                labels=Parts(
                    ("capital of {k}", "{k}: capital", "{k}, capital", "capital: {k}"),
                    ("{k}, its capital", "capital city of {k}", "{k} and its capital"),
                ),
                classic=(
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
                    "I want to know the capital of {k}.",
                ),
            )
        ),
    ),
    Family(
        "country",
        {v.replace("_", " "): k for k, v in CAPITALS.items()},
        "{k} is the capital of {v}.",
        naming(
            Wordings(
                subjects=Parts(
                    ("the country of {k}", "the country that has the capital {k}")
                    + ("the country whose capital is {k}", "the country where {k} is"),
                    ("the country around {k}", "the land that {k} is the capital of")
                    + ("the country that {k} belongs to", "the state with the capital {k}"),
                ),
                orders=Parts(
                    ("tell me where {k} is", "tell me which country {k} is in"),
                    ("tell me which country has the capital {k}", "place {k} on the map"),
                ),
                questions=Parts(
                    ("where is {k}", "in which country is {k}", "which country is {k} in")
                    + ("{k} is the capital of which country", "{k} is in which country")
                    + ("which country has {k} as its capital", "{k} is the capital of what")
                    + ("what country is {k} the capital of", "of which country is {k} the capital"),
                    ("in what country is {k}", "what country has the capital {k}")
                    + ("where does {k} lie", "to which country does {k} belong")
                    + ("where can I find {k}", "{k} lies in which country")
                    + ("whose capital is {k}", "{k} is whose capital"),
                ),
                labels=Parts(
                    ("country of {k}", "{k} is in", "country with the capital {k}", "{k}: country"),
                    ("{k}, which country", "land of {k}", "{k} lies in"),
                ),
                classic=(
                    "{k} is the capital of which country?",
                    "Which country has {k} as its capital?",
                    "Of which country is {k} the capital?",
                    "What country is {k} the capital of?",
                    "In which country is {k}?",
                    "Where is {k}?",
                ),
            )
        ),
    ),
    Family(
        "opposite",
        OPPOSITES | {v: k for k, v in OPPOSITES.items()},
        "The opposite of {k} is {v}.",
        naming(
            Wordings(
                subjects=Parts(
                    ("the opposite of {k}", "the opposite of {k}", "the opposite of the word {k}")
                    + ("the word that is the opposite of {k}", "an opposite of {k}"),
                    ("the contrary of {k}", "a word with the opposite meaning of {k}")
                    + ("the reverse of being {k}", "the opposite word for {k}"),
                ),
                orders=Parts(
                    ("tell me a word opposite to {k}", "turn {k} into its opposite"),
                    ("say the contrary of {k}", "give me an antonym of {k}"),
                ),
                questions=Parts(
                    ("which word is the opposite of {k}", "what is opposite to {k}")
                    + ("{k} is the opposite of what", "if not {k}, then what")
                    + ("{k}: what is the opposite", "what word means not {k}"),
                    ("what word is opposite in meaning to {k}", "{k} has which opposite")
                    + ("what is the contrary of {k}", "something that isn't {k} is what")
                    + ("which is the contrary word to {k}", "{k} is contrary to what"),
                ),
                labels=Parts(
                    ("opposite of {k}", "{k}: opposite", "opposite: {k}", "not {k} but"),
                    ("contrary of {k}", "antonym: {k}", "{k} and its opposite"),
                ),
                classic=(
                    "What is the opposite of {k}?",
                    "Name the opposite of {k}.",
                    "Opposite of {k}?",
                    "What's the opposite of {k}?",
                    "Tell me the opposite of {k}.",
                    "Which word is the opposite of {k}?",
                    "what is the opposite of {k}",
                ),
            )
        ),
    ),
    Family(
        "sound",
        SOUNDS,
        "The {k} {v}.",
        naming(
            Wordings(
                subjects=Parts(
                    ("the sound of the {k}", "the sound that a {k} makes", "what a {k} says")
                    + ("the noise that the {k} makes", "what sound a {k} makes")
                    + ("the noise of a {k}", "the sound a {k} makes"),
                    ("the sound of a {k}", "the voice of the {k}", "what noise the {k} makes")
                    + ("the call of a {k}", "the sound made by a {k}", "what the {k} sounds like"),
                ),
                orders=Parts(
                    ("tell me how a {k} sounds", "tell me what the {k} says"),
                    ("say what a {k} says", "describe the noise of the {k}"),
                ),
                questions=Parts(
                    (
                        "what sound does the {k} make",
                        "what does the {k} say",
                        "how does a {k} sound",
                    )
                    + ("what sound does a {k} make", "what does a {k} say")
                    + ("which sound does a {k} make", "what noise does a {k} make"),
                    ("which noise does the {k} make", "what kind of sound does a {k} make")
                    + ("what do you hear from a {k}", "what does a {k} sound like")
                    + ("which noise comes from the {k}", "how does the {k} call"),
                ),
                labels=Parts(
                    ("sound of the {k}", "the {k} says", "{k}: sound", "a {k} says"),
                    ("noise of a {k}", "voice of the {k}", "{k}, its sound"),
                ),
                classic=(
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
            )
        ),
    ),
    Family(
        "legs",
        LEGS,
        "The {k} has {v} legs.",
        naming(
            Wordings(
                subjects=Parts(
                    ("the number of legs of a {k}", "how many legs a {k} has")
                    + ("how many legs the {k} has", "the number of legs that a {k} has"),
                    ("the leg count of a {k}", "the total of a {k}'s legs")
                    + ("how many legs there are on a {k}", "the number of a {k}'s legs"),
                ),
                orders=Parts(
                    ("count the legs of the {k}", "tell me how many legs there are on the {k}"),
                    ("count the legs of a {k}", "count a {k}'s legs"),
                ),
                questions=Parts(
                    ("how many legs does a {k} have", "how many legs has a {k}")
                    + ("how many legs does the {k} have", "how many legs are there on a {k}")
                    + ("a {k} has how many legs", "what number of legs does a {k} have"),
                    ("on how many legs does a {k} walk", "how many legs do you count on a {k}")
                    + ("the {k} walks on how many legs", "how many are the legs of a {k}")
                    + ("how many legs would a {k} have", "how many legs can be seen on a {k}"),
                ),
                labels=Parts(
                    ("legs of a {k}", "{k}: legs", "number of legs of the {k}", "{k}, legs"),
                    ("leg count of a {k}", "legs on a {k}", "a {k}'s legs"),
                ),
                classic=(
                    "How many legs does a {k} have?",
                    "How many legs has a {k}?",
                    "How many legs does the {k} have?",
                    "Tell me how many legs a {k} has.",
                    "How many legs are there on a {k}?",
                ),
            )
        ),
    ),
    Family(
        "colour",
        COLOURS,
        "The colour of {k} is {v}.",
        naming(
            Wordings(
                subjects=Parts(
                    ("the colour of {k}", "the colour of {k}", "the color of {k}")
                    + ("what colour {k} has", "the colour that {k} has", "the colour of the {k}"),
                    ("{k}'s colour", "which colour {k} has", "the usual colour of {k}")
                    + ("the paint for {k}", "the colour that belongs to {k}"),
                ),
                orders=Parts(
                    ("tell me what colour {k} is", "tell me which colour {k} has"),
                    ("say what colour {k} is", "describe the colour of {k}"),
                ),
                questions=Parts(
                    ("what colour is {k}", "which colour is {k}", "what color is {k}")
                    + ("what colour is a {k}", "what colour is the {k}", "{k} has what colour")
                    + ("what colour does {k} have", "{k}: what colour"),
                    ("which colour has {k}", "what is {k}'s colour", "{k} is of which colour")
                    + ("which color does a {k} have", "in which colour would you paint {k}")
                    + ("what colour do you see on {k}", "of what colour is {k}"),
                ),
                labels=Parts(
                    ("colour of {k}", "{k}: colour", "color of {k}", "colour: {k}"),
                    ("{k}'s colour", "{k} and its colour", "usual colour of {k}"),
                ),
                classic=(
                    "What colour is {k}?",
                    "What is the colour of {k}?",
                    "Which colour is {k}?",
                    "What color is {k}?",
                    "Tell me the colour of {k}.",
                    "Name the colour of {k}.",
                    "What colour is a {k}?",
                    "What colour is the {k}?",
                ),
            )
        ),
    ),
    Family("day", successors(DAYS), "After {k} comes {v}.", follower("day")),
    Family("month", successors(MONTHS), "After {k} comes {v}.", follower("month")),
)

ABOUT = "I am Hoshi, a tiny language model. I can add, sort, solve small sudokus and tell stories."
HELLO = "Hello! I am Hoshi. How can I help you?"
MARKS = Parts(("", "", ".", "!", "!", "?"), ("", "!", "."))
ASKED = Parts(("?", "?", "?", "", "?!", ", please?"), ("?", ""))


@dataclass(frozen=True)
class Talk:
    """Something to be said to the model: what is said, and what may stand behind it."""

    said: Parts
    marks: Parts = MARKS


TALK = {
    HELLO: Talk(
        Parts(
            ("Hello", "Hello", "Hi", "Hi", "Hi there", "Hey", "Good morning", "Good evening")
            + ("Good afternoon", "Hello Hoshi", "Greetings", "Hello there", "Hello, Hoshi")
            + ("Hey Hoshi", "Hi, how nice to see you", "Good morning, Hoshi", "Hello my friend")
            + ("Hello, it is me", "Hi everybody", "Welcome", "Good to see you"),
            ("Good day", "Hi Hoshi", "Hey there", "Good evening, Hoshi", "Hello again")
            + ("A good morning to you", "Greetings, Hoshi", "Hi, it is me again", "Hey, hello")
            + ("Hello little model", "Nice to meet you"),
        )
    ),
    ABOUT: Talk(
        Parts(
            ("Who are you", "What are you", "What can you do", "Tell me about yourself")
            + ("What is your name", "Introduce yourself", "Help", "How can you help me")
            + ("What do you know", "Are you a robot", "What's your name", "Can you help me")
            + ("Who is Hoshi", "Tell me what you can do", "Which tasks can you do")
            + ("Are you a language model", "What are you good at", "What can I ask you")
            + ("Are you a machine", "Tell me your name", "I need help", "What are you able to do")
            + ("Do you have a name", "What sort of model are you", "What is this")
            + ("Who is this", "Who is there", "What should I call you", "Who is speaking")
            + ("Whom am I speaking with", "What are you called", "Which name do you have")
            + ("Say who you are", "What are you for", "What is it that you do", "I do not know you")
            + ("Which things do you know", "What is your job", "Are you an assistant"),
            ("Tell me who you are", "What can you do for me", "What may I ask you")
            + ("What do people call you", "Are you a computer", "Describe yourself")
            + ("What things can you do", "Say something about yourself", "Who am I talking to")
            + ("What kind of program are you", "How are you called", "What do you do"),
        ),
        Parts(ASKED.trained + (".", "!"), ASKED.held_out + (".",)),
    ),
    "I am well, thank you!": Talk(
        Parts(
            ("How are you", "How are you", "How are you today", "Are you well", "How do you do")
            + ("Hello, how are you", "How do you feel", "Are you all right", "How is it going")
            + ("Hi, how are you", "How are things", "Are you fine today", "Is everything well")
            + ("Are things all right with you", "Is all good", "Do you feel good")
            + ("How have you been", "Are you happy today"),
            ("How are you feeling", "How are you doing", "Do you feel well", "Is all well with you")
            + ("How are you this morning", "Are you doing well"),
        ),
        ASKED,
    ),
    "You are welcome!": Talk(
        Parts(
            ("Thanks", "Thank you", "Thank you very much", "Thanks a lot", "Great, thanks")
            + ("Well done", "Thanks for that", "Thank you, Hoshi", "That was good, thank you")
            + ("Very good", "That helped", "Nice, thank you", "Good work", "Perfect, thanks")
            + ("I thank you", "Thank you so much", "Right, well done", "Lots of thanks")
            + ("That was kind of you", "How kind of you", "Excellent, thanks", "Fine, thank you")
            + ("Thanks for your answer", "That is right, thanks", "Good, thank you for this")
            + ("Well, many a thank you", "Thanks to you", "A big thank you"),
            ("Thanks, Hoshi", "Many thanks", "Thank you for your help", "Great work")
            + ("That was very nice of you", "Thanks so much", "Good job", "Wonderful, thanks")
            + ("That was right, thank you",),
        )
    ),
    "Goodbye! See you soon.": Talk(
        Parts(
            ("Goodbye", "Bye", "Bye", "See you", "Good night", "Goodbye, Hoshi", "See you later")
            + (
                "Bye bye",
                "I have to go",
                "See you tomorrow",
                "Until next time",
                "Good night, Hoshi",
            )
            + ("Bye for now", "I am leaving", "I must go now, bye"),
            ("See you soon", "Bye, Hoshi", "Goodbye for today", "I have to leave now", "So long")
            + ("Time to go, bye", "Until tomorrow", "See you again"),
        )
    ),
    "Hoshi is the Japanese word for star.": Talk(
        Parts(
            ("What does Hoshi mean", "What does your name mean", "Why are you called Hoshi")
            + ("What is a hoshi", "What is the meaning of Hoshi", "Explain your name")
            + (
                "Tell me what Hoshi means",
                "Why is your name Hoshi",
                "Where does your name come from",
            )
            + ("What is Hoshi in English", "Has Hoshi a meaning", "Is Hoshi a word")
            + ("Does your name mean anything", "Does Hoshi stand for something")
            + ("Which meaning does Hoshi have", "Hoshi, what a name: what is it"),
            (
                "Tell me the meaning of your name",
                "What is Hoshi in Japanese",
                "Does Hoshi mean something",
            )
            + ("Why do they call you Hoshi", "What stands behind the name Hoshi")
            + ("Is Hoshi a Japanese word",),
        ),
        ASKED,
    ),
    "こんにちは！ほしです。": Talk(
        Parts(
            ("こんにちは", "こんにちは", "やあ", "はじめまして", "おはよう", "おはようございます")
            + ("ハロー", "ねえ、ほし", "もしもし"),
            ("こんばんは", "どうも", "ごきげんよう", "やあ、ほし", "こんにちは、ほし"),
        ),
        Parts(("", "！", "。", "!"), ("", "！", "。")),
    ),
}

REFUSAL = "I am too small to know that."
REFUSED_STARTS = Parts(
    (
        "explain;write a poem about;who invented;why is there;write code for;who wrote about;"
        "what do you think of;when was the first;how do I cook;translate this to French:;define;"
        "give me a recipe for;write an essay about;what is the meaning of;how does one build;"
        "what is the price of;tell me a joke about;summarise the history of;how old is;who is;"
        "what is;how does it work,;tell me about;why do people like;how can I buy;describe;"
        "when did people discover;what are the parts of;write a song about;how big is;"
        "what can you tell me about;who discovered;is it true that you like;draw;where can I buy;"
        "how much does it cost,;teach me;compare water and;give me a list of books about;"
        "what happened to;what is the best;how many people know;predict the future of;"
        "find a film on"
    ).split(";"),
    (
        "discuss;who was first to study;write a letter about;what makes people like;how heavy is;"
        "how do you make;what causes;give me advice on;tell me everything about;"
        "what do you know of;"
        "write a program for;how long has there been;what is your opinion on;sing about;"
        "why should I care about;where does one learn;what is the history of;translate to German:;"
        "how is it possible to have;name three kinds of;what is the use of;recommend a book about"
    ).split(";"),
)
REFUSED_THINGS = Parts(
    (
        "gravity;the moon;electricity;democracy;football;a computer;the internet;love;"
        "quantum physics;music;the weather;bread;evolution;the president;a rocket;art;chess;money;"
        "the universe;a web server;philosophy;soup;mathematics;cancer;the Roman empire;"
        "climate change;a bicycle;poetry;time travel;pasta;Einstein;Shakespeare;life;a bridge;"
        "vaccines;the stock market;dinosaurs;volcanoes;history;the sun;Mars;a database;medicine;"
        "the sea;winter;politics;a telephone;Napoleon;the brain;tea;coffee;trees;war;peace;"
        "the alphabet;television;a plane;Mozart;oil;gold;religion;the human heart;photography;"
        "rice;tennis;a steam engine;black holes;languages;the king;atoms;an earthquake;sleep"
    ).split(";"),
    (
        "the stars;wine;a car;the Greek gods;swimming;opera;the economy;a guitar;genetics;dreams;"
        "the ocean;robots in films;cheese;architecture;Newton;Picasso;a compiler;the law;sugar;"
        "solar power;a camera;rain;the pyramids;freedom;a microscope;chemistry;basketball;"
        "the middle ages;the queen;ice cream;a clock;painting"
    ).split(";"),
)
# Sums of another kind, so that two numbers alone do not stand for "add".
OTHER_SUMS = Parts(
    (
        "what is {a} - {b};{a} - {b};{a} minus {b};what is {a} * {b};{a} * {b};{a} times {b};"
        "multiply {a} by {b};subtract {b} from {a};divide {a} by {b};what is {a} / {b};{a} / {b};"
        "what is {a} times {b};how much is {a} minus {b};take {b} away from {a};"
        "what is the product of {a} and {b};calculate {a} x {b}"
    ).split(";"),
    (
        "how much is {a} times {b};compute {a} - {b};{a} divided by {b};what does {a} * {b} make;"
        "what is the difference of {a} and {b};{a} x {b};how much is {a} / {b}"
    ).split(";"),
)
