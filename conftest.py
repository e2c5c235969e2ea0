"""What all tests share: one Hypothesis profile, whose examples are the same in every run."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "fdl-harness",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fdl-harness")
