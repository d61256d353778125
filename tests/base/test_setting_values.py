"""The settings as packages below the engine read them."""

from pilot.base import setting_values
from pilot.engine.settings import Setting, Settings


def test_the_engines_settings_have_these_methods():
    settings = Settings({"site": Setting("CERN", "default")})
    assert settings["site"] == "CERN"
    assert "site" in settings and "tasks" not in settings


def test_the_type_is_for_the_type_checker_only():
    assert setting_values.SettingValues is object
