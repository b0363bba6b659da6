"""Holds a simulated run's Parquet tables, as DuckDB and Polars read them, against its summary.json."""

import json
import math
import sys

import duckdb
import polars

folder = sys.argv[1]
with open(f"{folder}/summary.json", encoding="utf-8") as file:
    summary = json.load(file)

figures = polars.read_parquet(f"{folder}/figures.parquet")
means = figures.group_by("arm", "name").agg(polars.col("value").mean().alias("mean"), polars.len().alias("n"))
by_polars = {(row["arm"], row["name"]): (row["mean"], row["n"]) for row in means.to_dicts()}
by_duckdb = {
    (arm, name): (mean, n)
    for arm, name, mean, n in duckdb.sql(
        f"select arm, name, avg(value), count(*) from '{folder}/figures.parquet' group by arm, name"
    ).fetchall()
}

compared = 0
for arm, told in summary["arms"].items():
    for name, figure in told["figures"].items():
        for found, n in (by_polars[arm, name], by_duckdb[arm, name]):
            assert math.isclose(found, figure["mean"], rel_tol=1e-9, abs_tol=1e-9), (arm, name, found, figure)
            assert n == figure["n"], (arm, name, n, figure)
            compared += 1
assert compared > 100, compared

runs = duckdb.sql(f"select count(*) from '{folder}/runs.parquet'").fetchall()[0]
assert runs == (sum(arm["runs"] for arm in summary["arms"].values()),), runs
series = polars.read_parquet(f"{folder}/series.parquet")
assert set(series.columns) >= {"arm", "seed", "epoch", "name", "value"}, series.columns
assert series.filter(polars.col("name") == "books.escrow_msat")["value"].min() >= 0
print(f"tables: {compared} figures are the same in DuckDB, Polars and summary.json")
print("1 passed, 0 failed")
