"""Every setting in one place. SQLite, in-process tasks and channel layer, one process by default;
`DATABASE_URL` and `REDIS_URL` switch to PostgreSQL and Redis. README has the table of `COWWEB_*`."""

import hashlib
import os
import secrets
from pathlib import Path

import dj_database_url
import django_stubs_ext
from csp.constants import NONE, SELF

django_stubs_ext.monkeypatch()  # lets Django's generic classes be written with their types

BASE_DIR = Path(__file__).resolve().parent.parent


def env(name: str, default: str = "") -> str:
    return os.environ.get(name, default).strip()


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


def env_flag(name: str, *, default: bool) -> bool:
    return env(name, "1" if default else "0").lower() in {"1", "true", "yes", "on"}


def kept_secret(path: Path) -> str:
    """The site's secret key: made once, readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(64))
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass  # another process was first; its key is the site's
        finally:
            fresh.unlink()
    return path.read_text()


# The site's own folders
COWWEB_DATA = Path(env("COWWEB_DATA") or BASE_DIR / "data").resolve()
COWWEB_DATA.mkdir(parents=True, exist_ok=True)  # the database is the first that is put there
COWWEB_CACHE = Path(
    env("COWWEB_CACHE") or Path(env("XDG_CACHE_HOME") or Path.home() / ".cache") / "cowweb"
).resolve()
COWWEB_IMPORT_FOLDERS = [
    Path(folder) for folder in env_list("COWWEB_IMPORT_FOLDERS") or [str(COWWEB_DATA / "import")]
]
COWWEB_STORE = COWWEB_DATA / "store"
COWWEB_KEYRINGS = COWWEB_DATA / "keyrings"  # of publishers, beside those that packages bring
COWWEB_ARRIVALS = COWWEB_DATA / "arrivals"  # images being uploaded or fetched
COWWEB_CLONES = COWWEB_DATA / "clones"
COWWEB_LAYERS = COWWEB_DATA / "layers"
COWWEB_TEMPLATES = COWWEB_DATA / "templates"
# Template memory is mapped by every clone, so it lies in a memory file system; each site has its own folder
COWWEB_MEMORY = Path(
    env("COWWEB_MEMORY") or f"/dev/shm/cowweb-{hashlib.sha256(str(COWWEB_DATA).encode()).hexdigest()[:12]}"  # noqa: S108
)

# Limits of the host; 0 means as much as the host has
COWWEB_MAX_CLONES = int(env("COWWEB_MAX_CLONES", "64"))
COWWEB_MAX_MEMORY_MB = int(env("COWWEB_MAX_MEMORY_MB", "0"))
COWWEB_MAX_CPUS = int(env("COWWEB_MAX_CPUS", "0"))
# How much may be promised, and how much stays free whatever is asked for
COWWEB_MEMORY_COMMIT = int(env("COWWEB_MEMORY_COMMIT", "150"))
COWWEB_MEMORY_RESERVE_MB = int(env("COWWEB_MEMORY_RESERVE_MB", "256"))
COWWEB_DISK_RESERVE_MB = int(env("COWWEB_DISK_RESERVE_MB", "512"))
COWWEB_CHAIN_WARN_DEPTH = int(env("COWWEB_CHAIN_WARN_DEPTH", "8"))
COWWEB_READY_TIMEOUT_S = int(env("COWWEB_READY_TIMEOUT_S", "180"))
COWWEB_STOP_GRACE_S = int(env("COWWEB_STOP_GRACE_S", "20"))
COWWEB_RUN_OUTPUT_BYTES = int(env("COWWEB_RUN_OUTPUT_BYTES", str(256 * 1024 * 1024)))
COWWEB_OUTPUT_DAYS = int(env("COWWEB_OUTPUT_DAYS", "0"))
COWWEB_AUDIT_SYSLOG = env("COWWEB_AUDIT_SYSLOG")
COWWEB_AUDIT_WEBHOOK = env("COWWEB_AUDIT_WEBHOOK")
COWWEB_AUDIT_WEBHOOK_SECRET = env("COWWEB_AUDIT_WEBHOOK_SECRET")
# Leases; 0 hours for no end
COWWEB_LEASE_HOURS = int(env("COWWEB_LEASE_HOURS", "168"))
COWWEB_LEASE_MOST_HOURS = int(env("COWWEB_LEASE_MOST_HOURS", "720"))
COWWEB_LEASE_GRACE_HOURS = int(env("COWWEB_LEASE_GRACE_HOURS", "24"))
COWWEB_BIN_HOURS = int(env("COWWEB_BIN_HOURS", "72"))
COWWEB_IDLE_HOURS = float(env("COWWEB_IDLE_HOURS", "12"))
COWWEB_IDLE_CPU_PERCENT = int(env("COWWEB_IDLE_CPU_PERCENT", "10"))
COWWEB_PARALLEL_JOBS = int(env("COWWEB_PARALLEL_JOBS", "16"))
COWWEB_COMMANDS_PER_MINUTE = int(env("COWWEB_COMMANDS_PER_MINUTE", "3000"))
COWWEB_COSTLY_PER_MINUTE = int(env("COWWEB_COSTLY_PER_MINUTE", "600"))
# The registry of bases
COWWEB_FOUR_EYES = env_flag("COWWEB_FOUR_EYES", default=False)
COWWEB_VERIFY_DAYS = float(env("COWWEB_VERIFY_DAYS", "7"))
COWWEB_RETIRED_DAYS = float(env("COWWEB_RETIRED_DAYS", "7"))
COWWEB_IMPORT_MAX_BYTES = int(env("COWWEB_IMPORT_MAX_BYTES", str(64 * 1024**3)))
COWWEB_IMPORT_DIGEST = env_flag("COWWEB_IMPORT_DIGEST", default=False)
COWWEB_RUNTIME_REXX = env("COWWEB_RUNTIME_REXX")

DEBUG = env_flag("COWWEB_DEBUG", default=False)
SECRET_KEY = env("COWWEB_SECRET_KEY") or kept_secret(COWWEB_DATA / "secret.key")
ALLOWED_HOSTS = env_list("COWWEB_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
COWWEB_ORIGINS = env_list("COWWEB_ORIGINS")
CSRF_TRUSTED_ORIGINS = COWWEB_ORIGINS
# Each forwarded port has a host name below this one, which the dashboard's cookies do not reach
COWWEB_GUEST_DOMAIN = env("COWWEB_GUEST_DOMAIN", "localhost").lower()
COWWEB_HTTPS = env_flag("COWWEB_HTTPS", default=False)

INSTALLED_APPS = [
    "people",  # before Django's auth, of which it takes commands over
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "django_htmx",
    "cowweb",
    "audit",
    "quotas",
    "hosts",
    "bases",
    "pools",
    "clones",
    "links",
    "provisioning",
    "reports",
    "commands",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "cowweb.middleware.RequestIdMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "people.middleware.TokenMiddleware",
    "people.middleware.VisitMiddleware",
    "people.middleware.DeniedMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "cowweb.pace.PaceMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "cowweb.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "cowweb.urls"
ASGI_APPLICATION = "cowweb.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "cowweb.context.site",
            ],
        },
    }
]

DATABASES = {
    "default": dj_database_url.parse(
        env("DATABASE_URL") or f"sqlite:///{COWWEB_DATA / 'db.sqlite3'}", conn_max_age=60
    )
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Deferred transactions fail at once under concurrent writers; IMMEDIATE ones queue for `timeout` seconds.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env("REDIS_URL")
FOR_EVER_S = 10**9  # a page that is open for days is told as ever; whoever closes it leaves its groups
CHANNEL_LAYERS: dict[str, dict[str, object]] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
    if REDIS_URL
    else {"BACKEND": "cowweb.layer.Layer", "CONFIG": {"capacity": 1000, "group_expiry": FOR_EVER_S}}
}

AUTHENTICATION_BACKENDS = ["people.backends.PersonBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 86400
# Failed tries in a quarter of an hour
COWWEB_SIGN_IN_TRIES = int(env("COWWEB_SIGN_IN_TRIES", "10"))
COWWEB_SIGN_IN_TRIES_ADDRESS = int(env("COWWEB_SIGN_IN_TRIES_ADDRESS", "50"))
# Single sign-on by OpenID Connect; off without an issuer
COWWEB_OIDC_ISSUER = env("COWWEB_OIDC_ISSUER")
COWWEB_OIDC_CLIENT_ID = env("COWWEB_OIDC_CLIENT_ID")
COWWEB_OIDC_CLIENT_SECRET = env("COWWEB_OIDC_CLIENT_SECRET")
COWWEB_OIDC_NAME = env("COWWEB_OIDC_NAME", "Single sign-on")
COWWEB_OIDC_CA_FILE = env("COWWEB_OIDC_CA_FILE")
COWWEB_OIDC_CREATE = env_flag("COWWEB_OIDC_CREATE", default=False)
# A directory that passwords are tried at; off without a URL
COWWEB_LDAP_URL = env("COWWEB_LDAP_URL")
COWWEB_LDAP_START_TLS = env_flag("COWWEB_LDAP_START_TLS", default=False)
COWWEB_LDAP_CA_FILE = env("COWWEB_LDAP_CA_FILE")
COWWEB_LDAP_BIND_DN = env("COWWEB_LDAP_BIND_DN")
COWWEB_LDAP_BIND_PASSWORD = env("COWWEB_LDAP_BIND_PASSWORD")
COWWEB_LDAP_BASE = env("COWWEB_LDAP_BASE")
COWWEB_LDAP_FILTER = env("COWWEB_LDAP_FILTER", "(uid={name})")
if COWWEB_LDAP_URL:
    AUTHENTICATION_BACKENDS.append("people.ldap.LdapBackend")
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"

# Counts of tries and tickets that are good once must not give way to one another, nor to drawn rows
LOCAL_MEMORY = "django.core.cache.backends.locmem.LocMemCache"
CACHES = {
    "default": {"BACKEND": LOCAL_MEMORY, "LOCATION": "default", "OPTIONS": {"MAX_ENTRIES": 50_000}},
    "drawn": {"BACKEND": LOCAL_MEMORY, "LOCATION": "drawn", "OPTIONS": {"MAX_ENTRIES": 2_000}},
}

LANGUAGE_CODE = "en-us"
TIME_ZONE = env("COWWEB_TIME_ZONE", "UTC")
USE_I18N = True
FORMAT_MODULE_PATH = ["cowweb.formats"]
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = True
STATIC_ROOT.mkdir(exist_ok=True)  # WhiteNoise warns of a missing one; `collectstatic` fills it if wanted
WHITENOISE_AUTOREFRESH = DEBUG

DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
COWWEB_BODY_MAX_BYTES = int(env("COWWEB_BODY_MAX_BYTES", str(1 << 30)))
COWWEB_CONNECTIONS = int(env("COWWEB_CONNECTIONS", "512"))

# The browser's side of the door
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
        "base-uri": [SELF],
        "object-src": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Over TLS the prefix keeps other names of the domain, guests' among them, from setting it
SESSION_COOKIE_NAME = "__Host-cowweb_session" if COWWEB_HTTPS else "cowweb_session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = COWWEB_HTTPS
SECURE_SSL_REDIRECT = COWWEB_HTTPS
SECURE_HSTS_SECONDS = 31536000 if COWWEB_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = COWWEB_HTTPS
if COWWEB_HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "cowweb.logs.Line",
            "format": "{asctime} {levelname:.1} {name} {message}",
            "style": "{",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env("COWWEB_LOG_LEVEL", "WARNING")},
    # what these say is raised as well, and told where it belongs
    "loggers": {name: {"level": "CRITICAL"} for name in ("paramiko", "qemu.qmp")},
}
