"""`hoshikage chat`: a conversation in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...chat.conversation import Conversation, Message
from ...display.display import Display
from ...errors import HoshikageError, UsageError, did_you_mean
from ...files import expanded, read_bounded, write_whole
from ...settings.declared import VIEWS, declarations
from ...settings.overlay import by_field, changeable
from ...settings.values import parse, show
from ..exits import Exit
from ..last_words import owing
from ..line_editor import LineEditor, Reader, history_path, piped_lines
from ..options import RUN, Typed, with_settings
from ..output import Traces, print_answer
from ..setup import (
    Setup,
    choose,
    delay_of,
    load_model,
    refuse_untold,
    tell_setup,
    view,
    with_proposals,
)
from ..signals import leaving, on_screen, run_through, typing_unseen
from ..streams import Answer, OutputLost, is_terminal, note, tell

if TYPE_CHECKING:
    from ...generation.generator import Generator
    from ...generation.run import Result, TextEvent

EXAMPLES = """\b
Examples:
  hoshikage chat -m llada.gguf --block-length 32
  hoshikage chat -m qwen.gguf -sys "Answer in one sentence."
"""

WELCOME = "{name}; Alt-Enter begins a new line, /help tells more"
SHORTEST_ANSWER = 64
"""Tokens that an autoregressive model is left at the least, where the context is that long."""


@with_settings(*RUN, "canvas", "view", "trace")
def chat(**flags: Typed) -> int:
    """Talk with a model: turn by turn, with its chat template.

    Enter sends a message, Alt-Enter begins a new line, /help lists the commands. Messages that are
    piped in are answered line by line.
    """
    setup = choose(flags)
    refuse_untold(setup)
    tell_setup(setup)
    terminal = is_terminal(sys.stderr) and sys.stdin is not None and sys.stdin.isatty()
    with load_model(setup) as generator:
        session = Session(generator, setup, flags)
        if not terminal:
            return session.talk(piped_lines())
        if not setup.output.quiet:
            note(WELCOME.format(name=generator.name))
            _tell_template(generator, setup)
        with typing_unseen(by_key=True):
            return session.talk(LineEditor(_words(), history_path()))


class Leave(Exception):
    """The user wants to go."""


@dataclass(frozen=True)
class Command:
    """What a line that begins with a slash does; usage is what follows the name."""

    usage: str
    help: str
    run: Callable[[Session, str], None]


def _tell_template(generator: Generator, setup: Setup) -> None:
    if generator.model.chat_template is None and setup.settings.prompt.chat:
        note(f"{generator.name} has no chat template: it is shown the turns as plain text")


def _words() -> list[str]:
    """What the editor completes."""
    known = {each.long_name: each for each in changeable().values()}
    values = [f"/set {name} {value}" for name in known for value in known[name].option.choices]
    names = [f"/set {name}" for name in sorted(known)]
    views = [f"/view {name}" for name in (*VIEWS, "off")]
    return [f"/{name}" for name in COMMANDS] + names + values + views


class Session:
    """One chat: the conversation, and the settings that were changed in it."""

    def __init__(self, generator: Generator, setup: Setup, flags: Mapping[str, Typed]) -> None:
        self.generator = generator
        self.setup = setup
        self.flags = flags
        self.own: dict[str, Any] = {}
        self.interactive = False
        # An answer that streams is seen as it comes, without a view.
        asked = setup.resolved.sources["visual"] != "default" or generator.model.family.streams
        unwanted = asked and not setup.output.visual
        self.visual = "no" if unwanted or setup.output.quiet else setup.output.visual
        self.resolved = setup.resolved
        self.traces = Traces(setup.output.trace)
        self.answers = 0
        """Begun so far, those that were taken back too."""
        self.conversation = Conversation(setup.settings.prompt.system_prompt)

    def talk(self, reader: Reader) -> int:
        """Until the user leaves."""
        self.interactive = reader.interactive
        while True:
            try:
                self.hear(reader.read())
            except (EOFError, Leave):
                return Exit.FAILED if self.traces.failed else Exit.OK
            except KeyboardInterrupt:
                if not reader.interactive:
                    raise
                note("Ctrl-D or /quit leaves")
            except OutputLost:
                raise
            except HoshikageError as error:
                note(str(error))

    def hear(self, text: str) -> None:
        """A command or a message."""
        if not text.strip():
            return
        if text.startswith("/"):
            name, _, rest = text[1:].strip().partition(" ")
            self.command(name).run(self, rest.strip())
        else:
            self.reply(text)

    def command(self, name: str) -> Command:
        name = ALIASES.get(name, name)
        if name not in COMMANDS:
            guess = did_you_mean(name, COMMANDS).replace("mean ", "mean /")
            raise UsageError(f"no command /{name}{guess}; /help lists them")
        return COMMANDS[name]

    # -------------------------------------------------------------------------------- answers

    def reply(self, text: str) -> None:
        """Say `text` and print the answer; a message that cannot be answered is unsaid."""
        self.conversation.say(text)
        try:
            answer = self.answer()
        except BaseException:
            self.conversation.take_back()
            raise
        self.conversation.answer(answer)

    def answer(self) -> str:
        forgotten = self.conversation.shorten(self.fits)
        if forgotten:
            note(f"the conversation is too long: its oldest {forgotten} messages are left out")
        run = self.generator.start(
            self.conversation.shown, with_proposals(self.resolved, self.visual)
        )
        printed = Answer()
        watched = self.display()
        streaming = self.generator.model.family.streams and not watched.watched
        self.answers += 1

        def each(event: TextEvent) -> None:
            if streaming:
                printed.add(event.new_text)
            display.event(event)
            self.traces.event(self.answers, event)

        def told(display: Display) -> Result:
            result = run.result()
            self.traces.finish(self.answers, result)
            print_answer(result, printed, display)
            return result

        with owing(lambda: told(Display())), on_screen(watched) as display:
            interrupted = run_through(run, each, delay_of(self.setup.output, display))
        result = told(display)
        self.tell_figures(result)
        if interrupted:
            self.stopped()
        return result.text

    def stopped(self) -> None:
        """A signal came: Ctrl-C is about this answer alone, where somebody types."""
        if leaving():
            raise Leave
        if not self.interactive:
            raise KeyboardInterrupt
        note("stopped; what was said so far is kept")

    def tell_figures(self, result: Result) -> None:
        """What an answer took, where somebody reads it."""
        if self.interactive and not self.setup.output.quiet:
            from ...display.progress import Summary

            Summary().finish(result)

    def display(self) -> Display:
        """The view of a model that unmasks, where there is a terminal for it."""
        unmasks = not self.generator.model.family.in_order
        if unmasks and self.visual != "no" and is_terminal(sys.stderr):
            # What the canvas begins with is the conversation, which stands above already.
            return view(self.visual, plain=False, alone=False)
        return Display()

    def fits(self, messages: list[Message]) -> bool:
        """Whether the messages leave room for an answer."""
        settings = self.resolved.settings
        length = len(self.generator.tokenize(messages, settings))
        limit = settings.model.ctx_size or self.generator.model.n_ctx_train
        wanted = settings.canvas.max_tokens
        if settings.canvas.max_length is not None:
            limit, wanted = min(limit, settings.canvas.max_length), 1
        if self.generator.model.family.in_order:
            wanted = min(wanted or SHORTEST_ANSWER, SHORTEST_ANSWER, limit // 2)
        return length + (wanted or 1) <= limit

    # ------------------------------------------------------------------------------- commands

    def tell_help(self, rest: str) -> None:
        rows = [(f"/{name} {c.usage}".rstrip(), c.help) for name, c in COMMANDS.items()]
        width = max(len(left) for left, _ in rows)
        for left, right in rows:
            tell(f"{left:{width}}  {right}")
        tell("Ctrl-C stops an answer, Ctrl-D leaves; a line that ends in \\ goes on below.")

    def reset(self, rest: str) -> None:
        self.conversation.reset()
        note("the conversation begins anew")

    def set_system(self, rest: str) -> None:
        if rest:
            self.conversation.system = rest
        tell(self.conversation.system or "no system prompt")

    def set(self, rest: str) -> None:
        name, _, value = rest.partition(" ")
        if not name:
            for each in dict.fromkeys(known.name for known in changeable().values()):
                tell(self.in_words(each) + ("  changed here" if each in self.own else ""))
            return
        (field,) = by_field({name: value})
        if value:
            own = {**self.own, field: value.strip()}
            self.resolved, self.own = self.setup.resolve(self.flags, own), own
        if value and field == "system_prompt":
            self.conversation.system = value.strip()
        tell(self.in_words(field))

    def in_words(self, name: str) -> str:
        known = declarations()[name]
        return f"{known.long_name}  {show(known, self.resolved.value(name))}"

    def change_view(self, rest: str) -> None:
        if rest:
            known = declarations()["visual"]
            self.visual = parse(known, rest, "/view") or "no"
        tell(f"view  {self.visual or 'tokens'}")

    def retry(self, rest: str) -> None:
        question, answer = self.conversation.undo()
        try:
            self.reply(question)
        except BaseException:
            self.conversation.say(question)
            self.conversation.answer(answer)
            raise

    def undo(self, rest: str) -> None:
        self.conversation.undo()
        note("the last message and its answer are forgotten")

    def save(self, rest: str) -> None:
        path = _path(rest, "/save")
        if path.exists():
            _load(path)  # nothing but a conversation is written over
        write_whole(path, self.conversation.to_json())
        note(f"{len(self.conversation.turns)} messages are in {path}")

    def load(self, rest: str) -> None:
        path = _path(rest, "/load")
        self.conversation = _load(path)
        note(f"{len(self.conversation.turns)} messages from {path}")

    def quit(self, rest: str) -> None:
        raise Leave


COMMANDS: dict[str, Command] = {
    "help": Command("", "this list", Session.tell_help),
    "retry": Command("", "answer the last message again", Session.retry),
    "undo": Command("", "forget the last message and its answer", Session.undo),
    "reset": Command("", "forget the conversation", Session.reset),
    "system": Command("[TEXT]", "what the model is told before everything", Session.set_system),
    "set": Command("[NAME [VALUE]]", "a setting, as in /set steps 32", Session.set),
    "view": Command(
        "[NAME|off]", "how answers are watched, as in /view confidence", Session.change_view
    ),
    "save": Command("FILE", "write the conversation to a file", Session.save),
    "load": Command("FILE", "go on with the conversation in a file", Session.load),
    "quit": Command("", "leave", Session.quit),
}
ALIASES = {"bye": "quit", "exit": "quit", "?": "help", "clear": "reset"}
"""What other programs call these; not listed."""


def _path(rest: str, command: str) -> Path:
    if not rest:
        raise UsageError(f"{command} needs a file, as in {command} talk.json")
    return expanded(rest)


def _load(path: Path) -> Conversation:
    try:
        with path.open("rb") as file:
            return Conversation.from_json(read_bounded(file, str(path)).decode("utf-8"))
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no conversation: it is not UTF-8 text") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except UsageError as error:
        raise UsageError(f"{path} is no conversation: {error}") from None
