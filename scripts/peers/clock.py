"""What the peers in Python share: the arguments, the clock and the figures of sim/benches/engine.rs."""

import sys
import time


def gini(coins):
    """By ranks i = 1..n of the sorted values: the sum of (2i - n - 1) x over n times the sum of x."""
    ranked = sorted(coins)
    count = len(ranked)
    return sum((2 * rank - count - 1) * x for rank, x in enumerate(ranked, 1)) / (count * sum(ranked))


def measure(make):
    """Passes at least so many steps and seconds of the processor, after one step that is not timed, and prints how that went."""
    way, people, least, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    world = make(way, people)
    world.step()
    steps, used = 0, 0.0
    began, before = time.perf_counter(), time.process_time()
    while steps < least or used < seconds:
        world.step()
        steps += 1
        used = time.process_time() - before
    clock = time.perf_counter() - began
    coins = world.coins()
    assert sum(coins) == people == len(coins), "coins are conserved"
    print(f"{people} {steps} {used:.4f} {clock:.4f} {gini(coins):.4f}")
