"""CPUs and memory that a container allows, and the threads of numeric libraries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nb2service.runtime.server import cores

GIB = 2**30


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 16 CPUs; its control groups are files in the folder returned."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    monkeypatch.setattr(cores, "CGROUPS", tmp_path / "fs")
    monkeypatch.setattr(cores, "MEMBERSHIP", tmp_path / "self")
    return tmp_path


def write(machine: Path, membership: str, files: dict[str, str]) -> None:
    (machine / "self").write_text(membership)
    for name, text in files.items():
        path = machine / "fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


V1 = "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n1:name=systemd:/init\n"


@pytest.mark.parametrize(
    ("membership", "files", "cpus"),
    [
        ("", {}, 16),
        ("0::/\n", {"cpu.max": "max 100000"}, 16),
        ("0::/\n", {"cpu.max": "400000 100000"}, 4),
        ("0::/\n", {"cpu.max": "150000 100000"}, 2),
        ("0::/\n", {"cpu.max": "10000 100000"}, 1),
        ("0::/\n", {"cpu.max": "6400000 100000"}, 16),
        ("0::/\n", {"cpu.max": "what is this"}, 16),
        # the path is the host's, the mount the container's
        ("0::/kubepods/pod1/abc\n", {"cpu.max": "200000 100000"}, 2),
        # a group further out is tighter
        ("0::/a/b\n", {"a/b/cpu.max": "800000 100000", "a/cpu.max": "300000 100000"}, 3),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "c/cpu.max": "100000 100000"}, 16),
        (V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 16),
        (V1, {"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        (
            V1,
            {
                "cpu/docker/abc/cpu.cfs_quota_us": "100000",
                "cpu/docker/abc/cpu.cfs_period_us": "50000",
                "cpu/cpu.cfs_quota_us": "-1",
                "cpu/cpu.cfs_period_us": "100000",
            },
            2,
        ),
    ],
)
def test_cpus_are_those_of_the_tightest_group(
    machine: Path, membership: str, files: dict[str, str], cpus: int
) -> None:
    write(machine, membership, files)
    assert cores.available() == cpus


def test_affinity_counts_and_a_system_without_it_counts_its_cpus(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    assert cores.available() == 1
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert cores.available() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores.available() == 1


@pytest.mark.parametrize(
    ("membership", "files", "workers"),
    [
        ("0::/\n", {"memory.max": "max"}, 16),
        ("0::/\n", {"memory.max": str(GIB)}, 4),
        ("0::/\n", {"memory.max": str(GIB), "cpu.max": "200000 100000"}, 2),
        ("0::/\n", {"memory.max": str(GIB // 16)}, 1),
        (V1, {"memory/docker/abc/memory.limit_in_bytes": str(2 * GIB)}, 8),
        (V1, {"memory/memory.limit_in_bytes": "9223372036854771712"}, 16),
    ],
)
def test_workers_keep_within_the_container_s_memory(
    machine: Path, membership: str, files: dict[str, str], workers: int
) -> None:
    write(machine, membership, files)
    assert cores.default_workers() == workers


@pytest.mark.parametrize(
    ("workers", "given", "threads"),
    [
        (1, {}, {"OMP_NUM_THREADS": "16", "LOKY_MAX_CPU_COUNT": "16"}),
        (4, {}, {"OMP_NUM_THREADS": "4", "VECLIB_MAXIMUM_THREADS": "4"}),
        (99, {}, {"OMP_NUM_THREADS": "1"}),
        (4, {"OMP_NUM_THREADS": "7"}, {"OMP_NUM_THREADS": "7", "LOKY_MAX_CPU_COUNT": "4"}),
    ],
)
def test_workers_share_the_cpus_unless_told_otherwise(
    machine: Path,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
    given: dict[str, str],
    threads: dict[str, str],
) -> None:
    for name in cores.THREAD_NAMES:  # set first, so that what is set now is undone at the end
        monkeypatch.setenv(name, "")
        del os.environ[name]
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    cores.bound_math_threads(workers)
    assert {name: os.environ[name] for name in threads} == threads


IN_A_PROCESS = """
import os
from nb2service.runtime.server import cores
cores.available = lambda: 2
cores.bound_math_threads(2)
import numpy, sklearn.ensemble, scipy.linalg, joblib
from threadpoolctl import threadpool_info
for pool in threadpool_info():
    print(pool["user_api"], pool["num_threads"])
print("joblib", joblib.cpu_count())
"""


def test_numeric_libraries_keep_to_their_share() -> None:
    environ = {k: v for k, v in os.environ.items() if not k.endswith(("_THREADS", "_CPU_COUNT"))}
    done = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    pools = [line.split() for line in done.stdout.splitlines()]
    assert {"blas", "openmp", "joblib"} <= {name for name, _ in pools}
    assert {count for _, count in pools} == {"1"}, done.stdout
