"""Coins that change hands by chance, on Mesa: everyone in an order that is shuffled anew each step.

Whom to give to is drawn from a list of its own, as Mesa's agent sets are not indexed at a constant cost.
"""

import mesa
from clock import measure


class Person(mesa.Agent):
    def __init__(self, model):
        super().__init__(model)
        self.coins = 1

    def give(self):
        if self.coins == 0:
            return
        people = self.model.people
        taker = self
        while taker is self:
            taker = people[int(self.random.random() * len(people))]
        self.coins -= 1
        taker.coins += 1


class Town(mesa.Model):
    def __init__(self, _way, people):
        super().__init__(rng=1)
        Person.create_agents(self, people)
        self.people = list(self.agents)

    def step(self):
        self.agents.shuffle_do("give")

    def coins(self):
        return [person.coins for person in self.people]


measure(Town)
