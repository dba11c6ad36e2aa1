from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from api.cli import main
from api.keys import stored
from api.settings import Settings
from rerank.errors import InputError

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


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


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file that VERALENS_CONFIG names."""
    path = tmp_path / "veralens.toml"
    monkeypatch.setenv("VERALENS_CONFIG", str(path))
    return path


def test_flags_before_environment_before_file_before_defaults(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('port = 1\nmax_queue = 2\nlog_format = "json"\nallowed_hosts = ["a.example", "b.example"]\n')
    monkeypatch.setenv("VERALENS_PORT", "11")
    monkeypatch.setenv("VERALENS_MAX_QUEUE", "12")
    settings = Settings.load(port=21)
    assert (settings.port, settings.max_queue, settings.log_format) == (21, 12, "json")
    assert settings.allowed_hosts == ("a.example", "b.example")
    assert settings.max_documents == 1_000


def test_a_file_that_is_named_goes_before_the_one_of_the_environment(file: Path, tmp_path: Path) -> None:
    file.write_text("port = 1\n")
    other = tmp_path / "other.toml"
    other.write_text("port = 2\n")
    assert Settings.load(other).port == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 70000", r"veralens\.toml: port: .*65535"),
        ("prot = 80", r"veralens\.toml: prot: there is no such setting; is port meant\?"),
        ("port = = 1", r"veralens\.toml: not TOML: .*line 1"),
        ('log_format = "xml"', r"veralens\.toml: log_format: .*text"),
        ("header_seconds = inf", r"veralens\.toml: header_seconds: .*finite"),
    ],
)
def test_a_wrong_file_is_named_with_the_place(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        Settings.load()


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(InputError, match=r"veralens\.toml: No such file.*VERALENS_CONFIG"):
        Settings.load()


@pytest.mark.parametrize("variable", ["VERALENS_KEYS", "VERALENS_EXAMPLES"])
def test_a_variable_that_should_be_json_is_named(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "a,b")
    with pytest.raises(InputError, match=f"^{variable}: must be JSON"):
        Settings.load()


def test_the_configuration_is_printed_with_its_sources_and_without_secrets(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(f'max_queue = 7\n[keys]\nshop = "{stored("secret-one")}"\n')
    monkeypatch.setenv("VERALENS_API_KEYS", "secret-two")
    assert main(["serve", "--print-config", "--port", "9"]) == 0
    printed = capsys.readouterr().out
    assert "port = 9  # from --port" in printed
    assert f"max_queue = 7  # from {file}: max_queue" in printed
    assert "from VERALENS_API_KEYS" in printed
    assert "max_documents = 1000  # default" in printed
    assert "secret" not in printed
    assert stored("secret-one") not in printed
    assert set(tomllib.loads(printed)) <= set(Settings.model_fields)

    assert main(["serve", "--print-config", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) == set(Settings.model_fields)
    assert document["max_queue"] == {"value": 7, "source": f"{file}: max_queue"}


def test_the_documentation_has_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| [^|]+ \|$", OPERATIONS.read_text("utf-8"), re.MULTILINE)
    documented = {name: default.strip() for name, default in rows if name in Settings.model_fields or "_" in name}
    assert documented.keys() >= Settings.model_fields.keys()
    settings = Settings()
    for name in Settings.model_fields.keys() - {"cache_dir"}:
        assert documented[name] == _shown(getattr(settings, name)), name


def _shown(value: object) -> str:
    if value is None or value in ((), {}):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else f"`{value}`"
