"""Runs a command in a container's files, with as little as a container can have.

``unshare --mount --net --pid --fork python locked.py ROOT VOLUME… -- COMMAND…``: as
``docker run --read-only --network none --user 1234 --cap-drop ALL --security-opt
no-new-privileges`` would, which has a /dev/shm of its own and nothing else to write to. A volume
is ``HOST:CONTAINER``. The command's environment is that of this process.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
UNPRIVILEGED = (
    *("setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"),
    *("--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"),
)


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def main() -> None:
    end = sys.argv.index("--")
    root, volumes, command = Path(sys.argv[1]), sys.argv[2:end], sys.argv[end + 1 :]
    pairs = [volume.split(":") for volume in volumes]
    for _, inside in pairs:
        (root / inside.lstrip("/")).mkdir(parents=True, exist_ok=True)
    mount("--bind", str(root), str(root))
    mount("-o", "remount,ro,bind", str(root))
    mount("--rbind", "/dev", str(root / "dev"))
    mount("-t", "tmpfs", "-o", "size=64m,mode=1777", "tmpfs", str(root / "dev/shm"))
    mount("-t", "proc", "proc", str(root / "proc"))
    for outside, inside in pairs:
        mount("--bind", "-o", "ro", outside, str(root / inside.lstrip("/")))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    os.chroot(root)
    os.chdir("/app")
    os.execvp(UNPRIVILEGED[0], [*UNPRIVILEGED, *command])


main()
