"""What users of such software suffer from, and who shows that they need not.

Collected from the trackers of other engines and libraries; ``fault_table`` writes it into
docs/faults.md.
"""

from __future__ import annotations

from typing import Final

from tests.campaign.fault_rows import rows_of

PAINS: Final = rows_of("""
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
