"""How threads wait, in our process and in those that we measure."""

from __future__ import annotations

from hoshikage_cli.llama import openmp as waiting


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    waiting.prefer_short_waits()
    others = waiting.environment_of_others()
    assert others["OMP_WAIT_POLICY"] == "active"
    assert "GOMP_SPINCOUNT" not in others
