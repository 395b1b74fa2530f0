"""The contract of behaviour is complete: every line of trading behaviour is a scenario, long and
short, and every failure that such systems have had is a test of its number and name."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parent
BEHAVIOURS = range(1, 27)
FAILURES = {
    1: "end_of_day_closes_one_symbol_and_abandons_the_rest",
    2: "end_of_day_sells_what_was_stopped_out",
    3: "an_entry_goes_out_without_a_computable_stop",
    4: "stop_or_target_live_while_the_entry_never_filled",
    5: "exit_size_taken_from_ordered_not_executed_quantity",
    6: "lost_updates_under_rapid_partial_fills",
    7: "a_queued_cancel_all_strips_the_next_trades_protection",
    8: "one_signal_fires_again_when_its_cooldown_ends",
    9: "a_rejection_leaves_a_phantom_trade_that_blocks_the_symbol",
    10: "dollars_taken_as_shares",
    11: "buy_and_sell_arriving_together_both_enter",
    12: "flatten_repeated_on_every_opposite_signal",
    13: "double_down_beyond_the_stop",
    14: "a_status_callback_that_raises_and_is_swallowed",
    15: "fills_lost_or_doubled",
    16: "scale_in_repeats_each_evaluation",
    17: "bracket_children_or_oco_cancels_that_never_reach_the_broker",
    18: "order_types_or_time_in_force_sent_empty",
    19: "a_broker_rejection_nobody_handles",
    20: "decimal_quantities_mixed_with_floats",
    21: "any_to_any_status_changes",
    22: "order_ids_reused_or_reset",
    23: "broker_thread_state_touched_from_another_thread",
    24: "rule_registered_during_evaluation_breaks_the_loop",
    25: "several_copies_of_the_truth_about_a_position",
    26: "restart_forgets_positions_and_executes_the_last_signal_again",
    27: "no_reconnect",
    28: "shutdown_leaves_positions_unmanaged_without_saying_so",
    29: "atr_cached_for_the_whole_day",
    30: "local_time_taken_for_exchange_time",
    31: "constant_equity_and_no_account_checks",
    32: "commissions_ignored_in_profit_and_loss",
    33: "one_slow_ticker_delays_the_polling_of_all",
}


def test_every_failure_has_a_test_of_its_name() -> None:
    found = {
        name
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(
            r"^(?:async )?def (test_failure_\w+)\(", file.read_text("utf-8"), re.M
        )
    }
    wanted = {f"test_failure_{number:02}_{words}" for number, words in FAILURES.items()}
    assert wanted - found == set()
    assert {int(name.split("_")[2]) for name in found} <= set(FAILURES)


def test_every_behaviour_has_scenarios_long_and_short() -> None:
    sides: dict[int, set[str]] = defaultdict(set)
    for file in (TESTS / "scenarios").glob("*.txt"):
        text = file.read_text("utf-8")
        own = set(re.findall(r"\b(long|short) \d", text))
        played = {"long", "short"} if text.startswith("mirror 1") else own
        sides[int(file.name[:2])] |= played
    assert {number for number in BEHAVIOURS if sides[number] != {"long", "short"}} == set()
