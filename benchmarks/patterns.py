"""How long each family takes to draw 100,000 characters, and its oracle to score a million.

python -m benchmarks.patterns
"""

import time

from rnn_core.patterns import Pattern, parse

DRAWN = 100_000
SCORED = 1_000_000


def main() -> None:
    print(f"| pattern | draw {DRAWN:,} characters | score {SCORED:,} |\n|---|---|---|")
    slowest_draw = slowest_score = 0.0
    for family in Pattern.families.values():
        if family.needs_file:  # a text is neither drawn nor scored
            continue
        pattern = parse(family.example)
        begin = time.perf_counter()
        pattern.training_text(DRAWN, data_seed=0)
        drawn = time.perf_counter() - begin
        text = pattern.training_text(SCORED, data_seed=1)
        assert pattern.oracle is not None
        begin = time.perf_counter()
        pattern.oracle.log_probs(text)
        scored = time.perf_counter() - begin
        slowest_draw, slowest_score = max(slowest_draw, drawn), max(slowest_score, scored)
        print(f"| `{pattern.spec}` | {drawn:.2f} s | {scored:.2f} s |", flush=True)
    print(f"| the slowest | {slowest_draw:.2f} s | {slowest_score:.2f} s |")


if __name__ == "__main__":
    main()
