"""Amounts as people read them, for reasons and sentences. Pure."""

from tasks.scheduling.values import Shape


def cores(centicores: int) -> str:
    return f"{centicores / 100:g}"


def cpu_cores(centicores: int) -> str:
    return f"{cores(centicores)} CPU {'core' if centicores == 100 else 'cores'}"


def gib(mib: int) -> str:
    return f"{mib / 1024:.3g} GiB"


def plural(count: int, word: str) -> str:
    return word if count == 1 else word + "s"


def needs(shape: Shape) -> str:
    """ "1 CPU core, 16 GiB of memory and 2 GPUs of 40 GiB" """
    parts = [cpu_cores(shape.cpu_centicores)]
    if shape.memory_mib:
        parts.append(f"{gib(shape.memory_mib)} of memory")
    if shape.gpu_count:
        parts.append(_gpus(shape))
    if shape.disk_mib:
        parts.append(f"{gib(shape.disk_mib)} of disk")
    parts += [f"{amount} {name}" for name, amount in (*shape.resources, *shape.site_resources)]
    listed = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
    return listed + _targets(shape)


def _gpus(shape: Shape) -> str:
    share = "a share of " if shape.gpu_share else ""
    types = f" {'/'.join(shape.gpu_types)}" if shape.gpu_types else ""
    of = f" of {gib(shape.gpu_memory_mib)}" if shape.gpu_memory_mib else ""
    if shape.gpu_indices:
        return f"{share}{plural(shape.gpu_count, 'GPU')} {' and '.join(map(str, shape.gpu_indices))}{types}{of}"
    return f"{share}{shape.gpu_count}{types} {plural(shape.gpu_count, 'GPU')}{of}"


def _targets(shape: Shape) -> str:
    parts = []
    if shape.node_count > 1:
        parts.append(f"on each of {shape.node_count} hosts")
    if shape.whole_host:
        parts.append("with the host to itself")
    if shape.hosts:
        parts.append("on " + " or ".join(shape.hosts))
    if shape.pool:
        parts.append(f"in pool {shape.pool}")
    if shape.requires:
        parts.append(f"with {shape.requires}")
    if shape.reservation_id is not None:
        parts.append(f"inside reservation {shape.reservation_id}")
    return "".join(" " + part for part in parts)
