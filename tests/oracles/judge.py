"""Judges recorded exchanges with the clouds by the clouds' own models.

    judge.py [--partial] FILE

FILE has a JSON list of exchanges, as the sandbox records them. What is wrong on purpose, or in a model, stands in
exceptions.toml with its reason. An exception that nothing needs is an error too, unless `--partial` says that not everything
was recorded. What was judged is told; the exit code is 1 when anything is wrong.
"""

import argparse
import importlib
import json
import pathlib
import re
import sys
import tomllib
from collections import Counter

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))


def exceptions_of(cloud):
    with open(HERE / "exceptions.toml", "rb") as file:
        return tomllib.load(file).get(cloud, [])


def excepted(exceptions, used, operation, problem):
    for i, exception in enumerate(exceptions):
        if re.fullmatch(exception["operation"], operation) and re.search(exception["problem"], problem):
            used.add(i)
            return True
    return False


def judged(exchanges, partial):
    """What is wrong, by operation and problem, with one example each; and how many exchanges there were of which operation."""
    wrong, counts, exceptions, used = {}, Counter(), {}, {}
    for exchange in exchanges:
        cloud = exchange["cloud"]
        judge = importlib.import_module(f"{cloud}_oracle").judge
        operation, problems = judge(exchange)
        counts[cloud, operation] += 1
        known = exceptions.setdefault(cloud, exceptions_of(cloud))
        for problem in problems:
            if not excepted(known, used.setdefault(cloud, set()), operation, problem):
                wrong.setdefault((cloud, operation, problem), exchange)
    if not partial:
        for cloud, known in exceptions.items():
            for i, exception in enumerate(known):
                if i not in used.get(cloud, set()):
                    key = (cloud, exception["operation"], "nothing needs its exception in exceptions.toml any more")
                    wrong[key] = None
    return wrong, counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--partial", action="store_true")
    parser.add_argument("file")
    options = parser.parse_args()
    with open(options.file, encoding="utf-8") as file:
        exchanges = json.load(file)
    wrong, counts = judged(exchanges, options.partial)
    for (cloud, operation, problem), example in wrong.items():
        print(f"{cloud} {operation}: {problem}")
        if example:
            print(f"    {example['method']} {example['url'][:300]}\n    {example.get('body', '')[:600]}")
    for cloud in sorted({cloud for cloud, _ in counts}):
        of = [count for (its, _), count in counts.items() if its == cloud]
        print(f"{cloud}: {sum(of)} exchanges of {len(of)} operations judged")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
