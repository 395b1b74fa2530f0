"""What is known to go wrong between an engine and its broker, and who shows that it does no harm.

Each row names the faults of the simulator that make it happen (their own rows say so) and the
tests that play it; a name is ``file::test``. ``fault_table`` writes them into docs/faults.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from engine.sim.faults import KINDS


@attrs.frozen
class Row:
    number: int
    what: str
    tests: tuple[str, ...]
    faults: tuple[str, ...] = ()  # of a pain; those of the matrix come from the faults' own rows

    @property
    def kinds(self) -> tuple[str, ...]:
        return self.faults or tuple(
            name for name, kind in KINDS.items() if self.number in kind.rows
        )


def _rows(text: str) -> tuple[Row, ...]:
    """``number what | file::test … | fault …``, a row in each paragraph."""
    found = []
    for paragraph in text.strip().split("\n\n"):
        head, tests, *faults = (" ".join(part.split()) for part in paragraph.split("\n| "))
        number, _, what = head.partition(" ")
        named = tuple(faults[0].split()) if faults else ()
        found.append(Row(int(number), what, tuple(tests.split()), named))
    return tuple(found)


MATRIX: Final = _rows("""
1 each callback again
| core/test_execution_faults.py::test_01_to_07_the_end_is_that_of_a_good_day
core/test_positions.py::test_every_delivery_gives_the_same_position

2 callbacks in another order
| core/test_execution_faults.py::test_01_to_07_the_end_is_that_of_a_good_day
core/test_positions.py::test_any_delivery_is_the_plain_fold_of_the_latest_revisions

3 statuses lost
| core/test_execution_faults.py::test_01_to_07_the_end_is_that_of_a_good_day

4 openOrder lost
| core/test_execution_faults.py::test_01_to_07_the_end_is_that_of_a_good_day

5 an execution lost
| core/test_execution_faults.py::test_01_to_07_the_end_is_that_of_a_good_day

6 an execution a minute late
| core/test_execution_faults.py::test_06_while_an_execution_is_late_nothing_is_sent_again

7 commissions early, late, never, unset
| core/test_execution_faults.py::test_07_a_commission_changes_profit_only

8 an execution corrected
| core/test_execution_faults.py::test_08_a_corrected_quantity
core/test_execution_faults.py::test_08_a_corrected_price_moves_the_stop
core/test_execution_faults.py::test_08_the_bust_of_a_closing_fill_brings_the_shares_back_and_they_go

9 the correction before what it corrects
| core/test_execution_faults.py::test_09_the_earlier_revision_comes_later
core/test_positions.py::test_the_later_revision_may_come_first

10 a fill after Cancelled
| core/test_order_faults.py::test_10_a_fill_after_the_cancel

11 a fill while a cancel is under way
| core/test_order_faults.py::test_11_a_fill_meets_the_cancel_of_its_entry
core/test_order_faults.py::test_11_the_stop_outlives_an_entry_whose_fate_is_unknown

12 a cancel answered 10147, 10148, 161, 135 or 136
| core/test_order_faults.py::test_12_a_cancel_is_refused
core/test_order_faults.py::test_12_a_cancel_that_is_always_refused_is_no_flood

13 a cancel never answered
| core/test_order_faults.py::test_13_a_cancel_that_is_never_answered
core/test_order_faults.py::test_13_a_cancel_that_is_lost_on_its_way_is_asked_again

14 an order swallowed
| core/test_order_faults.py::test_14_a_swallowed_order_is_unknown_until_two_rounds_prove_it_absent
core/test_order_faults.py::test_14_a_swallowed_stop_is_replaced_only_when_proven_absent

15 an order placed, its acknowledgement lost
| core/test_order_faults.py::test_14_an_order_that_appears_after_all_is_taken_back
campaign/test_crash_loop.py::test_it_dies_anywhere_and_goes_on

16 the connection lost between the legs of a bracket
| core/test_untransmitted.py::test_what_was_never_transmitted_is_taken_back
core/test_untransmitted.py::test_an_entry_that_was_transmitted_goes_on_without_its_target

17 children refused because the parent has filled
| core/test_order_faults.py::test_17_the_parent_fills_before_its_children_are_accepted

18 part fills of a parent, under each policy of its children
| core/test_order_faults.py::test_18_19_cover_after_each_partial_fill

19 children forced to the size of the parent
| core/test_order_faults.py::test_18_19_cover_after_each_partial_fill

20 children die with a part-filled parent
| core/test_order_faults.py::test_20_the_cancel_of_a_part_filled_parent_takes_its_children

21 a modification refused (10326), the order kept
| core/test_order_faults.py::test_21_22_a_stop_that_may_not_be_modified

22 a modification refused (10326), the order cancelled
| core/test_order_faults.py::test_21_22_a_stop_that_may_not_be_modified

23 a modification answered 103, 104, 105 or 2102
| core/test_orders.py::test_a_refused_amendment_leaves_the_terms_that_were_echoed
core/test_answer_faults.py::test_51_an_amendment_that_met_the_end_of_its_order

24 a modification applied late
| core/test_exits.py::test_an_amendment_waits_for_the_one_under_way
core/test_orders.py::test_remaining_counts_the_worst_of_asked_and_confirmed

25 a modification that becomes a second order
| sim/test_incidents.py::test_a_change_becomes_a_second_order_that_nobody_reaches
campaign/test_fault_table.py::test_the_page_says_what_comes_of_a_fault

26 both legs of a group fill
| core/test_order_faults.py::test_26_both_legs_fill

27 siblings not cancelled
| core/test_order_faults.py::test_27_a_sibling_that_the_broker_forgets

28 a stop cancelled by nobody known
| core/test_order_faults.py::test_28_the_stop_is_cancelled_by_somebody_else

29 a stop rejected, at once or later, or Inactive
| core/test_order_faults.py::test_29_a_stop_that_is_always_rejected
core/test_exits.py::test_no_more_stops_than_attempts

30 a stop set off that does not fill
| sim/test_incidents.py::test_a_stuck_stop_is_set_off_and_does_not_fill
campaign/test_fault_table.py::test_the_trades_undisturbed

31 a gap through the stop
| campaign/test_fault_table.py::test_the_trades_undisturbed
sim/test_fault_acts.py::test_nothing_trades_in_a_halt_and_the_price_gaps_after_it

32 1100 again and again, fills inside
| broker/test_session_losses.py::test_executions_are_told_whatever_the_link_says
sim/test_fault_acts.py::test_fills_may_come_through_a_link_that_is_down

33 1102 and no ticks
| broker/test_session_losses.py::test_1102_that_lies_is_found_out_and_data_are_subscribed_anew

34 1101
| broker/test_session_losses.py::test_1101_subscribes_data_anew

35 2110 without an end
| broker/test_session_losses.py::test_2110_ends_with_a_farm_or_with_data
broker/test_session_losses.py::test_data_that_flow_prove_the_link_whatever_codes_are_missing

36 a half-open connection
| broker/test_session_losses.py::test_a_heartbeat_without_an_answer_is_a_lost_connection

37 pieces, nonsense, bad lengths, unknown fields and messages, backpressure
| fast/test_frame.py::test_any_payloads_in_any_chunks
fast/test_frame.py::test_a_bad_length_breaks_the_stream_for_good
fast/test_decode_damage.py::test_any_bytes_are_a_message_or_an_error
broker/test_connection.py::test_send_is_whole_even_when_the_peer_reads_slowly
broker/test_session_sync.py::test_an_unreadable_message_is_counted_and_the_truth_is_asked

38 326 and refused connections
| broker/test_session_start.py::test_a_client_id_in_use_is_tried_again_and_never_changed
broker/test_session_start.py::test_a_tws_that_is_not_there_is_tried_again_with_doubling_pauses

39 a next id lower, higher, late or never
| core/test_broker_failures.py::test_failure_22_order_ids_reused_or_reset
broker/test_session.py::test_order_ids_begin_above_request_ids

40 the reset window
| sim/test_fault_acts.py::test_in_the_reset_window_stops_sleep_and_then_everything_comes_at_once

41 a restart while orders are sent
| sim/test_fault_acts.py::test_ids_below_the_highest_are_duplicates_after_a_restart
campaign/test_crash_loop.py::test_it_dies_anywhere_and_goes_on

42 an open order left out once
| core/test_answer_faults.py::test_42_one_listing_omits_a_live_order

43 a missing End
| core/test_answer_faults.py::test_43_a_snapshot_that_never_ends_proves_nothing
core/test_answer_faults.py::test_43_the_end_of_another_epoch_proves_nothing

44 no executions
| core/test_answer_faults.py::test_44_executions_that_no_answer_brings

45 positions stale or missing
| core/test_answer_faults.py::test_45_a_position_listing_that_is_wrong_is_not_flat
core/test_answer_faults.py::test_45_no_entry_on_a_position_that_nothing_explains

46 an order of the user of TWS
| core/test_answer_faults.py::test_46_an_order_and_a_trade_that_are_not_ours
core/test_foreign.py::test_adopted_shares_are_protected

47 our order cancelled or changed by the user of TWS
| core/test_order_faults.py::test_28_the_stop_is_cancelled_by_somebody_else
sim/test_incidents.py::test_orders_are_cancelled_and_changed_by_hand

48 a forced liquidation
| core/test_liquidated.py::test_what_the_broker_liquidates_leaves_our_trade_and_halts
campaign/test_simulate.py::test_what_is_liquidated_of_a_trade_that_has_turned_over_is_ours

49 a short sale that waits for shares
| sim/test_incidents.py::test_a_short_sale_waits_for_shares_and_a_long_one_does_not

50 information in the form of an error
| core/test_answer_faults.py::test_50_information_about_an_order_does_not_end_it

51 unknown codes and words
| core/test_answer_faults.py::test_51_an_unknown_code_is_a_question
broker/test_tws_errors.py::test_every_other_code_is_unknown_and_never_an_end

52 an error about no order
| core/test_answer_faults.py::test_52_an_order_error_that_names_no_order

53 110 at the edge of a price band
| core/test_money.py::test_a_band_edge_is_legal_from_below
core/test_money.py::test_rounding_meets_the_grid_on_the_stated_side
sim/test_exchange.py::test_prices_below_a_dollar_have_a_finer_grid

54 a trading halt
| core/test_risk.py::test_market
sim/test_fault_acts.py::test_nothing_trades_in_a_halt_and_the_price_gaps_after_it

55 quotes that are none
| core/test_risk.py::test_market
sim/test_fault_acts.py::test_a_bad_quote_is_shown_and_the_market_goes_on

56 too many messages
| broker/test_pacing.py::test_no_window_of_a_second_or_a_slot_holds_more_than_allowed
broker/test_pacing.py::test_a_cancel_leaves_at_once_under_a_flood_of_data

57 a crash at any write, sync, send or receipt
| campaign/test_crash_loop.py::test_it_dies_anywhere_and_goes_on
cli/test_kill_loop.py::test_a_day_of_kills_leaves_nothing_open_lost_or_done_twice

58 a full, failing or damaged disk
| campaign/test_disk_failures.py::test_every_refused_write_and_sync_of_a_trade
core/test_journal_faults.py::test_every_refused_write_and_sync_is_told_and_made_good
core/test_journal_damage.py::test_no_flipped_bit_anywhere_in_the_files_changes_the_history
core/test_journal_damage.py::test_a_full_disk_keeps_what_was_durable_and_gets_the_rest_when_it_has_room

59 two engines
| core/test_journal.py::test_a_second_process_is_refused_in_one_line
cli/test_resume.py::test_the_journal_belongs_to_one_engine_and_its_simulator_is_left_alone
broker/test_session_start.py::test_a_client_id_in_use_is_tried_again_and_never_changed

60 clocks that jump, summer time, a process that stands still
| broker/test_clock.py::test_never_goes_back
broker/test_clock.py::test_a_clock_that_is_behind_jumps_forward_to_what_was_told
core/test_truth_failures.py::test_failure_30_local_time_taken_for_exchange_time
core/test_once.py::test_a_time_of_day_comes_once_to_each_symbol
campaign/test_simulate.py::test_a_process_that_stood_still_finds_its_way_back
signals/test_files.py::test_the_exchange_has_summer_time

61 times of executions in other forms
| sim/test_fault_desk.py::test_executions_state_their_time_in_other_ways
broker/test_inbound.py::test_an_execution_is_exact

62 a contract that is gone, shares that changed overnight
| broker/test_session_start.py::test_a_symbol_that_is_gone_later_does_not_stop_the_engine
core/test_answer_faults.py::test_45_nothing_is_closed_that_the_broker_does_not_confirm

63 no margin for an addition
| core/test_broker_failures.py::test_failure_19_of_an_add_that_is_rejected_the_trade_goes_on
sim/test_exchange.py::test_margin_never_refuses_what_closes_a_position

64 signals in floods, twice, late, out of order, without sense
| runtime/test_runaway.py::test_one_signal_of_every_kind_and_source_floods_three_symbols
runtime/test_inbox.py::test_a_flood_is_taken_in_bounded_turns_and_wakes_again_for_the_rest
signals/test_intake.py::test_an_older_prediction_does_not_follow_a_newer_one
signals/test_webhook.py::test_the_same_message_again_gets_the_same_answer_and_does_nothing
signals/test_schema.py::test_anything_gives_a_signal_or_a_refusal
signals/test_signature.py::test_the_window_is_the_same_both_ways

65 the kill switch at any step, then a restart
| core/test_halts.py::test_it_is_latched_over_restarts_until_a_person_resumes
core/test_halts.py::test_level_3_closes_everything_and_the_stop_goes_last
campaign/test_simulate.py::test_a_halt_at_any_moment_of_a_trade_outlives_the_death_of_its_engine

66 versions and formats
| sim/test_clients.py::test_newest_ibapi_at_every_kind_of_version
broker/test_connection.py::test_agrees_on_a_version_and_offers_no_newer_one_than_allowed
broker/test_connection.py::test_a_tws_too_old_or_too_new

67 too many orders
| sim/test_exchange.py::test_twenty_working_orders_on_one_side_and_not_one_more
campaign/test_fault_table.py::test_the_page_says_what_comes_of_a_fault
""")

PAINS: Final = _rows("""
1 fills around a lost link are dropped and never asked for again
| broker/test_session_losses.py::test_executions_are_told_whatever_the_link_says
broker/test_session_losses.py::test_upstream_lost_and_restored_is_synced_anew
| link-down

2 a restart of the gateway hands out order ids a second time
| core/test_broker_failures.py::test_failure_22_order_ids_reused_or_reset
core/test_once.py::test_another_clients_execution_of_our_order_id_is_not_ours
| restart next-id

3 a modification becomes a second working order, which fills hours later
| sim/test_incidents.py::test_a_change_becomes_a_second_order_that_nobody_reaches
| double

4 each restart makes its orders again
| cli/test_resume.py::test_a_killed_engine_finds_its_position_and_orders_again
runtime/test_signal_ways.py::test_polled_posted_tailed_and_after_a_restart_it_trades_once
| restart

5 reconciliation counts partial fills twice
| core/test_positions.py::test_every_delivery_gives_the_same_position
core/test_truth_failures.py::test_failure_25_several_copies_of_the_truth_about_a_position
| drop repeat

6 working orders of the last session cannot be managed
| broker/test_session_at_simulator.py::test_a_new_connection_finds_what_the_old_one_left
cli/test_resume.py::test_a_killed_engine_finds_its_position_and_orders_again
| reset

7 stop and target that were found again do not belong to the position
| cli/test_resume.py::test_a_killed_engine_finds_its_position_and_orders_again
core/test_truth_failures.py::test_failure_26_restart_forgets_positions_and_executes_the_last_signal_again
| reset

8 an answer that does not come is taken for an empty one
| core/test_answer_faults.py::test_43_a_snapshot_that_never_ends_proves_nothing
broker/test_session_sync.py::test_a_snapshot_that_does_not_end_degrades_asks_again_and_then_reconnects
| drop swallow

9 a dead farm is not noticed, or costs the whole connection
| broker/test_session_losses.py::test_farms_are_known_by_name
broker/test_upstream.py::test_only_market_data_farms_count_for_market_data
| farm-down

10 the nightly reset ends the program
| campaign/test_fault_table.py::test_the_page_says_what_comes_of_a_fault
broker/test_session_start.py::test_a_tws_that_is_not_there_is_tried_again_with_doubling_pauses
| reset-window refuse

11 a leg of a group may not be modified
| core/test_order_faults.py::test_21_22_a_stop_that_may_not_be_modified
| reject policy

12 the stop fills while the entry has filled in part
| core/test_exits.py::test_the_rest_of_an_entry_goes_when_an_exit_trades
core/test_order_faults.py::test_18_19_cover_after_each_partial_fill
| late-fill

13 fills in quick succession leave the stop too small
| core/test_trade_failures.py::test_failure_06_lost_updates_under_rapid_partial_fills
| delay

14 nobody says whether children work after a part fill
| core/test_order_faults.py::test_18_19_cover_after_each_partial_fill
sim/test_brackets.py::test_children_after_a_partial_fill_of_the_parent
| policy

15 an execution before its openOrder is lost
| core/test_positions.py::test_every_delivery_gives_the_same_position
core/test_execution_faults.py::test_01_to_07_the_end_is_that_of_a_good_day
| reorder

16 a callback changes whose order it is
| core/test_once.py::test_another_clients_execution_of_our_order_id_is_not_ours
core/test_positions.py::test_a_correction_that_names_another_order_moves_its_shares_there
| order-by-hand

17 a notice in the form of an error ends an order that lives
| core/test_answer_faults.py::test_50_information_about_an_order_does_not_end_it
sim/test_exchange.py::test_an_empty_time_in_force_becomes_day_and_lives
| say-order

18 a refused modification shows as a cancelled order
| statecharts/test_order.py::test_a_refused_modification_leaves_a_working_order_working
core/test_orders.py::test_a_refused_amendment_leaves_the_terms_that_were_echoed
| reject

19 an order id is used twice
| core/test_broker_failures.py::test_failure_22_order_ids_reused_or_reset
sim/test_exchange.py::test_any_id_at_or_above_the_next_is_accepted_and_none_below
| next-id reject

20 open orders cannot be seen after a restart
| broker/test_session_at_simulator.py::test_a_new_connection_finds_what_the_old_one_left
broker/test_inbound.py::test_a_completed_order_is_found_by_perm_id_and_tells_what_has_filled
| hide-order restart

21 all orders of others have the id 0, and none a reference
| core/test_answer_faults.py::test_46_an_order_and_a_trade_that_are_not_ours
core/test_foreign.py::test_ignored_shares_are_counted_apart
| order-by-hand

22 a group needs the account's name; its own name comes back changed
| sim/test_exchange.py::test_an_oca_order_without_account_can_be_refused
core/test_broker_failures.py::test_failure_18_order_types_or_time_in_force_sent_empty
| policy

23 a fill of an order that nobody can find
| core/test_foreign.py::test_ignored_shares_are_counted_apart
core/test_unruly.py::test_it_believes_what_it_must_and_comes_to_rest
| order-by-hand

24 a cancel answered 10147 keeps somebody waiting
| core/test_order_faults.py::test_12_a_cancel_is_refused
core/test_order_faults.py::test_13_a_cancel_that_is_never_answered
| reject swallow

25 brackets and OCO pairs are wanted for years
| runtime/test_engine.py::test_brackets_and_ocos_directly
embedding/test_handles.py::test_a_bracket_is_followed_from_entry_to_end
campaign/test_auditor.py::test_what_was_placed_directly_is_nobodys_to_protect
| policy

26 the time in force is ignored, orders are gone after a restart, a position is behind its own fill
| core/test_broker_failures.py::test_failure_18_order_types_or_time_in_force_sent_empty
embedding/test_order_manager.py::test_what_was_placed_is_found_by_its_reference_after_a_restart
core/test_core.py::test_a_position_is_told_as_it_opens_and_closes
| restart

27 a connection that was lost does not come back, nor its data
| runtime/test_engine.py::test_failure_27_no_reconnect
broker/test_session_losses.py::test_1101_subscribes_data_anew
| reset close

28 bursts of messages freeze the gateway
| broker/test_pacing.py::test_no_window_of_a_second_or_a_slot_holds_more_than_allowed
broker/test_pacing.py::test_protection_takes_its_parent_along
| rate-limit

29 stale modifications wait in a queue and are played later
| core/test_exits.py::test_an_amendment_waits_for_the_one_under_way
core/test_signal_failures.py::test_failure_07_a_queued_cancel_all_strips_the_next_trades_protection
| stall

30 a commission that is late becomes a fee of nothing
| core/test_execution_faults.py::test_07_a_commission_changes_profit_only
core/test_truth_failures.py::test_failure_32_commissions_ignored_in_profit_and_loss
| delay unset-commission

31 a chart costs an object for each order
| statecharts/test_equality.py::test_chart_and_table_agree_on_every_configuration_and_event
fast/test_table.py::test_every_pair_reads_its_own_cell

32 nothing on a statement says which order it was
| core/test_broker_failures.py::test_failure_18_order_types_or_time_in_force_sent_empty
embedding/test_order_manager.py::test_what_was_placed_is_found_by_its_reference_after_a_restart
| restart
""")


def _proofs(row: Row) -> str:
    return "; ".join(f"`{name}`" for name in row.tests)


def _kinds(row: Row) -> str:
    return ", ".join(f"`{name}`" for name in row.kinds) or "-"


def sections() -> Iterator[str]:
    """The two tables as docs/faults.md has them."""
    yield "\n## The fault matrix\n"
    yield (
        "What is known to go wrong between an order engine and its broker: the fault that makes it "
        "happen at the simulator, or `-` where it happens to the client itself or its machine, and "
        "tests that play it, below `tests/`. Faults of the first column are also played in the "
        "table above, and drawn by campaigns."
    )
    yield "\n| row | what goes wrong | by | shown by |\n|---|---|---|---|"
    for row in MATRIX:
        yield f"| {row.number} | {row.what} | {_kinds(row)} | {_proofs(row)} |"
    yield "\n## What users of such software suffer from\n"
    yield "Collected from the trackers of other engines and libraries.\n"
    yield "| | what happens to them | by | shown by |\n|---|---|---|---|"
    for row in PAINS:
        yield f"| {row.number} | {row.what} | {_kinds(row)} | {_proofs(row)} |"
