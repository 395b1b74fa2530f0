"""What is known to go wrong between an engine and its broker, and who shows that it does no harm.

``fault_table`` writes it into docs/faults.md.
"""

from __future__ import annotations

from typing import Final

from tests.campaign.fault_rows import rows_of

MATRIX: Final = rows_of("""
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
| core/test_exit_faults.py::test_28_the_stop_is_cancelled_by_somebody_else

29 a stop rejected, at once or later, or Inactive
| core/test_exit_faults.py::test_29_a_stop_that_is_always_rejected
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
| core/test_exit_faults.py::test_28_the_stop_is_cancelled_by_somebody_else
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
