#!/usr/bin/env python3
"""The image as containers: each story is one, with a read-only root file system and a volume of its own.

`scripts/image build` makes the image and `scripts/image test [STORY…]` runs this.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

IMAGE = os.environ["IMAGE"]
DEADLINE = 60  # seconds, for anything
AGENT = 1000

work = Path(tempfile.mkdtemp(prefix="skill-sync-image-"))
running: list[str] = []
stories = []


def story(tell):
    """One story, told under its name."""
    stories.append(tell)
    return tell


def podman(*args: str, check: bool = True) -> str:
    done = subprocess.run(["podman", *args], capture_output=True, text=True, timeout=DEADLINE * 2)
    if check and done.returncode != 0:
        raise AssertionError(f"podman {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout.strip()


def git(*args: str) -> None:
    name = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *name, *args], cwd=work / "repo", check=True, capture_output=True)


def until(what: str, is_so, container: "Container | None" = None) -> None:
    end = time.monotonic() + DEADLINE
    while not is_so():
        if time.monotonic() > end:
            raise AssertionError(f"not in {DEADLINE} s: {what}\n{container.log() if container else ''}")
        time.sleep(0.1)


class Container:
    """A container that was started, with its volume."""

    def __init__(self, name: str, command=(), env=None, options=(), volume_owner=0, volume="rw"):
        self.name = f"skill-sync-{name}-{os.getpid()}"
        self.volume = work / f"{name}-data"
        self.volume.mkdir()
        os.chown(self.volume, volume_owner, volume_owner)
        settings = {"SKILLS_REPO": "/repo", "HOST": "127.0.0.1", "SKILL_SYNC_PORT": str(free_port()), "ENVIRONMENT_NAME": "test"}
        settings |= env or {}
        variables = [part for key, value in settings.items() for part in ("-e", f"{key}={value}")]
        mounts = ["-v", f"{self.volume}:/data:{volume}", "-v", f"{work / 'repo'}:/repo:ro"]
        given = ["--read-only", "--tmpfs", "/tmp", "--network", "host", "--security-opt", "no-new-privileges"]
        running.append(self.name)
        podman("run", "-d", "--pull=never", "--name", self.name, *given, *mounts, *variables, *options, IMAGE, *command)

    def log(self) -> str:
        done = subprocess.run(["podman", "logs", self.name], capture_output=True, text=True, timeout=DEADLINE)
        return done.stdout + done.stderr

    def says(self, *texts: str) -> None:
        for text in texts:
            until(f"it says `{text}`", lambda text=text: text in self.log(), self)

    def holds(self, path: str) -> Path:
        until(f"{path} is on the volume", lambda: (self.volume / path).exists(), self)
        return self.volume / path

    def is_healthy(self) -> bool:
        return subprocess.run(["podman", "healthcheck", "run", self.name], capture_output=True, timeout=DEADLINE).returncode == 0

    def execute(self, *command: str) -> str:
        return podman("exec", self.name, *command)

    def stop(self) -> int:
        podman("kill", "-s", "TERM", self.name)
        return self.ended()

    def ended(self) -> int:
        state = lambda: json.loads(podman("inspect", "--format", "{{json .State}}", self.name))
        until("it ends", lambda: state()["Status"] == "exited", self)
        return state()["ExitCode"]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def expect(is_so: bool, what: object) -> None:
    if not is_so:
        raise AssertionError(what)


@story
def it_is_process_one_and_its_health_check_passes_and_sigterm_ends_it_at_a_safe_point():
    one = Container("service", options=["--cap-drop", "all"])
    one.holds("skills/golden-horde.md")
    until("it is healthy", one.is_healthy, one)
    expect("skill-sync" in one.execute("cat", "/proc/1/comm"), "process 1 is somebody else")
    expect(json.loads(one.execute("skill-sync", "status", "-o", "json"))["sync"] == "Synced", "it is not in sync")
    code = one.stop()
    expect(code == 0, f"it ended with {code}: {one.log()}")
    one.says("stopped")


@story
def the_image_has_certificate_authorities_and_ssh_and_no_toolchain():
    one = Container("contents")
    one.holds("skills/golden-horde.md")
    expect(int(one.execute("stat", "-c", "%s", "/etc/ssl/certs/ca-certificates.crt")) > 100_000, "no authorities")
    one.execute("test", "-x", "/usr/bin/ssh")
    for program in ("git", "cc", "cargo", "curl"):
        absent = subprocess.run(["podman", "exec", one.name, "sh", "-c", f"command -v {program}"], capture_output=True)
        expect(absent.returncode != 0, f"{program} is in the image")


@story
def a_volume_of_another_user_is_written_as_that_user():
    one = Container("user", options=["--user", f"{AGENT}:{AGENT}", "--cap-drop", "all"], volume_owner=AGENT)
    skill = one.holds("skills/golden-horde.md")
    expect(skill.stat().st_uid == AGENT, skill.stat())
    until("it is healthy", one.is_healthy, one)


@story
def with_skill_sync_uid_root_hands_a_volume_of_its_own_over_and_goes():
    one = Container("handed", env={"SKILL_SYNC_UID": str(AGENT)})
    skill = one.holds("skills/golden-horde.md")
    owners = {path: path.stat().st_uid for path in (skill, skill.parent, one.volume / ".skill-sync")}
    expect(set(owners.values()) == {AGENT}, owners)
    expect(f"\t{AGENT}\t" in one.execute("grep", "^Uid:", "/proc/1/status"), "process 1 is still root")
    until("it is healthy", one.is_healthy, one)
    # Root in the container is that user for every verb, so that nothing of root's comes into the state.
    one.execute("skill-sync", "reconcile", "--wait")
    expect(one.stop() == 0, one.log())


@story
def somebody_else_than_root_cannot_become_another_user():
    one = Container("stranger", env={"SKILL_SYNC_UID": "1001"}, options=["--user", str(AGENT)], volume_owner=AGENT)
    expect(one.ended() == 2, one.log())
    one.says("SKILL_SYNC_UID is 1001 and skill-sync runs as uid 1000", "only root")


@story
def the_agent_starts_once_its_skills_are_there_and_its_status_is_ours():
    agent = "test -e /data/skills/golden-horde.md && id -u >/data/out/uid && exit 7"
    one = Container("agent", ["run", "--", "sh", "-c", "mkdir -p /data/out 2>/dev/null; " + agent])
    expect(one.ended() == 7, one.log())
    one.says("the agent is started")


@story
def the_agent_is_another_user_that_cannot_change_its_skills():
    agent = "id -u; echo x >>/data/skills/golden-horde.md || echo REFUSED; ls /data/.skill-sync || echo CLOSED; env | grep -c SKILLS_REPO; exit 0"
    one = Container("child", ["run", "--", "sh", "-c", agent], env={"CHILD_USER": f"{AGENT}:{AGENT}"})
    expect(one.ended() == 0, one.log())
    one.says(f"{AGENT}\n", "REFUSED", "CLOSED")


@story
def the_agent_gets_sigterm_and_its_orphans_are_reaped_by_process_one():
    agent = "trap 'echo TOLD; exit 3' TERM; (sleep 0.1 &) ; echo READY; while :; do sleep 0.1; done"
    one = Container("signals", ["run", "--", "sh", "-c", agent])
    one.says("READY")
    # One that nobody reaps would stay for as long as the container. Processes end while they are listed.
    listed = ("sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null; true")
    until("no zombie stays", lambda: not any(") Z " in state for state in one.execute(*listed).splitlines()), one)
    expect(one.stop() == 3, one.log())
    one.says("TOLD")


@story
def a_command_that_does_not_exist_is_told():
    one = Container("missing", ["run", "--", "no-such-agent"])
    expect(one.ended() == 127, one.log())
    one.says("the command `no-such-agent` was not found")


@story
def a_command_that_ends_at_once_is_told():
    one = Container("at-once", ["run", "--", "sh", "-c", "exit 9"])
    expect(one.ended() == 9, one.log())
    one.says("after its start; look at what it printed")


@story
def a_user_without_a_name_is_told_and_one_that_may_not_be_taken_too():
    one = Container("nameless", ["run", "--", "sh", "-c", "exit 0"], env={"CHILD_USER": "4242:4242"})
    expect(one.ended() == 0, one.log())
    one.says("CHILD_USER 4242 has no name on this system")
    options = ["--user", str(AGENT)]
    two = Container("refused", ["run", "--", "true"], env={"CHILD_USER": "4242:4242"}, options=options, volume_owner=AGENT)
    expect(two.ended() == 2, two.log())
    two.says("only root may start a process as somebody else")


@story
def a_port_that_is_taken_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        one = Container("port", env={"SKILL_SYNC_PORT": port})
        expect(one.ended() == 1, one.log())
        one.says(port, "SKILL_SYNC_PORT")


@story
def a_volume_that_is_not_writable_is_told_and_the_service_stays_to_tell_it():
    one = Container("read-only", volume="ro")
    one.says("Read-only file system")
    until("it is alive", one.is_healthy, one)
    report = subprocess.run(["podman", "exec", one.name, "skill-sync", "doctor"], capture_output=True, text=True)
    expect(report.returncode == 5 and "mounted read-only" in report.stdout, report)
    other = Container("foreign", options=["--user", str(AGENT)], volume_owner=0)
    other.says("Permission denied")
    report = subprocess.run(["podman", "exec", other.name, "skill-sync", "doctor"], capture_output=True, text=True)
    expect(report.returncode == 5 and "owner 0:0" in report.stdout, report)


@story
def a_volume_that_is_required_and_missing_is_told_and_nothing_is_written():
    one = Container("unmounted", env={"REQUIRE_MOUNT": "true", "SKILLS_DIR": "/srv/skills"})
    one.says("on the root file system", "REQUIRE_MOUNT")
    expect("skills" not in one.execute("ls", "/srv"), "something was made")


@story
def a_layout_that_the_agent_does_not_read_is_told():
    app = work / "app"
    package = app / "node_modules/openclaw"
    package.mkdir(parents=True)
    (app / "package.json").write_text("{}")
    (package / "package.json").write_text('{"name": "openclaw", "version": "2026.9.6"}')
    one = Container("layout", options=["-v", f"{app}:/app:ro"])
    one.holds("skills/golden-horde.md")
    command = ["podman", "exec", one.name, "skill-sync", "doctor", "--consumer", "/app"]
    report = subprocess.run(command, capture_output=True, text=True)
    expect(report.returncode == 5, report)
    expect("ignores flat skills" in report.stdout and "LAYOUT=folder" in report.stdout, report.stdout)


def main() -> int:
    wanted = sys.argv[1:]
    failed = 0
    (work / "repo").mkdir()
    git("init", "-q", "-b", "main")
    (work / "repo/golden-horde.md").write_text("---\nname: golden-horde\ndescription: Leads a horde.\n---\nText.\n")
    git("add", "-A")
    git("commit", "-qm", "first")
    os.chmod(work, 0o755)
    for tell in stories:
        if wanted and not any(word in tell.__name__ for word in wanted):
            continue
        name = tell.__name__.replace("_", " ")
        try:
            tell()
            print(f"ok      {name}", flush=True)
        except (AssertionError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"FAILED  {name}\n{error}", flush=True)
        finally:
            while running:
                podman("rm", "-f", "-v", "-t", "0", running.pop(), check=False)
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        sys.exit(main())
    finally:
        shutil.rmtree(work, ignore_errors=True)
