from __future__ import annotations

import pytest

from api.settings import Settings
from rerank.errors import InputError


def test_flags_go_before_the_environment_and_that_before_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().port == 8000
    monkeypatch.setenv("VERALENS_PORT", "9000")
    assert Settings.load(port=None).port == 9000
    assert Settings.load(port=9001).port == 9001


def test_keys_are_a_list_between_commas_and_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERALENS_API_KEYS", "one, two,")
    settings = Settings.load()
    assert [key.get_secret_value() for key in settings.api_keys] == ["one", "two"]
    assert "two" not in repr(settings)


def test_a_wrong_value_is_named_by_its_variable_or_its_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"^--port"):
        Settings.load(port=70000)
    monkeypatch.setenv("VERALENS_MAX_QUEUE", "many")
    with pytest.raises(InputError, match=r"^VERALENS_MAX_QUEUE"):
        Settings.load()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_needs_no_key(host: str) -> None:
    Settings(host=host).check_door()


def test_elsewhere_needs_keys_or_a_clear_word() -> None:
    with pytest.raises(InputError, match="VERALENS_API_KEYS"):
        Settings(host="0.0.0.0").check_door()
    Settings.load(host="0.0.0.0", api_keys=("secret",)).check_door()
    Settings(host="0.0.0.0", allow_anonymous=True).check_door()
