"""Which labels a host has: what was said of it, its system, its cards."""

from agents.labels import labels


def test_a_host_of_which_nothing_is_known_is_a_cpu_host() -> None:
    assert labels([], {}, []) == {"cpu"}


def test_a_version_makes_a_second_label() -> None:
    assert labels([("cuda", "12.4"), ("nvlink", "")], {}, []) == {"cpu", "cuda", "cuda-12.4", "nvlink"}


def test_the_system_gives_its_names_and_no_numbers() -> None:
    said = {"os": "Debian GNU/Linux 12 (bookworm) (Linux 6.18.44-fc-v669)"}
    assert labels([], said, []) == {"cpu", "debian", "gnu", "linux", "bookworm"}
    assert labels([], {"os": "Linux 6.1.0 x86_64"}, []) == {"cpu", "linux", "x86_64"}


def test_cards_give_each_word_of_their_names() -> None:
    found = labels([], {}, ["NVIDIA A100-SXM4-80GB"])
    assert found == {"cpu", "gpu", "nvidia", "a100", "sxm4", "80gb", "nvidia-a100-sxm4-80gb"}
