"""Mutated files of every kind are read and used, or refused in one line; `python -m tests.fuzzing` tries more."""

import pytest

from tests.fuzz_readers import READERS
from tests.fuzzing import Outcome, fuzz


def require_answers(found: Outcome, count: int) -> None:
    """Assert that every input was used or refused, and that there were some of both."""
    assert not found.wrong, [(wrong.number, wrong.reason) for wrong in found.wrong[:10]]
    assert found.counts.total() == count
    assert found.counts["used"] > 0
    assert found.counts["refused"] > 0


@pytest.mark.parametrize("name", READERS)
def test_mutated_files_are_answered(name, seed):
    require_answers(fuzz(name, 60, seed), 60)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", READERS)
def test_ten_thousand_mutated_files_are_answered(name, seed):
    require_answers(fuzz(name, 10_000, seed + 10_000), 10_000)
