"""kill -9 at random moments, twenty times in one run.

Expected: the run completes, its evaluation equals that of an undisturbed run, and no step is repeated.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from benchmarks.protocol import arguments, show

COMMAND = ["run", "emoji-noto", "--pretrained", "efficientnet_lite0"]
KILLS = 20


def headstart(folder: Path, cache: Path) -> subprocess.Popen[bytes]:
    """The command, started on a cache of its own."""
    environment = {**os.environ, "HEADSTART_CACHE": str(cache), "HEADSTART_QUIET": "1"}
    command = [sys.executable, "-m", "headstart", *COMMAND, "--out", str(folder)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(folder: Path, cache: Path) -> float:
    """Seconds of a run left alone."""
    begun = time.perf_counter()
    process = headstart(folder, cache)
    _, errors = process.communicate()
    if process.returncode:
        raise SystemExit(errors.decode())
    return time.perf_counter() - begun


def main() -> None:
    """Print what happened."""
    options = arguments(__doc__ or "", seeds=1)
    shutil.rmtree(options.out / "kill", ignore_errors=True)
    calm, rough = options.out / "kill" / "calm", options.out / "kill" / "rough"
    seconds = finish(calm, options.out / "kill" / "cache-calm")
    generator = random.Random(0)
    kills = 0
    cache = options.out / "kill" / "cache-rough"
    while kills < KILLS:
        process = headstart(rough, cache)
        try:
            process.wait(timeout=generator.uniform(2.0, max(6.0, 2.5 * seconds / KILLS)))
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    finish(rough, cache)
    evaluations = [json.loads((folder / "evaluation.json").read_text()) for folder in (calm, rough)]
    log = Counter(line.split("\t")[0] for line in (rough / "steps" / "log.tsv").read_text().splitlines())
    rows = [
        {
            "kills": kills,
            "undisturbed seconds": seconds,
            "same evaluation": evaluations[0] == evaluations[1],
            "steps": len(log),
            "steps done twice": sum(count > 1 for count in log.values()),
        }
    ]
    show("kill -9 and start again", rows, [])


if __name__ == "__main__":
    main()
