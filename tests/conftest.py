"""How hypothesis searches: the same examples on every run, unless asked otherwise with --hypothesis-profile."""

from __future__ import annotations

from hypothesis import Phase, settings

settings.register_profile("same", deadline=None, derandomize=True, database=None)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.register_profile("mutants", settings.get_profile("same"), phases=(Phase.explicit, Phase.generate))
settings.load_profile("same")
