"""Random draws by name: exact chances, the shapes of the distributions, and nothing that another draw could change."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from statistics import mean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.chance import amount_us, chosen, happens

MS = 1_000


def drawn(distribution: str, jitter_us: int, count: int = 4_000) -> list[int]:
    return [amount_us(distribution, jitter_us, 7, "delay", k) for k in range(count)]


def test_a_draw_is_the_hash_of_its_names() -> None:
    # The first eight bytes of BLAKE2b over the seed and the names: worked out here with hashlib alone.
    number = int.from_bytes(hashlib.blake2b(b"7 loss 3 1", digest_size=8).digest())
    chance = Fraction(number * 100, 1 << 64)
    assert happens(chance + Fraction(1, 1 << 64), 7, "loss", 3, 1)
    assert not happens(chance, 7, "loss", 3, 1)
    assert chosen(1000, 7, "loss", 3, 1) == number * 1000 // (1 << 64)


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40))
def test_what_always_happens_always_happens(seed: int, number: int) -> None:
    assert happens(Fraction(100), seed, "x", number)
    assert not happens(Fraction(0), seed, "x", number)
    assert 0 <= chosen(3, seed, "x", number) < 3


def test_a_chance_is_met_about_as_often_as_it_says() -> None:
    # 4,000 draws of a chance of 12.5 %: 500, give or take five times the standard deviation of about 21.
    assert 395 <= sum(happens(Fraction("12.5"), 7, "x", k) for k in range(4_000)) <= 605


@pytest.mark.parametrize("jitter_us", [0, 20 * MS])
def test_constant_is_no_amount_at_all(jitter_us: int) -> None:
    assert set(drawn("constant", jitter_us, 10)) == {0}
    assert set(drawn("pareto", 0, 10)) == {0}


def test_uniform_lies_between_both_ends() -> None:
    amounts = drawn("uniform", 10)
    # Twenty-one values from -10 to 10, each of them drawn in 4,000 draws.
    assert sorted(set(amounts)) == list(range(-10, 11))


def test_normal_has_the_jitter_as_its_standard_deviation() -> None:
    amounts = drawn("normal", 10 * MS)
    # The mean of 4,000 is known to 10,000 / 63 = 158 us, the deviation to 112 us; five of each are allowed.
    assert abs(mean(amounts)) < 800
    assert abs(pstdev(amounts) - 10 * MS) < 600
    assert max(map(abs, amounts)) <= 60 * MS


def test_exponential_has_the_jitter_as_its_mean() -> None:
    amounts = drawn("exponential", 10 * MS)
    assert min(amounts) >= 0
    assert abs(mean(amounts) - 10 * MS) < 800
    # Half of them lie below ln 2 = 0.693 of the mean.
    assert abs(sum(amount < 6_931 for amount in amounts) - 2_000) < 160


def test_pareto_is_small_mostly_and_sometimes_very_large() -> None:
    amounts = drawn("pareto", 10 * MS)
    assert min(amounts) >= 0
    # With a shape of 2.5, half of them lie below 2^(1/2.5) - 1 = 0.3195 of the scale, one in a thousand above 14.8.
    assert abs(sum(amount < 3_195 for amount in amounts) - 2_000) < 160
    assert max(amounts) > 100 * MS
