"""Requests lost while a service is replaced under load: ``python benchmarks/redeploy.py PROJECT``.

wrk asks on 16 kept connections, as fast as it is answered, while the project is launched anew four
times on the same port. Whatever a client could notice counts as lost: an error of the socket, a
timeout, an answer that is not 200.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nb2service.launch.services import launch, stop_service

NAME = "redeploy-benchmark"
REDEPLOYMENTS = 4
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = {body}
"""


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path, help="a folder that nb2service has built")
    parser.add_argument("--workers", default="2", help="worker processes of the service")
    options = parser.parse_args()
    os.environ["WORKERS"] = options.workers
    project = options.project.absolute()
    package = next(project.glob("*/contract.json")).parent.name
    case = json.loads(next((project / "tests" / "cases").glob("*.json")).read_text())
    with launch(NAME, project, package) as candidate:
        pass
    try:
        url = f"{candidate.service.url}/{case['entry']}"
        return _report(_under_load(url, case["instances"][0], project, package))
    finally:
        stop_service(NAME)


def _under_load(url: str, row: object, project: Path, package: str) -> str:
    """What wrk says about the time of all redeployments."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT.format(body=json.dumps(json.dumps({"instances": [row]}))))
        script.flush()
        command = ["wrk", "-t1", "-c16", "-d120s", "--timeout", "20s", "-s", script.name, url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as wrk:
            for _ in range(REDEPLOYMENTS):
                time.sleep(1)
                with launch(NAME, project, package):
                    pass
            time.sleep(1)
            wrk.send_signal(2)  # it then reports
            return wrk.communicate()[0]


def _report(said: str) -> int:
    asked = int(re.search(r"(\d+) requests in", said)[1])  # type: ignore[index]
    errors = re.findall(
        r"(?:connect|read|write|timeout) (\d+)|Non-2xx or 3xx responses: (\d+)", said
    )
    lost = sum(int(number) for pair in errors for number in pair if number)
    print(f"{asked} requests, {REDEPLOYMENTS} redeployments, {lost} lost")
    return 1 if lost or asked < 20_000 else 0


if __name__ == "__main__":
    sys.exit(main())
