"""Which ends of an output say that memory ran out. The lines are those that the programs really write."""

import pytest

from agent_client.sub_agent.oom_words import TAIL_BYTES, find, says_killed

TORCH = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 15.77 GiB, "
    "of which 1.06 GiB is free. Including non-PyTorch memory, this process has 14.70 GiB memory in use."
)
TRACEBACK = 'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\n'
TORCHRUN = (
    "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:\n====\ntrain.py FAILED\n----\nFailures:\n"
    "  <NO_OTHER_FAILURES>\n----\nRoot Cause (first observed failure):\n[0]:\n  time      : 2026-11-26_00:00:00\n"
    "  exitcode  : 1 (pid: 4711)\n====\n"
)


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (TRACEBACK + TORCH, "gpu"),
        (TRACEBACK + "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB", "gpu"),
        (TRACEBACK + "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 8.00 GiB total)", "gpu"),
        (TRACEBACK + "RuntimeError: CUDA error: out of memory", "gpu"),
        (TRACEBACK + "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 2.00 GiB.", "gpu"),
        (TRACEBACK + TORCH + "\n" + TORCHRUN, "gpu"),
        ("jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate", "gpu"),
        ("tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating tensor with", "gpu"),
        ("\x1b[31m" + TORCH + "\x1b[0m\r\n", "gpu"),
        (TRACEBACK + "MemoryError", "host"),
        (TRACEBACK + "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 298. GiB for an array", "host"),
        ("terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc", "host"),
        ("RuntimeError: [enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory", "host"),
        ('Exception in thread "main" java.lang.OutOfMemoryError: Java heap space', "host"),
    ],
)
def test_messages_of_known_programs(end: str, kind: str) -> None:
    found = find(b"epoch 1\n" + end.encode())
    assert found is not None
    assert found.kind == kind
    assert found.evidence in end


@pytest.mark.parametrize(
    "end",
    [
        "",
        "all went well",
        "the tests of MemoryError handling passed",
        "warning: GPU memory is nearly full",
        TORCH + "\nretrying with batch size 8\n" + TRACEBACK + "ValueError: the loss is not a number",
        TORCH + "\n" + TRACEBACK + "KeyboardInterrupt",
        TORCH + "\n" * 2 + "step done\n" * 100,
        TORCH + "x" * TAIL_BYTES,
    ],
    ids=range(8),
)
def test_other_ends(end: str) -> None:
    assert find(end.encode()) is None


def test_a_word_of_being_killed_counts_at_the_very_end_only() -> None:
    assert says_killed(b"a\n/tmp/script: line 3: 4711 Killed                  python train.py\n")
    assert says_killed(b"Killed\n\n")
    assert not says_killed(b"Killed\nand then\n")
    assert not says_killed(b"Skilled\n")
    assert not says_killed(b"")


def test_a_cut_in_the_middle_of_a_character_is_no_trouble() -> None:
    assert find("ü".encode()[1:] + b"\n" + TORCH.encode()) is not None
