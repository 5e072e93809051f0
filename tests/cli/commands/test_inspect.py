"""`hoshikage inspect`."""

from __future__ import annotations

import json


def test_inspect_tells_what_matters(hoshikage):
    result = hoshikage("inspect", "hoshi-tiny")
    assert result.returncode == 0
    told = {line[:14].strip(): line[14:].strip() for line in result.stdout.splitlines()}
    assert told["architecture"] == "llada"
    assert told["kind"] == "diffusion"
    assert told["shift logits"] == "no"
    assert told["chat template"] == "yes"
    assert "hoshikage.max_tokens" in told["advice"]


def test_inspect_as_json(hoshikage):
    told = json.loads(hoshikage("inspect", "hoshi-tiny", "--json").stdout)
    assert told["kind"] == "diffusion"
    assert told["mask_token"] is not None
    assert told["parameters"] > 1_000_000
    assert "Q8_0" in told["quantisation"]
    assert told["block_cache"] in (True, False)


def test_inspect_of_what_is_no_model(hoshikage, tmp_path):
    file = tmp_path / "x.gguf"
    for content, words in ((b"", "empty"), (b"PK\3\4", "zip"), (b"GGUF\3\0\0\0", "not whole")):
        file.write_bytes(content)
        result = hoshikage("inspect", file)
        assert result.returncode == 1
        assert words in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert hoshikage("inspect", "nowhere").returncode == 2
