"""What the model that writes in blocks sees in training is what it sees when it decodes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from demo_model.copies import Copies


@given(st.data())
def test_a_noisy_block_sees_itself_and_the_clean_ones_before_it(data):
    length = data.draw(st.integers(1, 6))
    blocks = data.draw(st.integers(1, 5))
    first = data.draw(st.integers(0, blocks - 1))
    clean, start = blocks * length, first * length
    copies = Copies([*range(clean), *range(start, clean)], length, clean)
    seen = copies.visible()
    for at in range(clean):
        end = (at // length + 1) * length
        assert [i for i in range(len(seen)) if seen[at, i]] == list(range(end))
    for at in range(start, clean):
        begin = at // length * length
        noisy = [clean + i - start for i in range(begin, begin + length)]
        row = seen[clean + at - start]
        assert [i for i in range(len(seen)) if row[i]] == [*range(begin), *noisy]
