"""Sets a main agent up and waits for its end: state directory, identity, probes, loops, signals."""

import signal
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from agent_client.agent_config import AgentConfig
from agent_client.enrolment import Identity, enrol, known_identity, load_identity, read_token, save_identity
from agent_client.journal import scan
from agent_client.launcher import Launcher
from agent_client.main_agent import home, incarnations, loops, state_dir
from agent_client.main_agent.beat_loop import BeatLoop
from agent_client.main_agent.context import Context, owner_of
from agent_client.main_agent.delivery_loop import DeliveryLoop
from agent_client.main_agent.doorbell_loop import DoorbellLoop
from agent_client.main_agent.local_wish import LocalWish
from agent_client.main_agent.loops import End, Shutdown, start_loop
from agent_client.main_agent.priority import prefer_this_thread, protect_from_oom
from agent_client.main_agent.relay_loop import RelayLoop, remove_socket
from agent_client.main_agent.watch_loop import WatchLoop
from agent_client.probes.declaration_file import load_declaration
from agent_client.probes.declared import DeclaredMachine
from agent_client.probes.host import HostProbe, declared_host, real_host
from agent_client.probes.usage_file import UsageFile
from agent_client.process.cgroup.find import described, find_roots, sweep
from agent_client.system_log import EventLog

log = EventLog(loop="main")


@dataclass(frozen=True)
class Farewell:
    """What is left to say when the agent has ended."""

    exit_code: int
    sentence: str


def run(config: AgentConfig) -> Farewell:
    """Be the main agent of this host until a signal or a failure. Raises what makes a start impossible."""
    state_dir.prepare(config.state_dir)
    state_dir.take_lock(config.state_dir)  # held until the process ends
    state_dir.sweep_leftovers(config.state_dir)
    _require_a_way_in(config)
    probe = make_probe(config)
    shutdown = Shutdown()
    wish = LocalWish()
    _end_on_signals(shutdown)
    wish.listen()
    protect_from_oom()
    launcher = Launcher()
    launcher.start()  # before any thread exists and before any priority is raised
    start_loop("beat", lambda: _live(config, probe, launcher, shutdown, wish), shutdown)
    end = shutdown.wait()
    remove_socket(config.state_dir)
    return _farewell(config, end)


def _end_on_signals(shutdown: Shutdown) -> None:
    """A hang-up that is ignored already stays ignored: that is what nohup is for."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda received, frame: shutdown.ask(End(loops.EXIT_STOPPED)))


def _require_a_way_in(config: AgentConfig) -> None:
    """Refuse at once what the enrolment would refuse later, before anything is started."""
    if load_identity(config.state_dir) is None:
        read_token(config)


def make_probe(config: AgentConfig) -> HostProbe:
    if config.declare is None:
        return real_host(config.state_dir, config.uses_gpus)
    return declared_host(config.state_dir, declared_machine(config.declare, config.state_dir))


def declared_machine(file: Path, state_dir: Path) -> DeclaredMachine:
    declaration = load_declaration(file, identity=str(state_dir))
    usage_file = UsageFile(declaration.usage_file, len(declaration.gpus)) if declaration.usage_file else None
    return DeclaredMachine(
        declaration,
        latest=usage_file.read if usage_file else None,
        running=lambda: {
            row.task_id: row.sub_agent_id for row in scan(state_dir / "sub_agents").records if row.is_alive
        },
    )


def _live(config: AgentConfig, probe: HostProbe, launcher: Launcher, shutdown: Shutdown, wish: LocalWish) -> None:
    """The beat loop's thread: become known to the server, start the other loops, beat."""
    prefer_this_thread()
    name, is_own = uuid.uuid4().hex, home.is_own(config.state_dir)
    earlier, own = incarnations.begin(config.state_dir, name, is_own=is_own)
    context = Context(config, _identity(config), probe, launcher, find_roots(), wish=wish, incarnation=name)
    context.earlier_incarnations += earlier
    context.incarnations += own
    context.is_unproven = not is_own
    sweep(context.roots, owner_of(config.state_dir), {folder.name for folder in context.sub_agents.iterdir()})
    log.info(
        "started",
        agent=context.identity.name,
        server=context.identity.server_url,
        state_dir=str(config.state_dir),
        tracking=described(context.roots, config.max_processes),
    )
    if context.is_unproven:
        log.warning("state_dir_moved", detail="this state directory is not where it was left: careful at first")
    else:
        home.settle(config.state_dir)
    start_loop("watch", WatchLoop(context).run, shutdown)
    start_loop("delivery", DeliveryLoop(context).run, shutdown)
    start_loop("doorbell", DoorbellLoop(context).run, shutdown)
    relay = RelayLoop(context)
    start_loop("relay", relay.run, shutdown)
    start_loop("relay-urgent", relay.urgent.run, shutdown)
    start_loop("relay-plain", relay.plain.run, shutdown)
    BeatLoop(context).run()


def _identity(config: AgentConfig) -> Identity:
    identity = known_identity(config)
    if identity is None:
        return enrol(config, log, time.sleep)
    if identity != load_identity(config.state_dir):
        save_identity(config.state_dir, identity)
    return identity


def _farewell(config: AgentConfig, end: End) -> Farewell:
    """Scripts run on under their sub agents: say how many, since nothing else shows them now."""
    running = scan(config.state_dir / "sub_agents").running
    scripts = {0: "no script is running", 1: "1 script runs on"}.get(running, f"{running} scripts run on")
    log.info("stopped", running=running, exit_code=end.exit_code, detail=end.sentence or None)
    reason = f"{end.sentence}; " if end.sentence else ""
    hint = " and will be taken up by the next start" if running else ""
    return Farewell(end.exit_code, f"{reason}main agent stopped, {scripts}{hint}.")
