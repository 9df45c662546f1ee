"""A Slurm of one node on this machine, of the daemons as they are installed, for the time of the tests.

It needs slurmctld, slurmd, munged and their commands (Debian: slurm-wlm and munge), but no configuration, no cgroups,
no accounting database and no free port in particular: all of it is made in a temporary directory, run by whoever runs
the tests, and gone afterwards. Where something is missing or does not start, the tests skip with the reason.
"""

import ctypes
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")
CONFIGURATION = """
ClusterName=lavadt
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
# a job that is queued again waits for as long as credentials last; 5 s is the least that Slurm takes
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldDebug=debug2
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,batch_sched_delay=0,default_queue_depth=100
# the node may pretend to have more processors than the machine
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
MaxArraySize=101
KillWait=2
PlugStackConfig={folder}/plugstack.conf
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=1440 State=UP
PartitionName=brief Nodes={host} MaxTime=1 State=UP
"""


class DoesNotStart(Exception):
    """The reason for which there is no cluster."""


class Cluster:
    """One node; its commands are run with `command`, and others with `environment`."""

    def __init__(self, folder):
        self.folder = folder
        path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
        self.environment = {"PATH": path, "SLURM_CONF": str(folder / "slurm.conf")}
        self.daemons = []

    def start(self):
        missing = [program for program in PROGRAMS if shutil.which(program, path=self.environment["PATH"]) is None]
        if missing:
            raise DoesNotStart(f"{missing[0]} is not installed (Debian: slurm-wlm and munge)")
        self._configure()
        key, munge = self.folder / "munge" / "key", self.folder / "munge"
        files = {"key-file": key, "seed-file": munge / "seed", "log-file": munge / "log", "pid-file": munge / "pid"}
        options = [f"--{name}={path}" for name, path in {**files, "socket": self.folder / "munge.socket"}.items()]
        self._start("munged", "--foreground", "--force", *options)
        self._await("munged", lambda: (self.folder / "munge.socket").exists())
        self._start("slurmctld", "-D", "-c")
        self._start("slurmd", "-D", "-c")
        self._await("the node", lambda: "idle" in self.command("sinfo", "--noheader", "--format=%T", check=False))

    def stop(self):
        """Ends every job and daemon, and whatever they may have left behind."""
        if len(self.daemons) == 3 and all(daemon.poll() is None for daemon in self.daemons):
            self.command("scancel", f"--user={os.getuid()}", check=False)
            self.command("scancel", "--signal=KILL", f"--user={os.getuid()}", check=False)
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in reversed(self.daemons):
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for process in self.processes():
            os.kill(process, signal.SIGKILL)

    def processes(self):
        """Whatever runs with this cluster's configuration: jobs, and the daemons that look after them."""
        mine, found = f"SLURM_CONF={self.environment['SLURM_CONF']}".encode(), []
        for process in Path("/proc").iterdir():
            try:
                if process.name.isdigit() and mine in (process / "environ").read_bytes().split(b"\0"):
                    found.append(int(process.name))
            except OSError:  # it ended meanwhile, or is somebody else's
                continue
        return [process for process in found if process != os.getpid()]

    def command(self, *words, check=True):
        """What a command of Slurm prints."""
        words = ("timeout", "30", *words)  # they wait long for a controller that is gone
        environment = {**os.environ, **self.environment}
        answer = subprocess.run(words, env=environment, capture_output=True, text=True)
        if check and answer.returncode:
            raise RuntimeError(f"{' '.join(words[2:])} failed: {answer.stderr.strip()}")
        return answer.stdout.strip()

    @contextmanager
    def in_reach(self):
        """This process finds the commands, and they the cluster."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            yield

    def restarts(self, job):
        """How often a job was queued again."""
        told = re.search(r"Restarts=(\d+)", self.command("scontrol", "show", "job", job))
        return int(told.group(1))

    def wait_for_restart(self, job, restart):
        """Returns when a job waits in the queue again, for this time."""
        wait_until(lambda: self.restarts(job) == restart, "the job to be queued again")
        wait_until(lambda: self.command("squeue", "--noheader", f"--jobs={job}", "--format=%T") == "PENDING", "its end")

    def _configure(self):
        for name in ("state", "spool", "munge"):
            (self.folder / name).mkdir(mode=0o700)
        (self.folder / "munge" / "key").write_bytes(os.urandom(128))
        (self.folder / "munge" / "key").chmod(0o400)
        ports, user = free_ports(2), pwd.getpwuid(os.getuid()).pw_name
        text = CONFIGURATION.format(
            host=socket.gethostname().split(".")[0],
            folder=self.folder,
            user=user,
            controller_port=ports[0],
            node_port=ports[1],
        )
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "plugstack.conf").touch()

    def _start(self, program, *options):
        """A daemon that ends with the tests, even if they are killed."""
        path = shutil.which(program, path=self.environment["PATH"])
        libc, parent = ctypes.CDLL(None), os.getpid()

        def end_with_parent():
            libc.prctl(1, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

        with (self.folder / f"{program}.out").open("w") as out:
            self.daemons.append(
                subprocess.Popen(
                    [path, *options],
                    env={**os.environ, **self.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    preexec_fn=end_with_parent,
                )
            )

    def _await(self, what, ready, seconds=20):
        until = time.monotonic() + seconds
        while True:
            ended = next((daemon for daemon in self.daemons if daemon.poll() is not None), None)
            if ended is not None or time.monotonic() > until:
                logs = [self.folder / f"{Path(daemon.args[0]).name}.out" for daemon in self.daemons]
                said = " / ".join((log.read_text().strip().splitlines() or ["nothing"])[-1] for log in logs)
                raise DoesNotStart(f"{what} did not start; the daemons said last: {said}")
            if ready():
                return
            time.sleep(0.05)


def wait_until(true, what, seconds=180):
    """Returns when `true()` is."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.05)


def free_ports(n):
    """Ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="session")
def wait_for():
    return wait_until


@pytest.fixture(scope="session")
def cluster():
    """A Slurm that runs, once for all tests; a skip with the reason where it cannot."""
    pytest.importorskip("submitit", reason="submitit is not installed")
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # short: the name of a socket has to fit into 107 bytes
    started = Cluster(folder)
    try:
        started.start()
    except DoesNotStart as error:
        started.stop()
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"no Slurm: {error}")
    yield started
    started.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def slurm(cluster):
    """The cluster, its commands in reach of this process too."""
    with cluster.in_reach():
        yield cluster
