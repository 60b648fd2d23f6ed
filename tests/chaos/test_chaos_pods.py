"""Pods as processes, without TorchServe: how they end, and to which of them a service's clients connect."""

import asyncio
from pathlib import Path
from unittest.mock import patch

import pytest
from flaky import GOOD, QUESTION, Flaky

from chaos.pods import HASTE, TOKEN, Pod, PodService, deployment, stops
from deploy.server import Server


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(Server(21_000, tmp_path, tmp_path))


def test_a_pods_nginx_is_that_of_the_manifests_on_its_own_ports_and_in_its_own_folder(pod: Pod) -> None:
    config = pod._write_config()
    text = config.read_text()
    assert f"include {pod.folder}/tokens.conf;" in text
    assert "server 127.0.0.1:21000;" in text
    assert "listen 127.0.0.1:21053;" in text
    assert (pod.folder / "listen.conf").read_text() == "listen 127.0.0.1:21052;\n"
    assert TOKEN in (pod.folder / "tokens.conf").read_text()
    assert "include /etc/" not in text
    assert pod.url == "http://127.0.0.1:21052"


def test_it_ends_by_what_the_manifests_run_in_each_container_in_a_fraction_of_the_time(pod: Pod) -> None:
    ran, stopped = list[str](), list[bool]()

    async def run(command: str, env: dict[str, str]) -> asyncio.subprocess.Process:
        ran.append(command)
        return await asyncio.create_subprocess_exec("true")

    with patch("asyncio.create_subprocess_shell", run), patch.object(Pod, "stop", lambda _: stopped.append(True)):
        asyncio.run(pod.end())
    server, proxy = stops()
    assert (server, proxy) == ("sleep 45", "sleep 8; nginx -c /etc/nginx-digits/nginx.conf -s quit; sleep 35")
    assert ran == [f"sleep {45 / HASTE}", f"sleep {8 / HASTE:g}; nginx -c {pod.folder}/nginx.conf -s quit; sleep {35 / HASTE}"]
    assert stopped == [True]


def test_new_connections_go_to_the_ready_pods_in_turn_and_none_to_one_that_is_forgotten() -> None:
    first, second = Flaky((200, GOOD)), Flaky((200, GOOD))

    async def ask(service: PodService, times: int) -> tuple[int, int]:
        for _ in range(times):
            await service.ask(QUESTION.request("a"), 5.0)
            service.renew()
        return len(first.requests), len(second.requests)

    async def run() -> None:
        async with await asyncio.start_server(first, "127.0.0.1", 0) as one, await asyncio.start_server(second, "127.0.0.1", 0) as two:
            service = PodService([f"http://127.0.0.1:{each.sockets[0].getsockname()[1]}" for each in (one, two)])
            assert await ask(service, 4) == (2, 2)
            service.ready.remove(one.sockets[0].getsockname())
            assert await ask(service, 3) == (2, 5)
            await service.close()
            for writer in first.connections + second.connections:
                writer.close()
            await asyncio.sleep(0.01)  # the servers' side sees the end of its connections

    asyncio.run(run())


def test_as_many_pods_are_made_as_the_deployment_has_and_none_is_missing_while_they_are_replaced() -> None:
    assert deployment()["spec"]["replicas"] == 2
    assert deployment()["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
