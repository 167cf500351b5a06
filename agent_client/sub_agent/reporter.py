"""The thread of a sub agent that talks to the server until the result and every byte are there.

A script that ends at once needs no thread: its one report is sent from where its result came from. It gives up only
what the server has long said not to know.
"""

import logging
import threading
import time

from agent_client import wire
from agent_client.probes.usage import UsageMeter
from agent_client.sub_agent import cadence
from agent_client.sub_agent.delivery import BEAT_SECONDS, Delivery, Outcome
from agent_client.sub_agent.lease import Lease
from agent_client.sub_agent.stop_file import StopFile
from agent_client.sub_agent_dir import SubAgentDir

log = logging.getLogger(__name__)

AFTER_A_FAULT_SECONDS = 5.0


UNKNOWN_SECONDS = 600.0
UNKNOWN_WITHOUT_A_FOLDER_SECONDS = 86400.0


def is_hopeless(outcome: Outcome, is_on_disk: bool) -> bool:
    """Whether to end although nothing was delivered: the server keeps saying that it knows no such sub agent.

    A result on disk is left to the main agent, which goes on. One that is only in memory is held on to for a day. A
    server that is away is waited for without end.
    """
    return outcome.unknown_seconds > (UNKNOWN_SECONDS if is_on_disk else UNKNOWN_WITHOUT_A_FOLDER_SECONDS)


class Reporter(threading.Thread):
    def __init__(
        self,
        directory: SubAgentDir,
        delivery: Delivery,
        meter: UsageMeter,
        stop_file: StopFile,
        lease: Lease | None = None,
    ) -> None:
        super().__init__(name="reporter", daemon=True)
        self._directory = directory
        self._delivery = delivery
        self._meter = meter
        self._stop_file = stop_file
        self._lease = lease
        self._wake = threading.Event()
        self._ends = threading.Event()  # a result has come, or none will
        self._is_ending = False
        self._finish: wire.Finish | None = None
        self._is_leaving = False
        self._measured_at = 0.0
        self._noted: frozenset[tuple[int, int]] = frozenset()
        self._tried: tuple[float, float, Outcome] | None = None  # before there was a thread

    def look(self) -> None:
        """To be called every 100 ms while the script lives: output that has grown is reported as soon as it is due."""
        if self.ident is None:
            self.start()
        elif self._delivery.has_news:
            self._wake.set()

    def expect_finish(self) -> None:
        """The script has ended and its result is being written: what is to be told goes with it, in one report."""
        self._is_ending = True

    @property
    def has_finish(self) -> bool:
        """Whether the script has ended and its result was handed over."""
        return self._ends.is_set()

    def finish(self, finish: wire.Finish) -> None:
        """Hand over the result; it is reported at once."""
        self._finish = finish
        self._delivery.hurry()
        self._ends.set()
        self._wake.set()

    def tell(self) -> None:
        """Send the result from the calling thread, once; whatever is left to do then is the thread's."""
        if self.ident is not None or self._is_leaving:
            return
        began_at = time.monotonic()
        outcome = self._turn()
        self._tried = began_at, time.monotonic(), outcome
        if not (outcome.done or self._is_leaving or self._is_hopeless(outcome)):
            self.start()

    def leave(self) -> None:
        """End although not everything is delivered: the main agent will deliver what lies in the folder."""
        self._is_leaving = True
        self._ends.set()
        self._wake.set()

    def run(self) -> None:
        if self._tried is not None:
            self._sleep(*self._tried)
        while not self._is_leaving:
            if self._is_ending:
                self._ends.wait(cadence.FINISH_PATIENCE_SECONDS)
            began_at = time.monotonic()
            outcome = self._turn()
            if outcome.done or self._is_hopeless(outcome):
                return
            self._sleep(began_at, time.monotonic(), outcome)

    def _is_hopeless(self, outcome: Outcome) -> bool:
        """Never while the script runs: it is to be stopped when the server says so."""
        return self._delivery.has_result and is_hopeless(outcome, self._directory.local_state() == "finished")

    def _turn(self) -> Outcome:
        """One step. A fault of our own must not cost the result: it is logged, and the step is tried again."""
        try:
            self._take_finish()
            outcome = self._delivery.step(self._usage())
            self._renew(outcome)
            if outcome.stop is not None and self._stop_file.hand(outcome.stop):
                log.info(
                    "stop requested by a reply reason=%s kill_now=%s", outcome.stop["reason"], outcome.stop["kill_now"]
                )
        except Exception as fault:
            log.exception("fault in the reporter")
            return Outcome(False, AFTER_A_FAULT_SECONDS, failure=repr(fault))
        return outcome

    def _renew(self, outcome: Outcome) -> None:
        if self._lease is None or outcome.renewal is None:
            return
        try:
            self._lease.renew(*outcome.renewal)
        except OSError as error:
            log.warning("lease not written error=%s", error)

    def _take_finish(self) -> None:
        if self._finish is not None:
            self._delivery.finish_with(self._finish)
            self._finish = None

    def _sleep(self, began_at: float, ended_at: float, outcome: Outcome) -> None:
        """Until the next step is due. Whoever has news of a result, of output or of the end wakes us.

        A result that comes during a back-off is tried once at once: what was turned away before was worth less.
        """
        while not self._is_leaving and self._finish is None:
            due = cadence.due_at(began_at, ended_at, outcome, self._delivery.has_news, self._delivery.is_urgent)
            left = due - time.monotonic()
            if left <= 0:
                return
            self._wake.clear()
            if not self._is_leaving and self._finish is None:
                self._wake.wait(left)

    def _usage(self) -> wire.Usage | None:
        now = time.monotonic()
        if now - self._measured_at < BEAT_SECONDS * 0.9:
            return None
        self._measured_at = now
        usage = self._meter.sample()
        if self._meter.members != self._noted:
            self._noted = self._meter.members
            self._note_family()
        return usage

    def _note_family(self) -> None:
        try:
            self._directory.write_family(self._noted)
        except OSError as error:
            log.warning("family not noted error=%s", error)
