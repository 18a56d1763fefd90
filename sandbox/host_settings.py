"""How this host reaches package indexes: what build steps are told of it, and what must not stay behind in images."""

import configparser
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")
"""Names of the proxy variables that build steps get."""

CA_PLACE = "/tmp/.splitclock-ca.pem"  # noqa: S108 - a place inside containers, gone before the commit
"""Where a build container holds the host's certificate bundle."""

_CA_VARIABLES = (
    "PIP_CERT",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
)
_CA_FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_PIP_URLS = ("index-url", "extra-index-url", "find-links")
_PIP_PLAIN = ("trusted-host", "timeout", "default-timeout", "retries", "proxy")
_OTHER_INDEXES = (
    "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "NPM_CONFIG_REGISTRY",
    "npm_config_registry", "GOPROXY",
)  # fmt: skip
_FIXED = {
    "PIP_NO_CACHE_DIR": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "PIP_NO_INPUT": "1",
    "DEBIAN_FRONTEND": "noninteractive",
    "GIT_TERMINAL_PROMPT": "0",
}
_TELLING = 6  # shorter passwords are looked for with their name only: alone they are in every file
_USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """Environment of build steps, the certificate bundle they trust, and the secrets that must not be kept."""

    env: Mapping[str, str] = field(default_factory=dict)
    proxies: Mapping[str, str] = field(default_factory=dict)
    ca_bundle: bytes | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names and passwords inside the URLs of the settings, as written and as decoded."""
        found: set[str] = set()
        for value in (*self.env.values(), *self.proxies.values()):
            for userinfo in _USERINFO.findall(value):
                password = userinfo.partition(":")[2] or userinfo
                found |= {userinfo, *(word for word in (password, unquote(password)) if len(word) >= _TELLING)}
        return tuple(sorted(found, key=len, reverse=True))

    def redact(self, text: str) -> str:
        """Text without those secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def read_host_settings(environment: Mapping[str, str]) -> HostSettings:
    """What the host's variables and pip configuration say; local files mean nothing inside and are left out."""
    pip = _pip_settings(environment)
    env = {**_FIXED, **_pip_environment(pip)}
    for name in _OTHER_INDEXES:
        if urls := _remote(environment.get(name, "")):
            env[name] = urls
    bundle = _ca_bundle([*(environment.get(name, "") for name in _CA_VARIABLES), pip.get("cert", ""), *_CA_FILES])
    if bundle is not None:
        env |= dict.fromkeys(_CA_VARIABLES, CA_PLACE)
    proxies = {name: environment[name] for name in PROXIES if environment.get(name)}
    return HostSettings(env=env, proxies=proxies, ca_bundle=bundle)


def _pip_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Pip's options from its files, then from its variables, the later ones winning as in pip."""
    settings: dict[str, str] = {}
    for place in _pip_files(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read(place, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip itself will say so, to whom it concerns
        for section in ("global", "install"):
            if parser.has_section(section):
                settings |= {key.replace("_", "-"): value for key, value in parser.items(section)}
    for name, value in environment.items():
        if name.startswith("PIP_"):
            settings[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return settings


def _pip_files(environment: Mapping[str, str]) -> Iterator[Path]:
    chosen = environment.get("PIP_CONFIG_FILE", "")
    if chosen == "/dev/null":
        return
    home = Path(environment.get("HOME") or "/nonexistent")
    system = environment.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    yield from (Path(folder) / "pip/pip.conf" for folder in system.split(":"))
    yield Path("/etc/pip.conf")
    yield home / ".pip/pip.conf"
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf"
    if environment.get("VIRTUAL_ENV"):
        yield Path(environment["VIRTUAL_ENV"]) / "pip.conf"
    if chosen:
        yield Path(chosen)


def _pip_environment(pip: Mapping[str, str]) -> dict[str, str]:
    kept = {key: " ".join(pip[key].split()) for key in _PIP_PLAIN if pip.get(key)}
    kept |= {key: urls for key in _PIP_URLS if (urls := _remote(pip.get(key, "")))}
    return {"PIP_" + key.upper().replace("-", "_"): value for key, value in kept.items()}


def _remote(value: str) -> str:
    """The http and https URLs among whitespace- or comma-separated values."""
    return " ".join(url for url in re.split(r"[\s,]+", value) if urlsplit(url).scheme in {"http", "https"})


def _ca_bundle(places: list[str]) -> bytes | None:
    for place in places:
        if place and Path(place).is_file():
            return Path(place).read_bytes()
    return None
