"""Deliberate faults in the code, and the test that must notice each. The texts are those of the code as it is now.

When a text changes, change it here too: a habit test looks for each exactly once.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """In `file`, `old` becomes `new`; then `test` must fail."""

    fault: str
    file: str
    old: str
    new: str
    test: str


MUTATIONS = (
    Mutation(
        "reports are taken under any fence",
        "tasks/reporting/reports.py",
        "if entry.fence != sub_agent.fence or not token_is_right(sub_agent, entry.token):",
        "if not token_is_right(sub_agent, entry.token):",
        "tests/tasks/reporting/test_reports.py::test_a_bad_entry_is_answered_by_itself",
    ),
    Mutation(
        "beats of a known attempt are taken with any token",
        "tasks/reporting/running.py",
        "is_right = known and known.fence == beat.fence and hmac.compare_digest(known.token, beat.token.encode())",
        "is_right = known and known.fence == beat.fence",
        "tests/tasks/reporting/test_running.py::test_being_known_lets_nobody_else_in",
    ),
    Mutation(
        "a stop is not told to who was known to run",
        "tasks/reporting/running.py",
        '_NOTHING_TO_TELL = {"state": SubAgentState.RUNNING, "stop_reason": "", "granted_seconds": None}',
        '_NOTHING_TO_TELL = {"state": SubAgentState.RUNNING, "granted_seconds": None}',
        "tests/tasks/reporting/test_running.py::test_a_stop_that_anybody_wrote_is_told_with_the_next_answer",
    ),
    Mutation(
        "a claim with another nonce is the same claim",
        "tasks/lifecycle/claim.py",
        "if sub_agent.state in CLAIMED_STATES and sub_agent.claim_nonce == nonce:",
        "if sub_agent.state in CLAIMED_STATES:",
        "tests/tasks/test_flow.py::test_the_same_claim_again_gets_the_same_grant_and_another_nonce_none",
    ),
    Mutation(
        "the row says that output is there before it is written",
        "tasks/output/logs.py",
        """        log_files.write_at(path, row.stored_bytes, fresh)
        fail_at("output.before_row")
        _advance(row, sub_agent, row.stored_bytes + len(fresh), row.known_gaps)
""",
        """        _advance(row, sub_agent, row.stored_bytes + len(fresh), row.known_gaps)
        fail_at("output.before_row")
        log_files.write_at(path, row.stored_bytes - len(fresh), fresh)
""",
        "tests/tasks/test_crash_points.py::test_output",
    ),
    Mutation(
        "damaged output is stored",
        "tasks/output/logs.py",
        "if zlib.crc32(data) != crc32:",
        "if zlib.crc32(data) != crc32 and not data:",
        "tests/tasks/output/test_logs.py::test_damaged_bytes_are_refused",
    ),
    Mutation(
        "output that comes again is added again",
        "tasks/output/logs.py",
        "fresh = data[row.stored_bytes - offset :]",
        "fresh = data",
        "tests/tasks/output/test_logs.py::test_a_piece_again_is_known_and_an_overlap_adds_its_end",
    ),
    Mutation(
        "output is called complete without a comparison",
        "tasks/output/logs.py",
        "if stored_sha256 == sha256:",
        "if stored_sha256:",
        "tests/tasks/output/test_logs.py::test_other_bytes_start_over_once_and_are_then_corrupt",
    ),
    Mutation(
        "an ended attempt keeps what it held",
        "tasks/sub_agent_lifecycle.py",
        "    allocations.release(sub_agent)\n    fair_share.charge(sub_agent)\n",
        "    fair_share.charge(sub_agent)\n",
        "tests/tasks/test_flow.py::test_from_submission_to_complete_output",
    ),
    Mutation(
        "a state changes whatever it was",
        "tasks/sub_agent_lifecycle.py",
        'row = {"pk": sub_agent.pk, "state": allowed, "fence": sub_agent.fence}',
        'row = {"pk": sub_agent.pk, "fence": sub_agent.fence}',
        "tests/tasks/agent_api/test_errors.py::test_what_runs_cannot_be_given_back",
    ),
    Mutation(
        "a task that was to be canceled is placed again",
        "tasks/lifecycle/conclude.py",
        "if task.cancel_requested_at is not None:",
        "if task.cancel_requested_at is not None and not task.pk:",
        "tests/tasks/test_lifecycle_matrix.py::test_not_started_after_a_cancel_was_asked_is_canceled",
    ),
    Mutation(
        "a second result counts as the first",
        "tasks/reporting/reports.py",
        "if sub_agent.digest == finish.digest:",
        "if sub_agent.digest:",
        "tests/tasks/test_flow.py::test_the_same_result_again_is_known_and_another_is_refused",
    ),
    Mutation(
        "a session that was replaced goes on",
        "agents/sessions.py",
        "if agent.epoch != epoch:",
        "if agent.epoch < epoch:",
        "tests/tasks/test_flow.py::test_a_stale_session_gets_no_work",
    ),
    Mutation(
        "an old heartbeat is a sign of life",
        "agents/heartbeats.py",
        ">= (agent.epoch, seq):",
        "> (agent.epoch + 1, seq):",
        "tests/tasks/test_flow.py::test_an_old_heartbeat_is_no_sign_of_life_and_gets_nothing",
    ),
    Mutation(
        "dependants of a failed task start",
        "tasks/states.py",
        "return (status == TaskStatus.COMPLETED) == (kind == DependencyKind.AFTEROK)",
        "return status in FINAL_STATUSES",
        "tests/tasks/test_flow.py::test_a_chain_waits_and_a_failure_cancels_what_needs_it",
    ),
    Mutation(
        "an incomplete inventory proves that attempts are gone",
        "tasks/reconcile.py",
        "    if is_complete:\n",
        "    if is_complete or agent:\n",
        "tests/tasks/test_flow.py::test_an_incomplete_inventory_proves_nothing",
    ),
    Mutation(
        "the server's own standstill counts as silence of hosts",
        "tasks/recovery.py",
        "        liveness.excuse(late)\n",
        "",
        "tests/tasks/test_recovery.py::test_time_in_which_the_server_stood_still_is_no_silence",
    ),
    Mutation(
        "an idempotency key is forgotten",
        "tasks/submission.py",
        "if not idempotency_key or user is None:",
        "if idempotency_key or user is None:",
        "tests/tasks/test_submission.py::test_an_idempotency_key_makes_one_task",
    ),
    Mutation(
        "room that was planned with is not looked at again",
        "tasks/scheduling/place.py",
        "        if fit.refusal(shape, host) is not None:\n",
        "        if fit.refusal(shape, host) is not None and not member:\n",
        "tests/tasks/scheduling/test_place_races.py::test_of_those_that_want_the_last_room_one_gets_it",
    ),
    Mutation(
        "what may still be running is run again",
        "tasks/retry_policy.py",
        "if not outcome.may_run_again or self.classes.isdisjoint(classes_of(outcome)):",
        "if CLASS_OF.get(outcome.reason) is None:",
        "tests/tasks/test_lifecycle_retries.py::"
        "test_a_lost_host_is_replaced_only_when_it_is_proven_that_nothing_runs_there",
    ),
    Mutation(
        "a lease is over before its host has stopped the script",
        "tasks/host_ends/leases.py",
        "    return bound + write_every()\n",
        "    return granted\n",
        "tests/tasks/host_ends/test_failover.py::test_another_host_takes_over_when_the_lease_is_surely_over",
    ),
    Mutation(
        "output that comes late is never compared",
        "tasks/reporting/reports.py",
        "        _close_logs(rest, sub_agent)  # output that came late",
        "        pass  # output that came late",
        "tests/tasks/host_ends/test_late_result.py::test_output_that_comes_late_is_compared_too",
    ),
    Mutation(
        "the script does not wait for its release",
        "agent_client/process/script_child.py",
        "        if not os.read(plan.orders, 1):\n            os._exit(NEVER_EXECUTED)\n",
        "",
        "tests/agent_client/test_crash_points.py::test_the_start_is_on_disk_before_the_script_runs",
    ),
    Mutation(
        "the script is released before its start is on disk",
        "agent_client/sub_agent/run.py",
        """        fail_at("script.before_record")
        if is_over(lease):  # the host stood still meanwhile: the child ends at its barrier
            return EXIT_FENCED
        family = _record_start(folder, child, prepared)
        fail_at("script.before_release")
        failure = child.release()
""",
        """        failure = child.release()
        fail_at("script.before_record")
        if is_over(lease):  # the host stood still meanwhile: the child ends at its barrier
            return EXIT_FENCED
        family = _record_start(folder, child, prepared)
        fail_at("script.before_release")
""",
        "tests/agent_client/test_crash_points.py::test_the_start_is_on_disk_before_the_script_runs",
    ),
    Mutation(
        "an assignment that was noted gets a new nonce",
        "agent_client/main_agent/claim.py",
        "    if known is not None:\n        return known\n",
        "    if known is not None:\n        return {**known, 'nonce': secrets.token_hex(16)}\n",
        "tests/agent_client/test_crash_points.py::test_killed_before_the_grant_was_kept",
    ),
    Mutation(
        "a process that was given the same id gets the signal",
        "agent_client/process/signals.py",
        "if expected_start_ticks is not None and start_ticks(pid) != expected_start_ticks:",
        "if expected_start_ticks is None:",
        "tests/agent_client/test_process.py::test_a_signal_needs_the_right_start_time",
    ),
    Mutation(
        "another server's reply counts",
        "agent_client/http.py",
        "if instance_id is not None and instance != instance_id:",
        "if instance_id is not None and not instance:",
        "tests/agent_client/test_http.py::test_another_servers_reply_does_not_count",
    ),
    Mutation(
        "an overtaken claim ahead is granted something",
        "tasks/agent_api/claims_ahead.py",
        "if _latest.get(agent.pk, (-1, -1)) >= (ahead.epoch, ahead.seq) or agent.epoch != ahead.epoch:",
        "if agent.epoch != ahead.epoch:",
        "tests/tasks/agent_api/test_claims_ahead.py::test_an_overtaken_call_is_granted_nothing",
    ),
    Mutation(
        "a claim ahead is granted after a later session was opened",
        "tasks/agent_api/claims_ahead.py",
        "lifecycle.claim(sub_agent, nonce, epoch=epoch)",
        "lifecycle.claim(sub_agent, nonce)",
        "tests/tasks/agent_api/test_claims_ahead.py::test_a_session_that_is_opened_meanwhile_comes_first",
    ),
    Mutation(
        "the inventory is taken while a claim ahead is under way",
        "agent_client/main_agent/claims_ahead.py",
        "            self._changed.wait_for(lambda: not self._under_way, most_seconds)\n",
        "",
        "tests/agent_client/ahead/test_granted.py::test_the_inventory_waits_for_calls_that_are_under_way",
    ),
    Mutation(
        "a grant ahead is taken up as often as it comes",
        "agent_client/main_agent/claims_ahead.py",
        "        return is_awaited\n",
        "        return True\n",
        "tests/agent_client/test_claims_ahead.py::test_a_grant_that_comes_twice_is_taken_up_once",
    ),
)
