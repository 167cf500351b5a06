"""The spool of a sub agent: holes that are noted before they are made, and the limits of the host."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_client import wire
from agent_client.reserve import Reserve
from agent_client.sub_agent.delivery import Delivery
from agent_client.sub_agent.output_stream import OutputStream
from agent_client.sub_agent.spool import EVERYTHING, Holes, Spool
from agent_client.sub_agent.spool_keeper import NOTED_FROM_BYTES, Disk, SpoolKeeper, SpoolLimits, used_by
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client.sub_agents import make_folder, make_grant

MIB = 1 << 20
PLENTY = Disk(1 << 40, 1 << 40)


@pytest.fixture
def folder(tmp_path: Path) -> SubAgentDir:
    return make_folder(tmp_path / "sub_agents")


def write(folder: SubAgentDir, data: bytes) -> None:
    with folder.stream_path("out").open("ab") as file:
        file.write(data)


def status(stored: int, durable: int = 0, **more: Any) -> wire.StreamStatus:
    return {"stored": stored, "durable": durable, "state": "open", "keep_head": None, "keep_tail": 0, **more}  # type: ignore[typeddict-item]


class TestSpool:
    def test_what_is_released_is_gone_and_its_room_given_back(self, folder: SubAgentDir) -> None:
        data = random.Random(1).randbytes(8 * MIB)
        write(folder, data)
        spool = Spool(folder, "out")
        spool.release(5 * MIB)
        assert (spool.size, spool.read(4 * MIB, 10)) == (8 * MIB, b"")
        assert spool.used_bytes <= 4 * MIB
        assert spool.read(5 * MIB, MIB) == data[5 * MIB : 6 * MIB]
        assert spool.missing_from(0) == (5 * MIB, "spool_lost")
        spool.close()

    def test_reading_ends_at_a_hole_and_goes_on_behind_it(self, folder: SubAgentDir) -> None:
        write(folder, b"a" * MIB + b"b" * MIB + b"c" * MIB)
        spool = Spool(folder, "out")
        spool.drop(MIB, 2 * MIB)
        assert spool.read(MIB - 3, 100) == b"aaa"
        assert spool.missing_from(MIB + 5) == (2 * MIB, "spool_full")
        assert spool.read(2 * MIB, 3) == b"ccc"
        spool.close()

    def test_who_takes_over_knows_the_holes(self, folder: SubAgentDir) -> None:
        write(folder, b"a" * (4 * MIB))
        first = Spool(folder, "out")
        first.release(MIB)
        first.drop(2 * MIB, 3 * MIB)
        second = Spool(folder, "out")
        assert second.holes == Holes(MIB, 2 * MIB, 3 * MIB)
        first.close()
        second.close()

    @pytest.mark.parametrize("damage", [b"", b"garbage\n", b"0 0 0 1\n", b"\x00" * 70])
    def test_with_a_damaged_note_nothing_is_trusted(self, folder: SubAgentDir, damage: bytes) -> None:
        write(folder, b"abc")
        (folder.path / "out.holes").write_bytes(damage)
        spool = Spool(folder, "out")
        assert spool.read(0, 3) == b""
        assert spool.missing_from(0) == (EVERYTHING, "spool_lost")
        spool.close()

    def test_nothing_is_dropped_without_a_note(self, folder: SubAgentDir, monkeypatch: pytest.MonkeyPatch) -> None:
        write(folder, b"a" * MIB)
        spool = Spool(folder, "out")

        def full(*_: object) -> None:
            raise OSError(28, "full")

        monkeypatch.setattr(spool, "_write", full)
        with pytest.raises(OSError, match="full"):
            spool.release(MIB)
        assert spool.read(0, 1) == b"a"
        spool.close()

    def test_a_hole_that_lies_behind_is_not_forgotten_for_another(self, folder: SubAgentDir) -> None:
        """Else a server that falls back, or who takes over, would be sent zeros."""
        write(folder, b"a" * (8 * MIB))
        spool = Spool(folder, "out")
        spool.drop(MIB, 2 * MIB)
        spool.drop(5 * MIB, 6 * MIB)
        assert spool.missing_from(MIB) == (2 * MIB, "spool_lost")
        assert spool.read(MIB, 3) == b""
        assert spool.read(2 * MIB, 3) == b"aaa"
        spool.drop(5 * MIB, 7 * MIB)
        assert spool.holes == Holes(2 * MIB, 5 * MIB, 7 * MIB)
        spool.close()

    def test_where_no_hole_can_be_made_nothing_is_given_up(
        self, folder: SubAgentDir, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def impossible(*_: object) -> None:
            raise OSError(95, "Operation not supported")

        write(folder, b"a" * (8 * MIB))
        spool = Spool(folder, "out")
        monkeypatch.setattr("agent_client.sub_agent.spool.punch", impossible)
        with pytest.raises(OSError, match="not supported"):
            spool.drop(MIB, 2 * MIB)
        assert spool.read(MIB, 3) == b"aaa"
        assert Spool(folder, "out").holes == Holes()
        spool.close()

    def test_a_note_that_cannot_be_read_now_is_no_damage(
        self, folder: SubAgentDir, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def none_left(_: Path) -> bytes:
            raise OSError(24, "Too many open files")

        Spool(folder, "out").prepare()
        monkeypatch.setattr(Path, "read_bytes", none_left)
        with pytest.raises(OSError, match="Too many"):
            Spool(folder, "out")

    def test_its_bytes_are_safe_when_a_script_deletes_the_file(self, folder: SubAgentDir) -> None:
        write(folder, b"a" * (2 * MIB))
        spool = Spool(folder, "out")
        folder.stream_path("out").unlink()
        spool.release(MIB)
        assert spool.read(MIB, 2) == b"aa"
        spool.close()

    def test_a_disk_that_cannot_be_read_has_no_end_to_show(
        self, folder: SubAgentDir, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is asked for between a script's end and its record: raised there, the result would be lost."""

        def broken(*_: object) -> bytes:
            raise OSError(5, "Input/output error")

        write(folder, b"abc")
        stream = OutputStream(folder, "out")
        assert stream.tail(2) == b"bc"
        monkeypatch.setattr(Spool, "read", broken)
        assert stream.tail(2) == b""
        stream.close()


class TestSkips:
    @pytest.fixture
    def stream(self, folder: SubAgentDir) -> OutputStream:
        return OutputStream(folder, "out")

    def test_before_the_server_has_said_that_it_knows_gaps_nothing_is_skipped(self, stream: OutputStream) -> None:
        stream.final_size = 5
        assert stream.next_skip() is None
        stream.acknowledge({"stored": 0, "state": "draining"})
        assert stream.next_skip() is None
        assert stream.next_block(9) == b""
        assert stream.is_lost

    @pytest.mark.matrix(40)
    def test_a_file_that_is_shorter_than_what_was_written_is_a_gap(
        self, folder: SubAgentDir, stream: OutputStream
    ) -> None:
        write(folder, b"abc")
        stream.final_size = 10
        stream.acknowledge(status(0))
        assert stream.next_skip() is None
        stream.acknowledge(status(3), b"abc")
        skip = stream.next_skip()
        assert skip == {"stream": "out", "start": 3, "stop": 10, "reason": "spool_lost"}
        stream.acknowledge(status(10), skip=skip)
        close = stream.digest_with(0)
        assert close is not None
        assert (close["sha256"], close["size"]) == ("", 10)

    def test_over_the_limit_the_newest_is_sent_and_the_rest_skipped_once_a_second(
        self, folder: SubAgentDir, stream: OutputStream
    ) -> None:
        write(folder, b"a" * (3 * MIB))
        stream.acknowledge(status(MIB, keep_head=MIB, keep_tail=MIB))
        skip = stream.next_skip()
        assert skip == {"stream": "out", "start": MIB, "stop": 3 * MIB - MIB // 4, "reason": "cap"}
        stream.acknowledge(status(skip["stop"], keep_head=MIB, keep_tail=MIB), skip=skip)
        assert stream.sendable == MIB // 4
        block = stream.next_block(MIB)
        stream.acknowledge(status(3 * MIB, keep_head=MIB, keep_tail=MIB), block)
        write(folder, b"b" * MIB)
        assert (stream.sendable, stream.next_skip()) == (0, None)
        stream.begin_second()
        assert stream.next_skip() == {"stream": "out", "start": 3 * MIB, "stop": 4 * MIB - MIB // 4, "reason": "cap"}

    def test_at_the_end_as_much_is_sent_as_the_server_keeps(self, folder: SubAgentDir, stream: OutputStream) -> None:
        write(folder, b"a" * (5 * MIB))
        stream.acknowledge(status(MIB, keep_head=MIB, keep_tail=2 * MIB))
        stream.final_size = 5 * MIB
        skip = stream.next_skip()
        assert skip == {"stream": "out", "start": MIB, "stop": 3 * MIB, "reason": "cap"}
        stream.acknowledge(status(3 * MIB, keep_head=MIB, keep_tail=2 * MIB), skip=skip)
        assert (stream.next_skip(), stream.sendable) == (None, 2 * MIB)


class TestKeeper:
    @pytest.fixture
    def keep(self, folder: SubAgentDir) -> Callable[..., OutputStream]:
        stream = OutputStream(folder, "out")

        def _keep(limits: SpoolLimits, disk: Disk = PLENTY, stored: int = 0, durable: int = 0) -> OutputStream:
            stream.stored, stream.durable = stored, durable
            SpoolKeeper(folder, [stream], limits, read_disk=lambda _: disk).look()
            return stream

        return _keep

    def test_only_much_output_gets_a_note(self, folder: SubAgentDir, keep: Callable[..., OutputStream]) -> None:
        limits, note = SpoolLimits(5 * MIB, 50 * MIB, 0), folder.path / "out.holes"
        write(folder, b"a" * (NOTED_FROM_BYTES - 1))
        keep(limits)
        assert not note.exists()
        write(folder, b"a" * NOTED_FROM_BYTES)
        keep(limits)
        assert note.read_bytes() == Holes().as_line()

    def test_within_its_limits_nothing_goes(self, folder: SubAgentDir, keep: Callable[..., OutputStream]) -> None:
        write(folder, b"a" * (4 * MIB))
        stream = keep(SpoolLimits(5 * MIB, 50 * MIB, 0), stored=4 * MIB, durable=4 * MIB)
        assert stream.spool.holes == Holes()

    def test_stored_bytes_go_first_and_only_durable_ones(
        self, folder: SubAgentDir, keep: Callable[..., OutputStream]
    ) -> None:
        write(folder, b"a" * (8 * MIB))
        stream = keep(SpoolLimits(6 * MIB, 50 * MIB, 0), stored=7 * MIB, durable=4 * MIB)
        assert stream.spool.holes == Holes(released=4 * MIB)

    def test_where_that_is_not_enough_all_stored_bytes_go(
        self, folder: SubAgentDir, keep: Callable[..., OutputStream]
    ) -> None:
        write(folder, b"a" * (8 * MIB))
        stream = keep(SpoolLimits(3 * MIB, 50 * MIB, 0), stored=7 * MIB, durable=4 * MIB)
        assert stream.spool.holes == Holes(released=7 * MIB)

    def test_then_the_middle_of_what_nobody_has(self, folder: SubAgentDir, keep: Callable[..., OutputStream]) -> None:
        write(folder, b"a" * (40 * MIB))
        stream = keep(SpoolLimits(32 * MIB, 500 * MIB, 0))
        assert stream.spool.holes == Holes(0, 4 * MIB, 32 * MIB)
        write(folder, b"b" * (30 * MIB))
        keep(SpoolLimits(32 * MIB, 500 * MIB, 0), stored=2 * MIB)
        assert stream.spool.holes == Holes(2 * MIB, 4 * MIB, 62 * MIB)
        assert stream.spool.used_bytes <= 11 * MIB

    @pytest.mark.matrix(34)
    def test_on_a_disk_that_is_nearly_full_stored_bytes_go_whatever_the_limits(
        self, folder: SubAgentDir, keep: Callable[..., OutputStream]
    ) -> None:
        write(folder, b"a" * (8 * MIB))
        limits = SpoolLimits(100 * MIB, 500 * MIB, 64 * MIB)
        stream = keep(limits, Disk(1 << 40, 60 * MIB), stored=4 * MIB, durable=4 * MIB)
        assert stream.spool.holes == Holes(released=4 * MIB)

    @pytest.mark.matrix(34)
    def test_on_a_full_one_the_middle_goes_and_the_reserve(
        self, folder: SubAgentDir, keep: Callable[..., OutputStream]
    ) -> None:
        assert Reserve.of(folder).keep()
        write(folder, b"a" * (32 * MIB))
        stream = keep(SpoolLimits(100 * MIB, 500 * MIB, 64 * MIB), Disk(64 * MIB, 0))
        assert stream.spool.holes == Holes(0, 4 * MIB, 16 * MIB)
        assert not (folder.path.parent.parent / "reserve").exists()

    def test_the_host_is_shared(self) -> None:
        limits = SpoolLimits(50, 100, 0)
        assert limits.share([]) == 50
        assert limits.share([60]) == 50
        assert limits.share([80]) == 50
        assert limits.share([40, 40, 40]) == 25

    def test_neighbours_count(self, folder: SubAgentDir, keep: Callable[..., OutputStream]) -> None:
        other = make_folder(folder.path.parent, "sub-2")
        write(other, b"a" * (30 * MIB))
        write(folder, b"a" * (20 * MIB))
        assert used_by(other.path) == 30 * MIB
        assert keep(SpoolLimits(100 * MIB, 32 * MIB, 0)).spool.holes == Holes(0, 2 * MIB, 16 * MIB)

    @pytest.mark.parametrize("failure", [OSError(5, "broken"), AttributeError("no such function"), TypeError("None")])
    def test_a_failure_ends_nothing(self, folder: SubAgentDir, failure: Exception) -> None:
        """Raised there, it would end the sub agent and so its script."""

        def broken(_: Path) -> Disk:
            raise failure

        stream = OutputStream(folder, "out")
        keeper = SpoolKeeper(folder, [stream], SpoolLimits(1, 1, 1), read_disk=broken, clock=lambda: 1.0)
        keeper.look()

    def test_a_grant_of_an_older_main_agent_sets_no_limits(self) -> None:
        assert SpoolLimits.of_grant(make_grant()) is None  # type: ignore[arg-type]


def test_the_reserve_is_made_given_and_made_again(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path)
    assert (reserve.keep(), reserve.keep()) == (True, False)
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= 16 * MIB
    assert (reserve.give(), reserve.give()) == (True, False)
    assert reserve.keep()


def test_a_stream_that_cannot_be_opened_costs_no_descriptor(folder: SubAgentDir) -> None:
    """A main agent tries every half minute what a script left like this."""
    folder.write_grant(make_grant(split_output=True))  # type: ignore[arg-type]
    folder.stream_path("err").mkdir()
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    with pytest.raises(IsADirectoryError):
        Delivery.connect(folder)
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208
