"""The registry of guard kinds: a new one is a file here, a line below, and a test file."""

from guards.kinds.base import Kind
from guards.kinds.limits import Limits
from guards.kinds.personal_data import PersonalData
from guards.kinds.prompt_injection import PromptInjection
from guards.kinds.secrets import Secrets
from guards.kinds.words import Words

_ALL: tuple[Kind, ...] = (Limits(), PersonalData(), PromptInjection(), Secrets(), Words())
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
