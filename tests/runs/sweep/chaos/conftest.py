"""The marker of the tests here."""


def pytest_configure(config):
    config.addinivalue_line("markers", "chaos: kills a sweep again and again, LAVA_DT_CHAOS times; skips without that")
