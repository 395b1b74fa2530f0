"""A short piece of the campaign: answers to polls and posted bodies of any kind."""

from __future__ import annotations

from tests.campaign.signal_fuzz import fuzz_polling, fuzz_webhook


def test_any_answer_to_a_poll_is_taken_refused_or_an_error_and_counted() -> None:
    tally = fuzz_polling(examples=80, number=5)

    assert tally.faults == []
    assert min(tally.came["predictions"], tally.came["refusals"], tally.came["errors"]) > 0


def test_anything_posted_is_answered_and_counted() -> None:
    tally = fuzz_webhook(examples=80, number=5)

    assert tally.faults == []
    assert min(tally.came["200"], tally.came["401"], tally.came["422"]) > 0
