"""One example of every message that agents send, as the agents' own types describe it. Checks nothing itself."""

import base64
import zlib
from typing import Any

SUB_AGENT_ID = "6f1f6a9e-51b5-4c4e-9b57-0d1f6f5c8a11"

RESOURCES: dict[str, Any] = {
    "cpu_cores": 7.5,
    "cpu_usage": 12.5,
    "memory_mib": 64000,
    "memory_used_mib": 8000,
    "memory_usage": 12.5,
    "load_1m": 0.7,
    "disk_total_mib": 900000,
    "disk_free_mib": 400000,
    "is_declared": False,
    "gpu_state": "ready",
    "gpu_detail": "",
    "gpus": [
        {
            "index": 0,
            "uuid": "GPU-1",
            "name": "Some Card",
            "memory_mib": 24576,
            "memory_used_mib": 1000,
            "own_mib": 500,
            "utilization": 35.0,
            "temperature_c": 40.0,
            "power_w": 120.5,
        }
    ],
}
UNKNOWN_RESOURCES: dict[str, Any] = {
    **dict.fromkeys(RESOURCES),
    "is_declared": False,
    "gpu_state": "broken",
    "gpu_detail": "NVML does not answer",
    "gpus": [],
}
SESSION: dict[str, Any] = {
    "boot_id": "b",
    "incarnation": "i",
    "machine_id": "m",
    "agent_version": "0.1.0",
    "proto": {"min": 1, "max": 1},
    "host": {
        "hostname": "h",
        "os": "Linux",
        "python": "3.11",
        "user": "ada",
        "zone": "",
        "started_at": "2026-11-21T00:00:00Z",
        "address": "10.0.0.7",
        "tracking": "",
        "capabilities": {"nvlink": "", "cuda": "12.4"},
        "resources": {"matlab": 2},
    },
    "after_epoch": 0,
    "incarnations": ["1" * 32],
    "forgotten_fence": 6,
    "inventory_complete": True,
    "sub_agents": [
        {"sub_agent_id": SUB_AGENT_ID, "fence": 7, "local_state": state, "sizes": {"out": 5}, "is_retained": False}
        for state in ("assigned", "claimed", "running", "finished")
    ],
    "resources": RESOURCES,
}
CLAIMS_AHEAD: dict[str, Any] = {
    "epoch": 1,
    "seq": 1,
    "nonces": ["1" * 32 + "-1"],
    "again": [],
    "generation": "g",
    "commit_seq": 0,
}
HEARTBEAT: dict[str, Any] = {
    "epoch": 1,
    "seq": 1,
    "resources": RESOURCES,
    "accepts_work": True,
    "gpu_use": [{"sub_agent_id": SUB_AGENT_ID, "gpus": [{"uuid": "GPU-1", "memory_mib": 500}]}],
    "cleared": [{"sub_agent_id": SUB_AGENT_ID, "fence": 7}],
    "ending": "",
    "claims_ahead": CLAIMS_AHEAD,
}
CLAIM: dict[str, Any] = {"epoch": 1, "fence": 7, "nonce": "n" * 32, "master_port": None, "fences": True}
CLAIM_OF_ONE: dict[str, Any] = {
    "sub_agent_id": SUB_AGENT_ID,
    "fence": 7,
    "nonce": "n" * 32,
    "master_port": None,
    "fences": True,
}
FINISH: dict[str, Any] = {
    "reason": "exit",
    "exit_code": 0,
    "signal": None,
    "sent_signals": [],
    "sizes": {"out": 5},
    "duration_seconds": 1.5,
    "cpu_seconds": 0.5,
    "peak_memory_mib": 12,
    "result": {"loss": 0.25},
    "detail": "",
    "ended_at": "2026-11-21T00:00:00Z",
    "survivors": [4711],
    "digest": "d" * 64,
}
ENTRY: dict[str, Any] = {
    "sub_agent_id": SUB_AGENT_ID,
    "fence": 7,
    "token": "t",
    "started": {"pid": 7, "pid_start_ticks": 123, "boot_id": "b"},
    "usage": {
        "cpu_percent": 187.5,
        "cpu_seconds": 3.5,
        "memory_mib": 100,
        "processes": 4,
        "gpus": [{"uuid": "GPU-1", "memory_mib": 500, "utilization": None}],
    },
    "skips": [{"stream": "out", "start": 0, "stop": 5, "reason": "spool_lost"}],
    "output": [
        {"stream": "out", "offset": 0, "data": base64.b64encode(b"hello").decode(), "crc32": zlib.crc32(b"hello")}
    ],
    "finish": FINISH,
    "log_close": [{"stream": "out", "size": 5, "sha256": "0" * 64, "parts": [[0, 5, 907060870]]}],
}
