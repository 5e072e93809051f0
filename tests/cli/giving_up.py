"""The program, in which llama.cpp gives up at a forward pass.

    python giving_up.py HOW PASSES ARGUMENT…

After that many passes it is called as nobody should: `assert` and `throw` by the names of what it
does then, `thread` in a thread of its own, `locked` in one while another keeps Python's lock,
`twice` again while the program says its last words.
"""

from __future__ import annotations

import ctypes
import sys
import time
from contextlib import suppress

from hoshikage_cli.__main__ import main
from hoshikage_cli.generation.run import Run
from hoshikage_cli.llama._native import ffi, lib
from hoshikage_cli.llama.context import Context

FOREVER = 1000


def too_many_tokens(context: Context) -> None:
    count = 1 << 20
    tokens, batch = ffi.new("int32_t[]", count), ffi.new("struct llama_batch *")
    batch.n_tokens, batch.token = count, tokens
    lib.llama_decode(context._handle, batch[0])


def no_such_token(context: Context) -> None:
    vocabulary = lib.llama_model_get_vocab(context.model._handle)
    lib.llama_token_to_piece(vocabulary, 10**6, ffi.new("char[8]"), 8, 0, False)


def native_thread(context: Context) -> None:
    begin_thread()
    time.sleep(FOREVER)


def native_thread_without_the_lock(context: Context) -> None:
    begin_thread()
    ctypes.PyDLL(None).sleep(FOREVER)


def begin_thread() -> None:
    """One that Python knows nothing of, and that has no more to do than to give up."""
    give_up = next(f for name in ("libstdc++.so.6", "libc++.1.dylib") if (f := terminate_of(name)))
    ctypes.CDLL(None).pthread_create(ctypes.byref(ctypes.c_void_p()), None, give_up, None)


def terminate_of(library: str) -> object:
    with suppress(OSError):
        return ctypes.CDLL(library)._ZSt9terminatev
    return None


def while_it_tells(context: Context) -> None:
    Run.result = lambda run: no_such_token(context)  # type: ignore[method-assign]
    too_many_tokens(context)


WAYS = {
    "assert": too_many_tokens,
    "throw": no_such_token,
    "thread": native_thread,
    "locked": native_thread_without_the_lock,
    "twice": while_it_tells,
}


def give_up_after(passes: int, how: str) -> None:
    usual, left = Context._decode, iter(range(passes))

    def decode(self: Context) -> None:
        if next(left, None) is None:
            WAYS[how](self)
        usual(self)

    Context._decode = decode  # type: ignore[method-assign]


if __name__ == "__main__":
    give_up_after(int(sys.argv[2]), sys.argv[1])
    sys.argv[1:] = sys.argv[3:]
    main()
