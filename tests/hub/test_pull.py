"""`hoshikage pull` and `-m hf:…`, from a server on this machine that speaks the hub's protocol."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from importlib.util import find_spec

import pytest

from hoshikage_cli.errors import UsageError
from hoshikage_cli.hub.repository import RemoteFile, Repository, reference_of
from hoshikage_cli.llama.families import NAMED
from hoshikage_cli.models.catalogue import shipped_path
from hoshikage_cli.models.published import published
from hoshikage_cli.models.registry import read_kept
from hub_server import COMMIT, Hub
from program import PROGRAM

able = pytest.mark.skipif(
    find_spec("huggingface_hub") is None, reason="needs the extra [hub]: huggingface_hub"
)
HOSHI = shipped_path("hoshi-tiny").read_bytes()
NAME = "somebody/hoshi-GGUF"
FILE = f"{NAME}/hoshi-tiny.Q8_0.gguf"
ASK = ("What is the capital of Japan?", "-n", "16", "--seed", "1")


@pytest.fixture
def hub():
    with Hub({FILE: HOSHI, f"{NAME}/README.md": b"hello"}) as serving:
        yield serving


@pytest.fixture
def pull(hoshikage, hub, tmp_path):
    """pull("somebody/…", variable="…") runs it against the server."""
    variables = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_ETAG_TIMEOUT": "30",
    }

    def run(*arguments, command="pull", **more):
        return hoshikage(command, *arguments, **variables, **more)

    return run


def bytes_sent(hub):
    return sum(method == "GET" and "/elsewhere/" in path for method, path, _ in hub.asked)


@able
def test_from_nothing_to_an_answer(pull, hub, tmp_path):
    run = pull(f"{NAME}:Q8_0", "--as", "mine")
    assert (run.returncode, run.stdout) == (0, ""), run.stderr
    assert run.stderr == "hoshikage: mine is hoshi-tiny.Q8_0.gguf: hoshikage generate -m mine …\n"
    answer = pull("-m", "mine", *ASK, command="generate")
    assert "Tokyo" in answer.stdout
    (place,) = (tmp_path / "hf" / "hub").glob("models--*/snapshots/*/*.gguf")
    assert place.parent.name == COMMIT
    assert place.read_bytes() == HOSHI


@able
def test_what_is_recommended_goes_with_a_name_of_the_list(pull, hub):
    hub.files["mradermacher/LLaDA-8B-Instruct-GGUF/LLaDA.Q8_0.gguf"] = HOSHI
    run = pull("llada:8b")
    assert run.returncode == 0, run.stderr
    assert "settings recommended by ML-GSAI/LLaDA, generate.py go with it" in run.stderr
    shown = json.loads(pull("show", "llada:8b", "--json", command="models").stdout)
    assert shown["kept"] == {"max_tokens": 128, "steps": 128, "block_length": 32}
    # A file that is not what the list says is not given its name.
    hub.files["bartowski/Dream-org_Dream-v0-Instruct-7B-GGUF/Dream-Q8_0.gguf"] = HOSHI
    wrong = pull("dream:7b")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "cannot be of the family dream" in wrong.stderr


@able
def test_a_model_of_the_hub_is_fetched_once(pull, hub):
    first = pull("-m", f"hf:{NAME}", *ASK, command="generate")
    assert (first.returncode, "Tokyo" in first.stdout) == (0, True), first.stderr
    asked = len(hub.asked)
    again = pull("-m", f"hf:{NAME}:q8_0", *ASK, command="generate", HF_HUB_OFFLINE="1")
    assert again.stdout == first.stdout
    assert len(hub.asked) == asked


@able
def test_what_was_cut_off_goes_on_where_it_was(pull, hub, tmp_path):
    """The connection breaks off thrice; each time it goes on from the last MiB that is whole."""
    hub.cut_after = 2_000_000
    run = pull(NAME)
    assert run.returncode == 0, run.stderr
    ranges = [told for method, path, told in hub.asked if method == "GET" and "/elsewhere/" in path]
    assert ranges == ["", *(f"bytes={n << 20}-" for n in (1, 2, 3))]
    assert run.stderr.count("\n") == 1


@able
def test_a_kill_in_the_middle_and_a_resume(environment, hub, tmp_path):
    hub.cut_after = 3_000_000  # it then waits a second before it asks again
    variables = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf")}
    command = [*PROGRAM, "pull", NAME]
    run = subprocess.Popen(command, env={**environment, **variables}, stderr=subprocess.PIPE)
    folder, until = tmp_path / "hf" / "hub", time.monotonic() + 120
    while not any(p.stat().st_size == 2 << 20 for p in folder.rglob("*.hoshikage-part")):
        assert time.monotonic() < until
        time.sleep(0.01)
    run.kill()
    run.communicate()
    hub.cut_after, before = None, len(hub.asked)
    done = subprocess.run(command, env={**environment, **variables}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = [each for method, path, each in hub.asked[before:] if "/elsewhere/" in path]
    assert f"bytes={2 << 20}-" in told
    (place,) = folder.glob("models--*/snapshots/*/*.gguf")
    assert place.read_bytes() == HOSHI
    assert not list(folder.rglob("*.hoshikage-part"))


@able
def test_a_wrong_checksum(pull, hub, tmp_path):
    hub.wrong.add(FILE)
    run = pull(NAME)
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert "is not what its checksum says, and is thrown away: type it again" in run.stderr
    assert not list((tmp_path / "hf").rglob("*part"))
    hub.wrong.clear()
    assert pull(NAME).returncode == 0


@able
@pytest.mark.parametrize(
    ("deny", "words"),
    [
        ((401, "GatedRepo"), "is gated: accept its terms on its page, then hf auth login"),
        ((403, "GatedRepo"), "is gated"),
        ((401, "RepoNotFound"), "is not there, or private"),
        ((404, "RepoNotFound"), "is not there, or private: look at the spelling"),
        ((403, "Other"), "is not for everybody: hf auth login"),
        ((500, "Other"), "the hub answers 500: try again later"),
    ],
)
def test_what_the_hub_denies_is_a_line(pull, hub, deny, words):
    hub.deny = deny
    run = pull(NAME)
    assert (run.returncode, run.stderr.count("\n")) == (1, 1), run.stderr
    assert words in run.stderr


@able
def test_what_is_not_there(pull, hub):
    hub.files[f"{NAME}-checkpoint/model.safetensors"] = bytes(10)
    hub.files[f"{NAME}-checkpoint/config.json"] = b"{}"
    told = {
        (f"{NAME}:Q4_K_M",): (2, "has no Q4_K_M"),
        (NAME, "--revision", "v9"): (1, "has no revision 'v9'"),
        (f"{NAME}-checkpoint",): (1, "--convert Q8_0 fetches its checkpoint"),
        ("llada:9b",): (2, "did you mean llada:8b?"),
        ("sdar:1.7b",): (2, "hoshikage pull sdar:1.7b --convert Q8_0"),
        ("a/b/c",): (2, "is no repository"),
    }
    for arguments, (code, words) in told.items():
        run = pull(*arguments)
        assert (run.returncode, run.stderr.count("\n")) == (code, 1), run.stderr
        assert words in run.stderr


@able
def test_without_a_network(pull):
    run = pull(NAME, HF_HUB_OFFLINE="1")
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert "HF_HUB_OFFLINE forbids to fetch it" in run.stderr


@able
def test_a_split_model(pull, hub, tmp_path):
    """All parts are fetched, and lie beside the first."""
    for number in (1, 2):
        hub.files[f"{NAME}/big.Q4_0-0000{number}-of-00002.gguf"] = HOSHI + bytes([number])
    run = pull(f"{NAME}:Q4_0", "--as", "big")
    assert run.returncode == 0, run.stderr
    found = sorted((tmp_path / "hf" / "hub").glob("models--*/snapshots/*/big*"))
    assert [path.read_bytes()[-1] for path in found] == [1, 2]
    shown = json.loads(pull("show", "big", "--json", command="models").stdout)
    assert shown["path"].endswith("big.Q4_0-00001-of-00002.gguf")


@able
def test_a_disk_that_is_too_small(tmp_path, monkeypatch):
    from hoshikage_cli.hub import fetch

    usage = shutil._ntuple_diskusage(10, 9, 1)
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _: usage)
    file = RemoteFile("m.gguf", 5 * 10**9, "0" * 64)
    with pytest.raises(fetch.HubError, match=r"5\.0 GB are to be fetched, and 0\.0 GB are free"):
        fetch._refuse_no_room(tmp_path, [file], reference_of(NAME))


# --------------------------------------------------------------- without huggingface_hub


@pytest.mark.parametrize("model", published().values(), ids=published())
def test_a_published_model_is_well_formed(model):
    assert model.family in NAMED
    assert read_kept(model.settings) == model.settings
    assert bool(model.settings) == bool(model.source)
    for name in filter(None, (model.checkpoint, model.gguf)):
        assert reference_of(name).repository == name
    assert 0 < model.parameters < 100


def test_the_list_is_printed_without_the_library(hoshikage):
    run = hoshikage("pull")
    assert run.returncode == 0
    assert [line.split()[0] for line in run.stdout.splitlines()] == ["NAME", *published()]


def test_a_name_of_the_list_is_no_model_yet(hoshikage):
    run = hoshikage("generate", "-m", "llada:8b", "hi")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "hoshikage pull llada:8b fetches it" in run.stderr


def files(**sizes):
    return Repository("o/n", COMMIT, tuple(RemoteFile(n, s, "") for n, s in sizes.items()))


def test_which_file_is_taken():
    there = files(**{"m-Q4_K_M.gguf": 4, "m.Q8_0.gguf": 8, "m-F16.gguf": 16, "mmproj-F16.gguf": 1})
    names = {room: there.choose(None, room)[0].name for room in (None, 100, 7, 1)}
    assert names[None] == names[100] == "m.Q8_0.gguf"
    assert names[7] == names[1] == "m-Q4_K_M.gguf"
    assert there.choose("q4_k_m", 1)[0].name == "m-Q4_K_M.gguf"
    with pytest.raises(UsageError, match="did you mean Q4_K_M"):
        there.choose("Q4_K_S", None)
    with pytest.raises(UsageError, match="there are Q4_K_M, Q8_0, F16"):
        there.choose("huge", None)


@pytest.mark.parametrize(
    ("name", "repository", "quantisation"),
    [
        ("hf:o/n", "o/n", None),
        ("o/n:Q4_0", "o/n", "Q4_0"),
        ("o-x/n.v2-GGUF", "o-x/n.v2-GGUF", None),
    ],
)
def test_how_repositories_are_spelled(name, repository, quantisation):
    found = reference_of(name)
    assert (found.repository, found.quantisation) == (repository, quantisation)
