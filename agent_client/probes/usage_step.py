"""Reads one step of scripted usage, of a declaration or of a usage file, and says which field is wrong. Plays
nothing."""

from agent_client.probes.declared import GpuUsage, TaskUsage, UsageStep
from agent_client.probes.shape import Shape, ShapeError


def usage_step(shape: Shape, gpu_count: int, *more_fields: str) -> UsageStep:
    """`more_fields`: what may stand there besides the usage itself."""
    shape.allow(*more_fields, "cpu_usage", "memory_used_mib", "disk_used_mib", "gpus", "tasks")
    gpus = tuple(_gpu_usage(gpu) for gpu in shape.items("gpus"))
    if len(gpus) > gpu_count:
        raise ShapeError(f"{shape.path}{'.' if shape.path else ''}gpus names more cards than are declared")
    return UsageStep(
        at_seconds=shape.optional_number("at_seconds", least=0) or 0.0,
        cpu_usage=shape.optional_number("cpu_usage", least=0, most=100),
        memory_used_mib=shape.optional_whole("memory_used_mib", least=0),
        disk_used_mib=shape.optional_whole("disk_used_mib", least=0),
        gpus=gpus,
        tasks=tuple(_task_usage(task, gpu_count) for task in shape.items("tasks")),
    )


def _gpu_usage(shape: Shape) -> GpuUsage:
    shape.allow("memory_used_mib", "outsiders_mib", "utilization", "temperature_c", "power_w", "is_lost")
    usage = GpuUsage(
        memory_used_mib=shape.optional_whole("memory_used_mib", least=0),
        outsiders_mib=shape.optional_whole("outsiders_mib", least=0),
        utilization=shape.optional_number("utilization", least=0, most=100),
        temperature_c=shape.optional_number("temperature_c"),
        power_w=shape.optional_number("power_w", least=0),
        is_lost=shape.flag("is_lost"),
    )
    if usage.memory_used_mib is not None and usage.outsiders_mib is not None:
        raise ShapeError(f"{shape.path}: memory_used_mib and outsiders_mib exclude each other")
    return usage


def _task_usage(shape: Shape, gpu_count: int) -> TaskUsage:
    shape.allow("task_id", "gpus")
    gpus: dict[int, int] = {}
    for gpu in shape.items("gpus"):
        gpu.allow("index", "memory_mib")
        index = gpu.whole("index", least=0)
        if index >= gpu_count:
            raise ShapeError(f"{gpu.path}.index names a card that is not declared: {index}")
        gpus[index] = gpu.whole("memory_mib", least=0)
    return TaskUsage(shape.whole("task_id", least=1), gpus)
