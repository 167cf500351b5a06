"""What the script of a gang's member finds in its environment: its rank, the other hosts, the leader's port. Pure.

One script runs on each host. RANK and WORLD_SIZE, SLURM_PROCID and SLURM_NTASKS number processes, not hosts: they are
said only where one process for each host is the rule, that is with at most one card for each. With more cards a
launcher (torchrun, Lightning) starts one process for each card and numbers them itself; it would believe ours.
"""

from agent_client import wire


def variables(grant: wire.Grant) -> dict[str, str]:
    """Empty for a task on one host."""
    gang = grant.get("gang")
    if gang is None:
        return {}
    return {**_ours(gang), **_usual(gang), **(_processes(gang) if len(grant["gpus"]) <= 1 else {})}


def _ours(gang: wire.GangPlace) -> dict[str, str]:
    return {
        "NIGHTSHIFT_RANK": str(gang["rank"]),
        "NIGHTSHIFT_WORLD_SIZE": str(gang["node_count"]),
        "NIGHTSHIFT_NODE_NAMES": ",".join(node["name"] for node in gang["nodes"]),
        "NIGHTSHIFT_NODE_ADDRESSES": ",".join(node["address"] for node in gang["nodes"]),
    }


def _usual(gang: wire.GangPlace) -> dict[str, str]:
    """SLURM_JOB_NODELIST is a plain list of addresses that can be connected to, not Slurm's bracketed form."""
    count = str(gang["node_count"])
    return {
        "MASTER_ADDR": gang["master_address"],
        "MASTER_PORT": str(gang["master_port"]),
        "NODE_RANK": str(gang["rank"]),
        "NNODES": count,
        "SLURM_NNODES": count,
        "SLURM_JOB_NUM_NODES": count,
        "SLURM_NODEID": str(gang["rank"]),
        "SLURM_JOB_NODELIST": ",".join(node["address"] for node in gang["nodes"]),
    }


def _processes(gang: wire.GangPlace) -> dict[str, str]:
    rank, count = str(gang["rank"]), str(gang["node_count"])
    return {"RANK": rank, "WORLD_SIZE": count, "SLURM_PROCID": rank, "SLURM_NTASKS": count}
