"""Every setting of the server, read in this one place. Documented in docs/settings.md. Decides nothing at run time."""

import hashlib
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from scheduler_site import address, env, folders, own_certificate

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = env.boolean("DEBUG", False)
DATA_DIR = env.folder("DATA_DIR", BASE_DIR / "data")
DATABASE_DIR = DATA_DIR / "database"
TASK_LOG_DIR = DATA_DIR / "logs" / "tasks"
SYSTEM_LOG_DIR = DATA_DIR / "logs" / "system"
STATIC_ROOT = DATA_DIR / "static"
LOCAL_AGENT_DIR = DATA_DIR / "agent"
USER_CODE_DIR = env.text("USER_CODE_DIR")
folders.make(DATA_DIR, [DATABASE_DIR, TASK_LOG_DIR, SYSTEM_LOG_DIR, STATIC_ROOT])
SECRET_KEY = folders.secret_key(DATA_DIR / "secret_key")

# Where it listens and who may ask
PORT = env.integer("PORT", 8000, 1, 65535)
HOST = env.host("HOST", "127.0.0.1")
TLS_CERT = env.file("TLS_CERT")
TLS_KEY = env.file("TLS_KEY")
if (TLS_CERT is None) != (TLS_KEY is None):
    raise ImproperlyConfigured("NIGHTSHIFT_TLS_CERT and NIGHTSHIFT_TLS_KEY belong together: set both or neither.")
HAS_OWN_CERTIFICATE = env.boolean("TLS", False) and TLS_CERT is None
LOCAL_PORT = env.integer("LOCAL_PORT", min(PORT + 1, 65535), 1, 65535)
INSECURE = env.boolean("INSECURE", False)
ADDRESS = address.Address(HOST, PORT, LOCAL_PORT, TLS_CERT is not None or HAS_OWN_CERTIFICATE)
address.refuse_open_plain_text(ADDRESS, INSECURE)
SHOW_INSECURE_BANNER = not (ADDRESS.is_loopback or ADDRESS.has_tls)
PUBLIC_URL = env.url("PUBLIC_URL", ("http", "https")) or ADDRESS.public_url
ALLOWED_HOSTS = address.allowed_hosts(ADDRESS, [*env.hosts("ALLOWED_HOSTS"), env.host_of(PUBLIC_URL)])
if HAS_OWN_CERTIFICATE:
    TLS_CERT, TLS_KEY = own_certificate.ensure(DATA_DIR / "tls", ALLOWED_HOSTS)
PIN = own_certificate.fingerprint(TLS_CERT) if HAS_OWN_CERTIFICATE and TLS_CERT else ""
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
CSRF_TRUSTED_ORIGINS = [env.origin_of(PUBLIC_URL)]
ASGI = env.choice("ASGI", "daphne", ("daphne", "uvicorn"))

LISTEN_FD = env.integer("LISTEN_FD", 0, 3, 65535)

SERVER_LOG = env.file_name("SERVER_LOG", "server.log")
LOG_FORMAT = env.choice("LOG_FORMAT", "kv", ("kv", "json"))
LOG_LEVEL = env.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error"))
LOGGING_CONFIG = None  # scheduler_site.system_log, set up by the app
OWNER = env.text("OWNER")
FAILPOINTS = env.text("FAILPOINTS")
FAILPOINTS_LOG = env.text("FAILPOINTS_LOG")

INSTALLED_APPS = [
    "scheduler_site.apps.SiteConfig",
    "agents.apps.AgentsConfig",
    "templates_app.apps.TemplatesConfig",
    "tasks.apps.TasksConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "scheduler_site.middleware.instance_header",
    "scheduler_site.middleware.content_security_policy",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "scheduler_site.shared.acting.request_noted",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

# What of it a call of an agent passes (scheduler_site.handlers), in the same order.
AGENT_MIDDLEWARE = [
    "scheduler_site.middleware.instance_header",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "scheduler_site.shared.acting.request_noted",
]

ROOT_URLCONF = "scheduler_site.urls"
ASGI_APPLICATION = "scheduler_site.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "scheduler_site" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "scheduler_site.context.site",
            ]
        },
    }
]

DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{DATABASE_DIR / 'nightshift.sqlite3'}")}
DATABASE_BUSY_SECONDS = env.seconds("DATABASE_BUSY_SECONDS", 20)
IS_SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")
if IS_SQLITE:
    # IMMEDIATE: a transaction that reads and then writes would fail at once under DEFERRED, whatever the time-out.
    # FULL: an acknowledged result survives a power cut.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": DATABASE_BUSY_SECONDS,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32768; PRAGMA mmap_size=268435456"
        ),
    }
    DATABASES["default"]["ENGINE"] = "scheduler_site.in_turn.sqlite3"  # writers are woken, not asleep
    DATABASES["default"]["TEST"] = {"NAME": str(DATABASE_DIR / "test.sqlite3")}

REDIS_URL = env.url("REDIS_URL", ("redis", "rediss", "unix"))
# Several sites may share a Redis, and what is published there has no database number: the secret key tells them apart.
REDIS_PREFIX = "nightshift-" + hashlib.sha256(SECRET_KEY.encode()).hexdigest()[:12]
if REDIS_URL:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL], "prefix": REDIS_PREFIX},
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

# Sessions and sign-in. Cookie names carry the port: browsers share cookies between all ports of a host. It is the port
# that people use: behind a proxy all server processes must know the same sessions.
COOKIE_PORT = env.port_of(PUBLIC_URL)
AUTHENTICATION_BACKENDS = [
    "scheduler_site.access.sign_in_throttle.SignInThrottle",
    "scheduler_site.access.sessions.Accounts",
    "scheduler_site.access.role_permissions.RolePermissions",
]
SIGN_IN_WINDOW_SECONDS = 15 * 60
SIGN_IN_FAILURES = 8  # of one account from one address
SIGN_IN_ADDRESS_FAILURES = 50  # from one address
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/tasks/"
LOGOUT_REDIRECT_URL = "/login/"
SESSION_ENGINE = "scheduler_site.access.sessions"
SESSION_COOKIE_NAME = f"nightshift_session_{COOKIE_PORT}"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://") and not ADDRESS.is_loopback
CSRF_COOKIE_NAME = f"nightshift_csrf_{COOKIE_PORT}"
SIGN_IN_LINK_HOURS = 24
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# What browsers are told
X_FRAME_OPTIONS = "DENY"
# Browsers keep it for the whole host name, whatever the port: only a server at https's own port may ask for that.
SECURE_HSTS_SECONDS = 30 * 24 * 3600 if ADDRESS.has_tls and PORT == 443 else 0
# With TLS the only plain port is on loopback, for this machine's own agent: nothing is to be redirected.
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W005", "security.W008", "security.W021"]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)

# Deadlines: who is waited for, and for how long. Tests shorten them in real processes.
BEATS_PER_SECOND = env.integer("BEATS_PER_SECOND", 50, 1, 100_000)
REPORTS_PER_SECOND = env.integer("REPORTS_PER_SECOND", 50, 1, 100_000)
SUSPECT_SECONDS = env.seconds("SUSPECT_SECONDS", 6)
UNREACHABLE_SECONDS = env.seconds("UNREACHABLE_SECONDS", 30)
AMNESTY_SECONDS = env.seconds("AMNESTY_SECONDS", 60)
STALL_SECONDS = env.seconds("STALL_SECONDS", 5)
CLAIM_SECONDS = env.seconds("CLAIM_SECONDS", 15)
START_SECONDS = env.seconds("START_SECONDS", 30)
SECRET_OVERLAP_SECONDS = env.seconds("SECRET_OVERLAP_SECONDS", 24 * 3600)
LOST_AFTER_SECONDS = env.seconds("LOST_AFTER_SECONDS", 24 * 3600)
FAILOVER_STOP_SECONDS = env.seconds("FAILOVER_STOP_SECONDS", 30)
FAILOVER_KILL_SECONDS = env.seconds("FAILOVER_KILL_SECONDS", 20)
FAILOVER_MARGIN_SECONDS = env.seconds("FAILOVER_MARGIN_SECONDS", 9.5)
TASK_VOIDS = env.integer("TASK_VOIDS", 10, 0, 1000)
HOST_FAULTS = env.integer("HOST_FAULTS", 3, 0, 1000)
HOST_FAULTS_SECONDS = env.seconds("HOST_FAULTS_SECONDS", 600)
PAUSE_ON_GPU_LOSS = env.boolean("PAUSE_ON_GPU_LOSS", False)
BREAKER_HOSTS = env.integer("BREAKER_HOSTS", 3, 1, 100_000)
BREAKER_PERCENT = env.integer("BREAKER_PERCENT", 50, 0, 100)
BREAKER_WINDOW_SECONDS = env.seconds("BREAKER_WINDOW_SECONDS", 60)
BREAKER_LONGEST_SECONDS = env.seconds("BREAKER_LONGEST_SECONDS", 3600)

# Output of scripts
LOG_MAX_MIB = env.integer("LOG_MAX_MIB", 64, 0, 1024 * 1024)
LOG_MIN_FREE_MIB = env.integer("LOG_MIN_FREE_MIB", 256, 0, 1024 * 1024)

# What is kept, and for how long; 0: for ever
KEEP_OUTPUT_DAYS = env.integer("KEEP_OUTPUT_DAYS", 90, 0, 36500)
KEEP_OUTPUT_GIB = env.integer("KEEP_OUTPUT_GIB", 0, 0, 1_000_000)
KEEP_TASKS_DAYS = env.integer("KEEP_TASKS_DAYS", 0, 0, 36500)
KEEP_KEYS_DAYS = env.integer("KEEP_KEYS_DAYS", 30, 0, 36500)
RETENTION_EVERY_SECONDS = env.seconds("RETENTION_EVERY_SECONDS", 3600)

# Sizes of requests
AGENT_BODY_BYTES = 8 * 1024 * 1024  # one piece of output is at most 4 MiB
AGENT_JSON_BYTES = 2 * 1024 * 1024  # every other call of an agent; the longest names what runs on a host
BODY_BYTES = 4 * 1024 * 1024  # a script is at most 1 MiB
STRANGER_BODY_BYTES = 64 * 1024  # a sign-in form
HEAD_SECONDS = env.seconds("HEAD_SECONDS", 20)
BODY_SECONDS = env.seconds("BODY_SECONDS", 90)
DATA_UPLOAD_MAX_MEMORY_SIZE = AGENT_BODY_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "scheduler_site.access.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["scheduler_site.shared.rest_access.ByRole"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["scheduler_site.shared.strict_json.StrictJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "scheduler_site.shared.paging.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "scheduler_site.shared.rest_errors.answer",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Nightshift",
    "DESCRIPTION": "Submit scripts, follow them, look at the hosts they run on.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api",
    "PREPROCESSING_HOOKS": ["scheduler_site.schema.only_for_people"],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "scheduler_site.schema.add_refusals"],
    "ENUM_NAME_OVERRIDES": {
        "TaskStatus": "tasks.states.TaskStatus",
        "SubAgentState": "tasks.states.SubAgentState",
        "LogState": "tasks.states.LogState",
        "EndReason": "tasks.states.EndReason",
        "FailureClass": "tasks.states.FailureClass",
        "DependencyKind": "tasks.states.DependencyKind",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# Static files: the bundle under /static/dist/, and what Django's own apps bring
STATIC_URL = "/static/"
DIST_DIR = BASE_DIR / "static" / "dist"
STATICFILES_DIRS = [("dist", DIST_DIR)] if DIST_DIR.is_dir() else []
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "scheduler_site.static_storage.LenientManifestStorage"},
}
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/(dist/chunks/.+-[0-9A-Z]{8}|.+\.[0-9a-f]{12})\..+$"

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = ["scheduler_site.formats"]
TIME_ZONE = "UTC"
USE_TZ = True
