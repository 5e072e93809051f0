"""`hoshikage batch`, run for real, and killed."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import time

import pytest

from program import PROGRAM

SHORT = ("--steps", "1", "-n", "2")
PROMPTS = "What is 1 + 2?\n\nTell a story.\nSort 3 1 2.\n"


def parsed(output):
    return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def prompts(tmp_path):
    """prompts("…", "name") writes an input and gives its path."""

    def write(text, name="in.jsonl"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_in_a_pipe(hoshikage):
    run = hoshikage("batch", "-", *SHORT, stdin=PROMPTS)
    results = parsed(run.stdout)
    assert run.returncode == 0
    assert [r["line"] for r in results] == [1, 3, 4]
    assert [r["prompt"] for r in results] == PROMPTS.split("\n\n")[0:1] + PROMPTS.splitlines()[2:]
    assert "3 answered · 0 bad · 0 skipped" in run.stderr


def test_a_record_is_answered_as_generate_answers_it(hoshikage, prompts):
    options = ("--steps", "4", "-n", "8", "--temp", "1.5", "--seed", "3")
    alone = hoshikage("generate", "What is 1 + 2?", *options)
    record = {"prompt": "What is 1 + 2?", "settings": {"steps": 4, "temp": 1.5}}
    path = prompts(json.dumps(record) + "\n")
    together = hoshikage("batch", path, "--steps", "1", "-n", "8", "--seed", "3")
    assert parsed(together.stdout)[0]["text"] == alone.stdout.removesuffix("\n")


def test_a_model_that_writes_in_blocks_answers_alike_one_by_one_and_side_by_side(
    hoshikage, prompts, model_file
):
    path = model_file("qwen3", name="qwen3-peaked", logit_scale=4.0)
    family = ("-m", path, "--family", "sdar", "--mask-token", "261", "--temp", "0", "-n", "12")
    words = "the kite is red and seven and eight are not".split()
    records = [{"prompt": " ".join(words[i % 7 :] * (1 + i % 3)) + f" {i}"} for i in range(100)]
    many = prompts("\n".join(map(json.dumps, records)))
    runs = [hoshikage("batch", many, *family, "--at-once", count) for count in (1, 8)]
    one_by_one, side_by_side = (parsed(run.stdout) for run in runs)
    assert len(side_by_side) == 100
    assert len({told["text"] for told in side_by_side}) > 20
    texts = [[told["text"] for told in results] for results in (one_by_one, side_by_side)]
    assert texts[0] == texts[1]


def test_log_probabilities_of_each_answer(hoshikage):
    results = parsed(hoshikage("batch", "-", *SHORT, "--logprobs", "2", stdin=PROMPTS).stdout)
    for told in results:
        content = told["logprobs"]["content"]
        assert len(content) == told["completion_tokens"]
        assert all(len(each["top_logprobs"]) == 2 for each in content)
    plain = parsed(hoshikage("batch", "-", *SHORT, stdin=PROMPTS).stdout)
    assert not any("logprobs" in told for told in plain)


BAD = [
    '{"prompt": "a", "id": "first", "label": "x"}',
    "{ no json",
    '{"prompt": "b", "settings": {"steps": "many"}}',
    json.dumps({"prompt": "word " * 600}),
    '{"prompt": "c"}',
]


def test_a_bad_record_does_not_stop_the_rest(hoshikage, prompts, tmp_path):
    path = prompts("\n".join(BAD))
    run = hoshikage("batch", path, "-o", tmp_path / "out", *SHORT)
    results = parsed((tmp_path / "out").read_text())
    assert (run.returncode, run.stdout) == (1, "")
    assert [r["line"] for r in results] == [1, 2, 3, 4, 5]
    assert [("error" in r) for r in results] == [False, True, True, True, False]
    assert results[0]["id"] == "first"
    assert results[0]["data"] == {"label": "x"}
    assert "not a whole number" in results[2]["error"]
    assert "exceed the context" in results[3]["error"]
    assert "2 answered · 3 bad" in run.stderr
    assert "3 records could not be answered" in run.stderr.splitlines()[-1]


def test_a_failure_is_told_by_the_exit_code(hoshikage, prompts, tmp_path):
    """Whoever writes `batch … && next` hears of it, with -q as well, until it is answered."""
    out = tmp_path / "out"
    piped = hoshikage(
        "batch", "-q", "-", *SHORT, stdin='{"prompt": "hi", "settings": {"stepz": 3}}'
    )
    assert piped.returncode == 1
    assert piped.stderr == (
        'hoshikage: 1 record could not be answered: see "error" in the results\n'
    )
    path = prompts('{"prompt": "a", "steps": "many"}\n{"prompt": "b"}\n')
    assert hoshikage("batch", path, "-q", "-o", out, *SHORT).returncode == 1
    again = hoshikage("batch", path, "-q", "-o", out, *SHORT)
    assert again.returncode == 1
    assert "--retry" in again.stderr
    path.write_text(path.read_text().replace("many", "2"))
    assert hoshikage("batch", path, "-q", "-o", out, "--retry", *SHORT).returncode == 0
    done = hoshikage("batch", path, "-q", "-o", out, *SHORT)
    assert (done.returncode, done.stderr) == (0, "")


def test_strict_stops_there_and_keeps_what_is_done(hoshikage, prompts, tmp_path):
    path = prompts("\n".join(BAD))
    run = hoshikage("batch", path, "-o", tmp_path / "out", "--strict", *SHORT)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("hoshikage: line 2: not JSON")
    assert [r["line"] for r in parsed((tmp_path / "out").read_text())] == [1]


def test_what_is_done_is_not_done_again(hoshikage, prompts, tmp_path):
    path, out = prompts("\n".join(BAD)), tmp_path / "out"
    hoshikage("batch", path, "-o", out, *SHORT)
    before = out.read_bytes()
    again = hoshikage("batch", path, "-o", out, *SHORT)
    assert "0 answered · 0 bad · 5 skipped" in again.stderr
    assert "5 results are there already" in again.stderr
    assert out.read_bytes() == before
    path.write_text(path.read_text().replace("many", "2"))
    retried = hoshikage("batch", path, "-o", out, "--retry", *SHORT)
    assert "1 answered · 2 bad · 2 skipped" in retried.stderr
    assert [r["line"] for r in parsed(out.read_text())] == [1, 2, 3, 4, 5]


def test_another_input_is_noticed(hoshikage, prompts, tmp_path):
    out = tmp_path / "out"
    hoshikage("batch", prompts("one\ntwo\n", "a.txt"), "-o", out, *SHORT)
    run = hoshikage("batch", prompts("one\nthree\n", "a.txt"), "-o", out, *SHORT)
    assert run.returncode == 2
    assert "the input has changed" in run.stderr
    fresh = hoshikage("batch", tmp_path / "a.txt", "-o", out, "--overwrite", *SHORT)
    assert "2 answered · 0 bad · 0 skipped" in fresh.stderr


def test_shards_together_are_the_whole(hoshikage, prompts):
    path = prompts(PROMPTS, "p.txt")
    whole = parsed(hoshikage("batch", path, *SHORT).stdout)
    parts = [parsed(hoshikage("batch", path, "--shard", f"{i}/2", *SHORT).stdout) for i in (1, 2)]
    assert sorted(r["line"] for r in parts[0] + parts[1]) == [r["line"] for r in whole]


WRONG = [
    (("/nowhere.jsonl",), "cannot read the prompts"),
    (("-", "--format", "xml"), "choose auto, jsonl, lines or csv"),
    (("-", "--order", "none"), "choose input or finished"),
    (("-", "--shard", "3/2"), "--shard"),
    (("-", "-o", "/nowhere/out"), "cannot write"),
    (("{input}", "-o", "{input}"), "is the input"),
    (("{csv}",), "no column prompt"),
    (("-", "--visual"), "no option --visual"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG)
def test_one_clear_line(hoshikage, prompts, arguments, words):
    paths = {"input": prompts("a\n", "p.txt"), "csv": prompts("a,b\n1,2\n", "t.csv")}
    run = hoshikage("batch", *(argument.format(**paths) for argument in arguments))
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.count("\n") == 1
    assert words in run.stderr


def test_a_reader_that_goes_away(environment, prompts):
    path = prompts("one\ntwo\nthree\n", "p.txt")
    command = [*PROGRAM, "batch", str(path), "-q", *SHORT]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    process.stdout.close()
    assert process.wait(timeout=60) == 141


def test_a_full_disk_is_told(hoshikage):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    run = hoshikage("batch", "-", "-q", "-o", "/dev/full", *SHORT, stdin="a\n")
    assert run.returncode == 1
    assert run.stderr == "hoshikage: cannot write /dev/full: No space left on device\n"


def test_ctrl_c_keeps_what_is_finished(environment, hoshikage, prompts, tmp_path):
    path, out = prompts("Tell a story.\n" * 400, "p.txt"), tmp_path / "out"
    command = [*PROGRAM, "batch", str(path), "-o", str(out), "-n", "8"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)
    wait_for_lines(process, out, 3)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 130
    last = said.splitlines()[-1]
    kept = (
        r"hoshikage: interrupted: what is finished is kept, [1-8] answers? under way (is|are) not"
    )
    assert re.fullmatch(kept, last)
    assert out.read_bytes().endswith(b"\n")
    assert 3 <= len(parsed(out.read_text())) < 400


# ------------------------------------------------------------------------------- kill -9

RECORDS, KILLS = 500, 20


def count_lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for_lines(process, path, count):
    """Until there are that many results, or the program is over."""
    while process.poll() is None and count_lines(path) < count:
        time.sleep(0.001)


def test_killed_twenty_times_it_loses_nothing_and_repeats_nothing(
    environment, hoshikage, prompts, tmp_path
):
    lines = [json.dumps({"id": f"r{n}", "prompt": f"{n} + 1"}) for n in range(RECORDS)]
    path, out, moments = prompts("\n".join(lines)), tmp_path / "out", random.Random(5)
    command = [*PROGRAM, "batch", str(path), "-o", str(out), "-q", *SHORT]
    for _ in range(KILLS):
        process = subprocess.Popen(command, env=environment)
        wait_for_lines(process, out, count_lines(out) + moments.randint(0, RECORDS // KILLS - 5))
        time.sleep(moments.uniform(0, 0.03))
        assert process.poll() is None
        process.kill()
        process.wait()
    last = hoshikage(*command[len(PROGRAM) :])
    assert last.returncode == 0, last.stderr
    results = parsed(out.read_text())
    assert [r["id"] for r in results] == [f"r{n}" for n in range(RECORDS)]
    whole = parsed(hoshikage("batch", path, "-q", *SHORT).stdout)
    told = [[(r["line"], r["prompt"], r["text"]) for r in run] for run in (results, whole)]
    assert told[0] == told[1]
