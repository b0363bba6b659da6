"""Coins that change hands by chance, on mesa-frames: everyone at once, as its agents are columns of a table.

So the coins spread less unequally than where people act in turn: the same rule, another order. With `masks` a step is made of
mesa-frames' own operations on those agents whom a mask names; with `columns` whole columns are computed, half of it by NumPy.
"""

import numpy as np
import polars as pl
from clock import measure
from mesa_frames import AgentSetPolars, ModelDF


class People(AgentSetPolars):
    def __init__(self, count, model):
        super().__init__(model)
        ids = pl.arange(count, eager=True, dtype=pl.Int64)
        self.add(pl.DataFrame({"unique_id": ids, "coins": pl.ones(count, eager=True, dtype=pl.Int64)}))


class Masks(People):
    def step(self):
        self.select(self.get("coins") > 0)
        givers = len(self.active_agents)
        seed = int(self.random.integers(2**32))
        takers = self.get("unique_id").sample(givers, with_replacement=True, seed=seed)
        self.set("coins", pl.col("coins") - 1, mask="active")
        taken = takers.value_counts(name="taken")
        self.set("coins", self.get("coins", mask=taken) + taken["taken"].cast(pl.Int64), mask=taken)


class Columns(People):
    def step(self):
        coins = self.agents["coins"]
        givers = (coins > 0).arg_true().to_numpy()
        drawn = self.random.integers(len(self.agents) - 1, size=len(givers))
        takers = drawn + (drawn >= givers)
        taken = np.bincount(takers, minlength=len(self.agents))
        given = (coins > 0).cast(pl.Int64)
        self.agents = self.agents.with_columns(coins=coins - given + pl.Series(taken))


class Town(ModelDF):
    def __init__(self, way, people):
        super().__init__(seed=1)
        self.people = {"masks": Masks, "columns": Columns}[way](people, self)
        self.agents += self.people

    def coins(self):
        return self.get_agents_of_type(People).agents["coins"].to_list()


measure(Town)
