from __future__ import annotations

from doubletime.core.rng import Purpose, bits, mix, uniform

KNOWN = (3100193165012466057, 5489677082533175891)


def test_numbers_are_the_same_on_every_machine() -> None:
    assert bits(0, 0, 0, Purpose.SAMPLE) == KNOWN[0]
    assert bits(7, 2, 1000, Purpose.LENGTH) == KNOWN[1]
    assert uniform(7, 2, 1000, Purpose.LENGTH) == (KNOWN[1] >> 11) / 2**53


def test_mix_is_the_finaliser_of_splitmix64() -> None:
    """First outputs of SplitMix64 seeded with 1234567 (the reference implementation's)."""
    state, outputs = 1234567, []
    for _ in range(3):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        outputs.append(mix(state))
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_each_counter_changes_the_number() -> None:
    drawn = {bits(s, c, p, u) for s in range(3) for c in range(3) for p in range(3) for u in Purpose}
    assert len(drawn) == 27 * len(Purpose)


def test_counters_wrap_at_64_bits() -> None:
    assert bits(-1, 0, 0, 1) == bits(2**64 - 1, 0, 0, 1)
    assert bits(2**64 + 5, 0, 0, 1) == bits(5, 0, 0, 1)


def test_uniform_is_uniform_in_the_unit_interval() -> None:
    numbers = [uniform(1, 0, i, Purpose.POLICY) for i in range(2000)]
    assert all(0 <= number < 1 for number in numbers)
    assert abs(sum(numbers) / len(numbers) - 0.5) < 0.03
    assert min(numbers) < 0.01
    assert max(numbers) > 0.99


def test_purposes_never_change() -> None:
    assert {purpose.name: purpose.value for purpose in Purpose} == {"SAMPLE": 1, "SEED": 2, "POLICY": 3, "LENGTH": 4}
