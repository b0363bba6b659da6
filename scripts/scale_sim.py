"""Runs sim/scale/market.toml with so many providers, and says what a provider costs.

    python3 scripts/scale_sim.py target/release/bondstore 10000 100000
"""

import json
import os
import subprocess
import sys
import tempfile
import time

SCENARIO = "sim/scale/market.toml"
# As the scenario has them.
EPOCHS = 720
PROVIDERS_A_CLIENT = 1_000


def lived(binary, providers):
    """One run: seconds on the clock and of the processor, peak memory in bytes, and its trace."""
    clients = max(1, providers // PROVIDERS_A_CLIENT)
    command = [binary, "sim", "run", SCENARIO, "--seeds", "1", "--threads", "1", "--json"]
    command += ["--set", f"agents.honest.count={providers}", "--set", f"agents.client.count={clients}"]
    began = time.monotonic()
    with tempfile.TemporaryFile() as told:
        child = subprocess.Popen(command, stdout=told)
        # The peak of this very child, not of the largest one so far.
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {child.returncode}")
        told.seek(0)
        report = json.loads(told.readline())
    return time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, report["trace_hash"]


def main(binary, *sizes):
    print(f"{'providers':>10} {'clock s':>9} {'processor s':>12} {'us a step':>10} {'peak MiB':>9} {'bytes each':>11}  trace")
    for providers in map(int, sizes):
        clock, processor, peak, trace = lived(binary, providers)
        step = processor / (providers * EPOCHS) * 1e6
        print(
            f"{providers:>10} {clock:>9.1f} {processor:>12.1f} {step:>10.2f} {peak / 2**20:>9.0f} {peak / providers:>11.0f}  {trace[:12]}",
            flush=True,
        )


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
