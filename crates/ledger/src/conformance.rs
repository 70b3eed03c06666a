//! What every store must pass, whatever it is made of.
//!
//! Each case is a plain async function that opens a fresh, empty store and asserts. [`crate::activity_cases!`],
//! [`crate::state_cases!`], [`crate::coordination_cases!`], [`crate::election_cases!`] and [`crate::queue_cases!`] name every
//! case once, so that an adapter's tests can make a test of each with the runtime that they use, and cannot forget one:
//!
//! ```ignore
//! macro_rules! each { ($($case:ident)*) => { $(
//!     #[tokio::test]
//!     async fn $case() { ledger::conformance::activity::$case(&open).await }
//! )* } }
//! ledger::activity_cases!(each);
//! ```
//!
//! The cases panic where a store is wrong; nothing of this runs outside of tests.

mod backfill;
mod coordination_cases;
mod coverage;
mod election_cases;
mod events;
mod feed;
mod fixture;
mod queue_cases;
mod repos;
mod state_cases;

/// The cases of [`crate::port::Activity`].
pub mod activity {
    pub use super::backfill::*;
    pub use super::coverage::*;
    pub use super::events::*;
    pub use super::feed::*;
    pub use super::fixture::Open;
    pub use super::repos::*;
}

/// The cases of [`crate::port::State`].
pub mod state {
    pub use super::state_cases::*;
}

/// The cases of [`crate::port::Coordination`].
pub mod coordination {
    pub use super::coordination_cases::*;
}

/// The cases of [`crate::port::Election`].
pub mod election {
    pub use super::election_cases::*;
}

/// The cases of [`crate::port::BackfillQueue`].
pub mod queue {
    pub use super::queue_cases::*;
}

/// Calls a macro with the name of every function in [`conformance::activity`](crate::conformance::activity).
#[macro_export]
macro_rules! activity_cases {
    ($each:ident) => {
        $each! {
            each_leader_has_a_higher_term_than_the_one_before
            a_stale_term_is_refused_and_changes_nothing

            recording_twice_changes_nothing
            overlapping_batches_in_any_order_make_the_same_store
            every_fact_comes_back_as_it_was_recorded
            facts_of_two_kinds_or_repositories_may_share_an_id
            a_retracted_commit_is_not_live_and_can_return
            what_one_call_retracts_and_brings_is_live
            retracting_what_is_not_known_does_nothing
            a_newer_version_amends_a_review_and_an_older_one_does_not
            events_outside_of_what_is_tracked_are_ignored
            the_events_of_a_window_come_in_order_and_without_its_end
            a_large_batch_is_one_step

            a_proof_covers_its_window_and_nothing_else
            a_frontier_never_moves_back
            a_miss_is_a_gap_until_it_is_read
            a_confirmation_moves_the_frontier_and_heals_no_older_gap
            a_confirmation_claims_nothing_that_was_never_read
            nothing_is_claimed_beyond_now
            what_is_unavailable_is_so_until_it_is_read_or_confirmed
            the_count_of_open_items_stays_until_another_is_told
            events_without_a_proof_cover_nothing
            commits_without_a_proof_take_the_fingerprint_away

            a_renamed_repository_keeps_everything
            a_repository_that_is_not_listed_is_kept_and_comes_back
            a_repository_moves_from_one_organisation_to_another
            a_stream_that_is_enabled_later_is_tracked_from_then
            organisations_do_not_affect_one_another
            cycles_are_folded_into_their_organisation

            the_feed_tells_of_every_change_once_and_in_order
            the_feed_is_the_same_in_pieces_of_any_size
            the_events_of_one_call_stand_in_the_feed_by_time
            an_amended_event_is_recorded_once_for_every_reader
            a_review_keeps_its_first_state_in_the_feed
            the_feed_misses_nothing_under_concurrent_writers
            the_feed_tells_of_repositories_and_organisations
            every_piece_of_the_feed_is_of_one_incarnation

            a_gap_is_due_until_it_is_dispatched_claimed_or_filled
            what_was_dispatched_or_claimed_is_due_again_once_it_is_silent
            what_is_due_comes_in_order_and_bounded
            only_the_time_before_now_is_due
            what_cannot_be_read_is_not_due_and_cannot_be_claimed

            a_claim_comes_with_the_repository_as_it_is_now
            of_many_who_claim_at_once_one_is_given_it
            a_claim_that_has_passed_is_taken_over_and_the_old_one_writes_nothing
            a_claim_that_has_passed_and_that_nobody_took_still_writes
            a_claim_that_was_ended_writes_nothing
            terms_and_tokens_do_not_entitle_for_each_other
            a_repository_that_moves_keeps_its_gaps_and_who_is_at_them
            what_a_filler_writes_is_there_before_another_has_its_gaps_or_never
            what_a_leader_writes_is_there_before_the_next_term_begins_or_never

            a_filler_proves_its_own_stream_alone_and_its_events_count
            a_filler_proves_nothing_of_another_repository
            a_filler_retracts_and_leaves_what_it_saw
            the_feed_tells_of_failures_and_not_of_who_is_at_it

            a_failed_attempt_counts_and_the_next_waits_for_its_time
            when_every_attempt_is_used_up_it_is_stuck_until_it_is_armed_again
            what_is_unavailable_is_armed_again_as_well
            filled_begins_anew_and_abandoned_counts_nothing
            what_a_leader_reads_or_confirms_heals_the_gap_and_forgets_failures

            history_that_is_asked_for_is_a_gap_and_moves_no_counter
            history_of_what_is_unavailable_is_asked_for_as_well_and_of_the_untracked_not
            events_before_the_counters_start_are_history_in_the_feed
            asking_for_history_arms_what_is_stuck

            whatever_leaders_and_fillers_do_only_who_may_write_does_and_nothing_read_is_lost
        }
    };
}

/// Calls a macro with the name of every function in [`conformance::state`](crate::conformance::state).
#[macro_export]
macro_rules! state_cases {
    ($each:ident) => {
        $each! {
            a_kept_answer_comes_back_as_it_was
            a_newer_answer_takes_the_place_of_the_older_one
            answers_are_not_shared_between_credentials
            kept_answers_are_bounded_and_the_oldest_go_first
            what_is_noted_stays_until_something_else_is_noted_under_its_name
        }
    };
}

/// Calls a macro with the name of every function in [`conformance::coordination`](crate::conformance::coordination).
#[macro_export]
macro_rules! coordination_cases {
    ($each:ident) => {
        $each! {
            what_is_told_is_held_for_everybody_else_as_it_was_told
            nobody_hears_its_own_row_as_another_s
            a_telling_takes_the_place_of_all_that_was_told_before
            credentials_do_not_mix
            an_exchange_is_one_step_under_concurrent_writers
            one_who_leaves_is_gone_and_the_others_stay
            the_beat_of_one_who_was_killed_stands_still_until_it_is_swept
            one_whose_beat_has_moved_on_is_not_swept
            one_who_was_swept_by_mistake_is_back_with_the_next_exchange

            a_block_only_grows
            a_block_outlives_everybody
            what_was_learnt_comes_back_as_it_was_kept
            what_somebody_else_has_kept_is_not_kept_over
            of_several_who_keep_at_once_nobody_s_learning_is_lost
        }
    };
}

/// Calls a macro with the name of every function in [`conformance::election`](crate::conformance::election).
#[macro_export]
macro_rules! election_cases {
    ($each:ident) => {
        $each! {
            nobody_holds_an_office_that_was_never_taken
            an_office_that_nobody_holds_is_taken
            an_office_is_taken_over_as_it_was_seen
            an_office_that_has_moved_on_is_not_taken
            an_office_that_is_gone_is_neither_taken_over_nor_renewed
            of_many_who_take_at_once_exactly_one_gets_it
            of_a_renewal_and_a_takeover_at_once_exactly_one_succeeds
            a_renewal_changes_the_mark_and_only_the_mark
            no_mark_returns
            who_has_lost_the_office_renews_nothing
            an_office_given_back_is_free_and_keeps_its_epoch
            who_has_lost_the_office_gives_nothing_back
            each_holder_has_a_higher_epoch_than_the_one_before
            one_candidate_leads_at_a_time_and_is_followed_in_time
        }
    };
}

/// Calls a macro with the name of every case in [`conformance::queue`](crate::conformance::queue).
#[macro_export]
macro_rules! queue_cases {
    ($each:ident) => {
        $each! {
            what_is_published_comes_out_as_it_was
            what_is_acknowledged_never_comes_again
            who_waits_gets_what_is_published_later
            each_message_is_in_one_hand_at_a_time
            a_wait_that_is_dropped_loses_no_message

            what_is_put_off_comes_again_and_not_before_its_delay
            what_is_put_off_lets_the_others_pass
            what_is_buried_comes_no_more_and_is_counted
            dead_letters_are_taken_away_and_counted
            the_depth_is_what_the_queue_holds

            a_body_that_is_no_task_comes_without_one
            a_tag_that_is_not_in_hand_does_nothing
            what_a_dead_consumer_had_in_hand_comes_again
        }
    };
}

#[cfg(test)]
mod coordination_model;
#[cfg(test)]
mod election_model;
#[cfg(test)]
pub(crate) mod model;
#[cfg(test)]
mod queue_model;
#[cfg(test)]
pub(crate) mod tests;
