"""Pods as deploy/kubernetes makes them, as processes of this machine, and a service before them that knows which ones are ready.

A pod is a TorchServe without tokens and the manifests' nginx, which checks them. It ends as the kubelet ends it: by the `preStop` of both
of its containers, side by side, and then a signal. The pauses are cut short, since what they wait for takes a moment here.
"""

import asyncio
import os
import re
import shutil
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from chaos.proxy import listening
from deploy.server import ROOT, Server, ServerError
from testbed.connection import Connection, Pool, address
from testbed.processes import resident_mib

MANIFESTS: Final = ROOT / "deploy" / "kubernetes" / "base"
TOKEN: Final = "a-token-that-all-pods-accept"
HASTE: Final = 4.0  # times as fast as in a cluster
FORGOTTEN_S: Final = (
    0.5  # after which the service sends an ending pod no more connections; a cluster takes up to seconds, of the 8 in preStop
)
PORTS, TRIED = 100, 20  # between the ports of two pods, and how often other ones are tried where these are taken
HTTP_BESIDE, PROBES_BESIDE = 52, 53  # distances of nginx's ports from the server's
FOLDERS: Final = re.compile("/etc/nginx-digits/|/etc/nginx-tokens/|/tmp/")  # of nginx in its container
PAUSE: Final = re.compile(r"sleep (\d+)")


class PodService(Pool):
    """Connections of the clients of a service: each is to one of the ready pods, in turn, and stays there."""

    def __init__(self, urls: list[str]) -> None:
        super().__init__(urls[0])
        self.ready = deque(address(url) for url in urls)

    async def _connect(self, timeout_s: float) -> Connection:
        self.ready.rotate(-1)
        self.host, self.port = self.ready[0]
        return await super()._connect(timeout_s)


@dataclass
class Pod:
    """A TorchServe and its nginx."""

    server: Server
    _running: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port + HTTP_BESIDE}"

    @property
    def folder(self) -> Path:
        """Of nginx's files."""
        return self.server.folder / "nginx"

    def start(self) -> None:
        """Return once it answers; raises ServerError."""
        process = self.server.start()
        self._running.callback(process.wait)
        self._running.callback(self.server.stop)
        command = [find_nginx(), "-c", str(self._write_config()), "-p", str(self.folder), "-g", "daemon off; user root;"]
        self._running.enter_context(listening(command, {}, self.server.port + HTTP_BESIDE))

    async def end(self) -> None:
        """End as the manifests say."""
        commands = [self._here(command) for command in stops()]
        processes = [await asyncio.create_subprocess_shell(command, env=os.environ | {"PATH": search_path()}) for command in commands]
        await asyncio.gather(*(process.wait() for process in processes))
        await asyncio.to_thread(self.stop)

    def stop(self) -> None:
        """End at once what is running."""
        self._running.close()

    def _write_config(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        ports = {"listen 8001": f"listen 127.0.0.1:{self.server.port + PROBES_BESIDE}", "127.0.0.1:8080": f"127.0.0.1:{self.server.port}"}
        for name in ("nginx.conf", "listen.conf"):
            text = (MANIFESTS / name).read_text()
            for shipped, own in (ports | {"listen 8000": f"listen 127.0.0.1:{self.server.port + HTTP_BESIDE}"}).items():
                text = text.replace(shipped, own)
            (self.folder / name).write_text(self._here(text, haste=1.0))
        (self.folder / "tokens.conf").write_text(f'"~^Bearer {TOKEN}$" 1;\n')
        return self.folder / "nginx.conf"

    def _here(self, text: str, haste: float = HASTE) -> str:
        """A text of the manifests with this pod's folder in the place of a container's, and shorter pauses."""
        return PAUSE.sub(lambda found: f"sleep {int(found[1]) / haste:g}", FOLDERS.sub(f"{self.folder}/", text))


@dataclass
class Cluster:
    """Pods of one model, and the service before them.

    Attributes:
        store: the folder with the archives.
        state: the folder for everything that the pods write.
        port: of the next pod.
    """

    store: Path
    state: Path
    model: str
    port: int
    pods: list[Pod] = field(default_factory=list)

    def new_pod(self, store: Path | None = None) -> Pod:
        """A pod that is ready, and that no service knows yet, on the next ports that are free; raises ServerError."""
        server = self._server(store or self.store)
        for _ in range(TRIED):
            with suppress(ServerError):
                server.check_ports()
                break
            server = self._server(store or self.store)
        pod = Pod(server)
        self.pods.append(pod)
        pod.start()
        return pod

    def _server(self, store: Path) -> Server:
        self.port += PORTS
        return Server(self.port - PORTS, store, self.state, {"disable_token_authorization": "true"}, (self.model,))

    async def end(self, pod: Pod, service: PodService) -> None:
        """End a pod, which the service forgets meanwhile."""
        ending = asyncio.create_task(pod.end())
        await asyncio.sleep(FORGOTTEN_S)
        service.ready.remove(address(pod.url))
        await ending
        self.pods.remove(pod)

    def resident_mib(self) -> tuple[float, float]:
        """Resident memory of all frontends, and of all workers."""
        each = [resident_mib(pod.server.pid()) for pod in self.pods]
        return sum(java for java, _ in each), sum(python for _, python in each)


@contextmanager
def cluster(store: Path, state: Path, model: str, port: int, replicas: int) -> Iterator[Cluster]:
    """A cluster with that many pods; raises ServerError."""
    made = Cluster(store, state, model, port)
    try:
        for _ in range(replicas):
            made.new_pod()
        yield made
    finally:
        for pod in made.pods:
            pod.stop()


def find_nginx() -> str:
    """The path of nginx; raises ServerError if it is not installed."""
    binary = shutil.which("nginx", path=search_path())
    if binary is None:
        raise ServerError("nginx is not installed; apt-get install nginx")
    return binary


def search_path() -> str:
    """Where programs are looked for, those of administrators too."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin"


def deployment() -> dict[str, Any]:
    """The Deployment of the manifests."""
    found: dict[str, Any] = yaml.safe_load((MANIFESTS / "deployment.yaml").read_text())
    return found


def stops() -> list[str]:
    """What `preStop` runs in each container of a pod, for a shell."""
    containers = deployment()["spec"]["template"]["spec"]["containers"]
    commands = [container["lifecycle"]["preStop"]["exec"]["command"] for container in containers]
    return [command[2] if command[:2] == ["sh", "-c"] else " ".join(command) for command in commands]
