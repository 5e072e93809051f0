"""Traces made by hand, for the tests of everything that shows a run."""

from __future__ import annotations

import json

MASK, END = 1, 0
HOSHI = "星".encode()
# Everything that could go wrong where text is shown: markup, quotes, controls, wide and combining
# characters, and a character in two tokens.
EVIL = '</script><script>document.title="stolen"</script>'
TEXTS = {
    2: "<img src=x onerror=alert(1)> & \"quoted\" 'too'\n",
    3: EVIL,
    4: HOSHI[:2],
    5: HOSHI[2:],
    6: "影 ",
    7: "👩‍🚀🌠",
    8: "e\u0301\u0301",
    9: "\x1b[31m\u202eright\x00",
    10: "\n",
    11: " line two\ttab {{ 7*7 }} ${x}",
    12: " word",
    13: "\u2028",
}


def token(number):
    data = TEXTS.get(number, b"")
    if isinstance(data, str):
        return {"token": number, "piece": data} | ({} if data else {"name": f"<{number}>"})
    if not data:
        return {"token": number, "piece": "", "name": "<|end|>"}
    return {"token": number, "piece": data.decode("utf-8", "replace"), "bytes": data.hex()}


def commit(position, number, confidence, other=12):
    return {"position": position, **token(number), "confidence": confidence} | {
        "runner_up": None if other is None else token(other)
    }


def step(index, total, masked, *commits, block=None, remasked=()):
    return {
        "record": "step",
        "index": index,
        "total": total,
        "block": block,
        "masked": masked,
        "positions_decoded": 9,
        "nfe": 1,
        "elapsed": (index + 1) / 10,
        "commits": commits,
    } | ({"remasked": remasked} if remasked else {})


def head(canvas, mask=MASK, total=5):
    diffusion = mask is not None
    return {
        "record": "run",
        "format": "hoshikage-trace",
        "version": 1,
        "model": {"name": "<b>model</b>", "kind": "diffusion" if diffusion else "autoregressive"},
        "settings": {"algorithm": "confidence", "schedule": "block"},
        "seed": 7,
        "steps": total,
        "mask_token": mask,
        "end_tokens": [END],
        "prompt_length": 1,
        "canvas": canvas,
    }


def end(reason="end"):
    return {"record": "end", "stop_reason": reason, "text": "", "steps": 5, "nfe": 5}


DIFFUSION = [
    head([token(2), *[None] * 11]),
    step(0, 5, 9, commit(1, 3, 0.95), commit(12 - 1, END, 0.2)),
    step(1, 5, 6, commit(3, 5, 0.6), commit(4, 6, 0.1), commit(5, 7, None, None), block=[1, 6]),
    step(2, 5, 4, commit(2, 4, 0.8), commit(6, 8, 0.4)),
    step(4, 5, 0, *[commit(7 + i, 9 + i, 0.5) for i in range(4)]),
    end(),
]
REVISED = [
    head([token(2), *[None] * 6]),
    step(0, 5, 3, commit(1, 3, 0.9), commit(2, 12, 0.4), commit(6, END, 0.2)),
    # What was put there first is wider, and narrower, than what stays.
    step(1, 5, 2, {**commit(2, 6, 0.8), "replaced": token(12)}, commit(4, 12, 0.3)),
    step(2, 5, 3, commit(3, 10, 0.5), remasked=[4, 2]),
    step(3, 5, 1, commit(2, 7, 0.6), commit(4, 8, 0.7)),
    step(4, 5, 0, {**commit(4, 11, 0.9), "replaced": token(8)}, commit(5, 12, 0.9)),
    end(),
]
AUTOREGRESSIVE = [
    head([token(2)], mask=None),
    *[step(i, 5, 0, commit(1 + i, number, 0.2 * i)) for i, number in enumerate((3, 4, 5, 11, END))],
    end(),
]
# With what was proposed: for all that is masked before a step, markup among it.
PROPOSED = [
    DIFFUSION[0],
    {
        **DIFFUSION[1],
        "tokens": [token(2), token(9), token(10)],
        "proposals": [
            {"position": p, "entropy": 0.5, "top": [[3, 0.75], [2, 0.125], [10, None]]}
            for p in range(1, 12)
        ],
    },
    {
        **DIFFUSION[2],
        "proposals": [
            {"position": 2, "entropy": None, "top": [[10, 0.5], [9, 0.25]]},
            {"position": 3, "entropy": 0.25, "top": [[5, 0.6]]},
            {"position": 6, "entropy": 0, "top": []},
        ],
    },
    *DIFFUSION[3:],
]
RUNS = {
    "diffusion": DIFFUSION,
    "autoregressive": AUTOREGRESSIVE,
    "proposed": PROPOSED,
    "revised": REVISED,
}
FINAL = {
    "diffusion": f"{EVIL}星影 👩‍🚀🌠e\u0301\u0301\x1b[31m\u202eright\x00\n"
    " line two\ttab {{ 7*7 }} ${x} word",
    "autoregressive": f"{EVIL}星 line two\ttab {{{{ 7*7 }}}} ${{x}}",
    "revised": f"{EVIL}👩‍🚀🌠\n line two\ttab {{{{ 7*7 }}}} ${{x}} word",
}
FINAL["proposed"] = FINAL["diffusion"]


def write(path, records):
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    path.write_bytes("\n".join([*lines, ""]).encode("utf-8"))
    return path
