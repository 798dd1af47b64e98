"""Left out: the candidates that there was no room or no time for, and how to go on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from headstart.core.stopping import Reason
from headstart.planning.budget import STARTING_SECONDS


class Price(NamedTuple):
    """What a candidate takes, or what is left of it.

    Attributes:
        seconds: Predicted seconds.
        budget: Predicted seconds of a budget that has room for it at least, whatever else is tried.
        in_vain: Predicted seconds that were spent on it and that a larger budget would not take over.
    """

    seconds: float
    budget: float = 0.0
    in_vain: float = 0.0


@dataclass
class LeftOutCandidates:
    """What was left out for its price or its time.

    Attributes:
        stopped: Why trying ended before its end; None where it did not.
        minutes: Those that have room for each candidate, by its name, in the order in which they were left out.
        subject: Stands before "would take", where a reason is a part of a sentence.
    """

    stopped: Reason | None = None
    minutes: dict[str, int] = field(default_factory=dict)
    subject: str = ""

    def add(self, name: str, price: Price, spent_seconds: float, budget_seconds: float) -> str:
        """What a candidate would take, and whole minutes that have room for it beside what was tried.

        They are more than those of this budget, as with as many nothing would go on.
        """
        needed = max(spent_seconds + price.seconds - price.in_vain, price.budget, budget_seconds)
        self.minutes[name] = 1 + math.floor((STARTING_SECONDS + needed) / 60)
        takes = f"{self.subject}would take about {price.seconds:.0f} s; " if price.seconds >= 1 else ""
        return f"{takes}give --minutes {self.minutes[name]}"

    def cut(self, name: str, reason: Reason, price: Price, spent_seconds: float, budget_seconds: float, done: str = "") -> str:
        """Why a candidate was not tried, or no further, after what was done of it."""
        self.stopped = reason
        if reason == "interrupted":
            return f"Ctrl-C ended the trying{done or ' before'}"
        return f"the time was over{done}: {self.add(name, price, spent_seconds, budget_seconds)}"

    def sentence(self, budget: str = "The budget") -> str:
        """Why not everything was tried, and how to go on; empty where nothing was left out.

        The minutes are the fewest that have room for one more candidate, which is named. Those for everything, as of a network
        from scratch on 60,000 pictures, may be hours. Of equals it is the one whose turn came first.
        """
        if self.stopped == "interrupted":
            return "Ctrl-C ended the trying. The same command goes on from here."
        if not self.minutes:
            return ""
        why = "The time was over before everything was tried." if self.stopped else f"{budget} had no room for everything."
        name, minutes = min(self.minutes.items(), key=lambda one: one[1])
        return f"{why} The same command with --minutes {minutes} goes on from here, with room for {name}."
