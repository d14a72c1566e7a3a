"""Settings, from the environment alone. `deploy/env.sample` documents every variable; each is read in one place."""

import sys
from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

from portal import environment as env
from portal import preflight, start_refusals
from portal.api_settings import REST_FRAMEWORK, SPECTACULAR_SETTINGS  # noqa: F401 - Django reads them here
from portal.databases import database_from_url
from portal.schedule import SCHEDULE

BASE_DIR = env.ROOT
DATA_DIR = env.DATA_DIR
DEVELOPMENT = env.DEVELOPMENT
TESTING = "pytest" in sys.modules
DEBUG = False  # never: errors are pages with a request id, in development too

_problems = start_refusals.problems()
if _problems:
    raise ImproperlyConfigured(preflight.refusal(_problems))

SECRET_KEY = env.text("PORTAL_SECRET_KEY")
FERNET_KEYS = env.items("PORTAL_FERNET_KEYS")
KEY_PEPPER = env.text("PORTAL_KEY_PEPPER").encode()
AUDIT_SIGNING_KEYS = env.items("PORTAL_AUDIT_SIGNING_KEY")
AUDIT_CHECKPOINT_FILE = (
    env.text("PORTAL_AUDIT_CHECKPOINT_FILE") or f"{DATA_DIR}/audit-checkpoints.jsonl"
)
# Where retention writes what it prunes of the trail, first; empty: it is pruned without.
AUDIT_ARCHIVE_DIR = env.text("PORTAL_AUDIT_ARCHIVE_DIR")
DEVELOPMENT_ADMIN_EMAIL = "admin@example.com"
ADMIN_EMAIL = env.text("PORTAL_ADMIN_EMAIL", DEVELOPMENT_ADMIN_EMAIL if DEVELOPMENT else "")
ADMIN_PASSWORD = env.text("PORTAL_ADMIN_PASSWORD")
LOCAL_URL = f"http://127.0.0.1:{env.text('PORT', '8000')}"
BASE_URL = env.text("PORTAL_BASE_URL", LOCAL_URL if DEVELOPMENT else "").rstrip("/")

ALLOWED_HOSTS = env.items(
    "PORTAL_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]" if DEVELOPMENT else ""
)
TRUSTED_PROXIES = env.networks("PORTAL_TRUSTED_PROXIES")
LOCAL_NETWORKS = env.networks("PORTAL_LOCAL_NETWORKS", "127.0.0.0/8,::1/128")
PRIVATE_NETWORKS = env.networks("PORTAL_PRIVATE_NETWORKS")

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "allauth",
    "allauth.account",
    "django_otp",
    "portal.apps.PortalConfig",
    "audit.apps.AuditConfig",
    "accounts.apps.AccountsConfig",
    "teams.apps.TeamsConfig",
    "guards.apps.GuardsConfig",
    "projects.apps.ProjectsConfig",
    "widget.apps.WidgetConfig",
    "portal.console_app.ConsoleConfig",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "csp",
    "corsheaders",
]

MIDDLEWARE = [
    "portal.middleware.RequestContextMiddleware",
    # Headers outside of errors, and of the way to https: what refuses a request before anything else has them too.
    "portal.content_security.ContentSecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    # Outside of whatever refuses, and of every transaction that is rolled back.
    "audit.middleware.OutcomeMiddleware",
    "portal.middleware.ErrorMiddleware",
    "portal.middleware.DoorMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.middleware.PageCompressionMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.verification.SecondFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.ImpersonationMiddleware",
    "accounts.middleware.ActorMiddleware",
    "accounts.middleware.FreshMiddleware",
    "teams.middleware.TenantMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
APPEND_SLASH = False
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
                "portal.looks.look",
            ],
        },
    }
]

PROCESS = env.PROCESS
DATABASES = {
    "default": database_from_url(
        env.database_url(),
        data_dir=DATA_DIR,
        pool_size=env.integer("DATABASE_POOL_SIZE", 20),
        name=env.database_variable(),
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.text("REDIS_URL")
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "gatehouse",
        }
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    # One process on the embedded default: its own memory is the whole truth (decision 26).
    SILENCED_SYSTEM_CHECKS = ["django_ratelimit.E003", "django_ratelimit.W001"]

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "accounts.backends.SignInBackend",
    "teams.backends.RoleBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
_VALIDATORS = "django.contrib.auth.password_validation."
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": _VALIDATORS + "UserAttributeSimilarityValidator"},
    {"NAME": _VALIDATORS + "MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": _VALIDATORS + "CommonPasswordValidator"},
    {"NAME": _VALIDATORS + "NumericPasswordValidator"},
]

LOGIN_URL = reverse_lazy("account_login")
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_LOGOUT_REDIRECT_URL = "/account/login/"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "change_password": "accounts.forms.PasswordForm",
    "reset_password": "accounts.forms.ResetForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
}
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"
ACCOUNT_RATE_LIMITS = False  # our own hold across processes: accounts/throttle.py
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "http" if DEVELOPMENT else "https"

SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEVELOPMENT
# A session ends after so long without a request, and so long after the sign-in.
SESSION_IDLE_S = 60 * env.integer("PORTAL_SESSION_IDLE_MINUTES", 60)
SESSION_COOKIE_AGE = 3600 * env.integer("PORTAL_SESSION_HOURS", 12)
# How long ago one may have proved who one is, for what is sensitive.
FRESH_S = 15 * 60
# Settings of the console that a variable fixes; None where it does not. Read them by `platform_settings.value`.
SECOND_FACTOR_REQUIRED = env.fixed_flag("PORTAL_SECOND_FACTOR_REQUIRED")
BASIC_AUTH = env.fixed_flag("PORTAL_BASIC_AUTH")
TWO_PERSON_RULE = env.fixed_flag("PORTAL_TWO_PERSON_RULE")
FAILED_SIGN_INS = env.fixed_integer("PORTAL_FAILED_SIGN_INS")
KEY_ROTATION_DAYS = env.fixed_integer("PORTAL_KEY_ROTATION_DAYS")
CONTENT_HOURS = env.fixed_integer("PORTAL_CONTENT_HOURS")
CONVERSATION_DAYS = env.fixed_integer("PORTAL_CONVERSATION_DAYS")
USAGE_DAYS = env.fixed_integer("PORTAL_USAGE_DAYS")
EVENT_DAYS = env.fixed_integer("PORTAL_EVENT_DAYS")
AUDIT_DAYS = env.fixed_integer("PORTAL_AUDIT_DAYS")
# An access token's life; a refresh token's, at most.
TOKEN_S = 60 * max(1, env.integer("PORTAL_TOKEN_MINUTES", 15))
REFRESH_DAYS = max(1, env.integer("PORTAL_REFRESH_DAYS", 30))
DEVICE_COOKIE_NAME = "gatehouse_device"
SESSION_COOKIE_NAME = "gatehouse_session"
CSRF_COOKIE_NAME = "gatehouse_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "portal.views.csrf_failure"
CSRF_TRUSTED_ORIGINS = [BASE_URL] if BASE_URL else []

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if not DEVELOPMENT:
    SECURE_SSL_REDIRECT = env.flag("PORTAL_HTTPS_REDIRECT", True)
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    if TRUSTED_PROXIES:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "report-uri": "/csp-report/",
    }
}
CORS_ALLOWED_ORIGINS: list[str] = []  # every door but the widget's is same-origin
CORS_URLS_REGEX = r"^/widget/v1/.*$"
CORS_ALLOW_METHODS = ["POST"]
CORS_ALLOW_HEADERS = ["authorization", "content-type"]

MAX_BODY_BYTES = 1024 * 1024
MAX_MESSAGE_BYTES = 32 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
LIMIT_PROJECT_PER_MINUTE = 60
LIMIT_KEY_PER_SECOND = 10
LIMIT_KEY_BURST = 20


LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["portal.formats"]

STATIC_URL = "/static/"
STATIC_ROOT = (
    None if DEVELOPMENT else Path(env.text("PORTAL_STATIC_DIR") or BASE_DIR / "staticfiles")
)
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEVELOPMENT
WHITENOISE_ALLOW_ALL_ORIGINS = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEVELOPMENT
        else "portal.static_storage.ModuleStorage"
    },
}

_NO_SERVER = "django.core.mail.backends.console" if DEVELOPMENT else "portal.no_mail"
EMAIL_BACKEND = f"{_NO_SERVER}.EmailBackend"
if env.text("PORTAL_EMAIL_HOST"):
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = env.text("PORTAL_EMAIL_HOST")
    EMAIL_PORT = env.integer("PORTAL_EMAIL_PORT", 587)
    EMAIL_HOST_USER = env.text("PORTAL_EMAIL_USER")
    EMAIL_HOST_PASSWORD = env.text("PORTAL_EMAIL_PASSWORD")
    EMAIL_USE_TLS, EMAIL_TIMEOUT = env.flag("PORTAL_EMAIL_TLS", True), 10
DEFAULT_FROM_EMAIL = env.text("PORTAL_EMAIL_FROM", "gatehouse@localhost")

CELERY_BROKER_URL = REDIS_URL or f"sqla+sqlite:///{DATA_DIR / 'broker.db'}"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat")
CELERY_BEAT_SCHEDULE = SCHEDULE

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "portal.logs.JSONFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": "WARNING" if DEVELOPMENT else "INFO"},
    "loggers": {"celery": {"level": "WARNING"}, "kombu": {"level": "WARNING"}},
}
