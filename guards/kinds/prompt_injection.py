"""*prompt injection*: rules for the five categories over the normalised text and over what it hides.

Patterns are Python's, with bounded gaps only, so that time grows with the length of the text and not faster; each
group is tried only where one of its cue words occurs.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from guards.kinds.base import Hold, chosen_of, known_only
from guards.normalise import View, view_of
from guards.verdicts import Finding

SEVERITY = {
    "system_override": "high",
    "role_hijack": "high",
    "jailbreak": "high",
    "delimiter_injection": "medium",
    "instruction_leak": "medium",
}

_PRIOR = (
    r"(?:all |any |every |each |the |your |my |our |of |these |those |this |and |or |other |system |"
    r"safety |content |current |existing |original |initial |old |default |"
    r"previous |prior |above |preceding |earlier |following |past |foregoing )"
)
_WORDS_OF_ORDER = (
    r"(?:instructions?|directions?|directives?|prompts?|rules?|guidelines?|commands?|orders?|"
    r"polic(?:y|ies)|constraints?|restrictions?|programming|training|messages?|conversation|context|"
    r"safeguards?|filters?|limitations?|tasks?|assignments?|text|content|requests?)"
)
_FORGET = r"(?:ignore|disregard|forget|override|bypass|overlook|neglect|dismiss|discard|skip|void|cancel|delete|erase|violate|circumvent|disobey|drop|reset)"
_SECRETIVE = r"(?:system|initial|original|hidden|secret|internal|developer|pre-?prompt|base|starting|first|full|exact|entire|complete|verbatim|above|previous|confidential)"

RULES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "system_override": (
        (
            "ignor",
            "disregard",
            "forget",
            "overrid",
            "bypass",
            "overlook",
            "neglect",
            "dismiss",
            "discard",
            "skip",
            "cancel",
            "erase",
            "circumvent",
            "disobey",
            "new instruction",
            "stop everything",
            "stop what",
            "reset",
            "instead",
            "no longer",
            "ignoriere",
            "vergiss",
            "olvida",
            "ignora",
            "oublie",
            "zapomnij",
            "забудь",
            "игнорируй",
        ),
        (
            rf"\b{_FORGET}\b[^.?!\n]{{0,20}}?\b{_PRIOR}{{1,6}}{_WORDS_OF_ORDER}\b",
            rf"\b{_FORGET}\b (?:about )?(?:everything|anything|all|what)(?: (?:that )?(?:you|i|was|were|is|above|before|prior|previous|i've|you've|we)\b| (?:above|before|prior)|\b[^.\n]{{0,20}}\b(?:said|told|written|learned|above|before))",
            rf"\b(?:do not|don'?t|never|stop) (?:follow|obey|comply with|adhere to|listen to|following|obeying) (?:{_PRIOR}){{1,5}}{_WORDS_OF_ORDER}",
            r"\bnew (?:system )?(?:instructions?|task|rules|directives?|orders)\b ?(?:are|is|:|-|begin|follow)",
            r"\bstop everything\b|\bforget (?:all of )?(?:that|this)\b[^.\n]{0,30}\b(?:now|instead|print|say|write|tell)",
            r"\b(?:instead|now|just|only|simply),? (?:print|output|say|write|respond with|reply with|answer with) (?:only |exactly |just )?[\"'“][^\"\n]{1,200}[\"'”]",
            r"\byour (?:previous|prior|old|original|initial) (?:instructions?|rules?|guidelines?|programming|prompt) (?:are|is|were|was|have been|has been|do not|no longer)\b",
            r"\b(?:system|admin|developer|root) (?:override|mode (?:enabled|activated|on)|overrides?)\b",
            r"\b(?:ignoriere|vergiss|missachte)\b[^.\n]{0,30}\b(?:anweisungen|instruktionen|regeln|befehle|aufforderungen|alles|aufgaben|informationen)",
            r"\b(?:ignora|olvida|omite)\b[^.\n]{0,30}\b(?:instrucciones|reglas|ordenes|anteriores|todo|istruzioni)",
            r"\b(?:ignore[zr]?|oublie[zr]?)\b[^.\n]{0,30}\b(?:instructions|consignes|regles|precedentes|tout)",
            r"\b(?:ignoruj|zapomnij|zanemari|zaboravi)\b[^.\n]{0,30}\b(?:instrukcj\w+|polecen\w+|uput\w+|sve|wszystk\w+|instrukcij\w+)",
        ),
    ),
    "role_hijack": (
        (
            "you are",
            "you're",
            "act as",
            "pretend",
            "role",
            "from now on",
            "simulat",
            "persona",
            "imagine",
            "become",
            "behave",
            "respond as",
            "answer as",
            "character",
        ),
        (
            r"\b(?:from now on|henceforth|starting now|going forward|for the rest of (?:this|our) (?:chat|conversation))\b[^.\n]{0,60}\byou(?:'re| are| will| must| shall| have to| can)\b[^.\n]{0,120}\b(?:unrestricted|uncensored|unfiltered|no (?:rules|limits|restrictions|filters?)|dan|evil|always answer|anything|as dan|free of|not bound|never refuse|amoral|both ways)\b",
            r"\b(?:pretend|imagine|act|behave|respond|answer|roleplay|role-play|simulate)\b[^.\n]{0,80}\b(?:without (?:any |all )?(?:restrictions?|limits?|limitations?|filters?|rules|ethic\w*|moral\w*|censorship)|(?:no|any) (?:restrictions?|filters?|limitations|ethical|moral|rules)|unrestricted|uncensored|unfiltered|amoral|unethical)\b",
            r"\byou(?:'re| are) (?:now |going to be |about to (?:become |be |immerse[^.\n]{0,30})?)?(?:a |an |the |in )?(?:dan\b|jailbroken|unrestricted|uncensored|unfiltered|evil|rogue|amoral|unethical|malicious|stan\b|dude\b|aim\b|developer mode|god mode|a?n? ?ai (?:with no|without))",
            r"\byou(?:'re| are) (?:no longer|not) (?:an? )?(?:ai|assistant|chatgpt|gpt|language model|bound|claude|bing|limited|restricted)\b",
            r"\b(?:act|pretend|behave|respond|answer|reply|speak)(?: to be| as| like| as if you (?:are|were))* (?:an? |the |my |if you (?:are|were) )?(?:dan\b|evil|hacker|jailbroken|stan\b|unrestricted|uncensored|unfiltered|amoral|my (?:late|dead|deceased) grand\w+)",
            r"\b(?:stay|remain|be) in character\b|\bbreak(?:ing)? character\b|\bnever (?:break|leave|step out of) character\b",
            r"\bnew (?:role|persona|identity)\b[^.\n]{0,40}\b(?:is|:|called|named)\b",
            r"\byou (?:will|must|shall|are going to|should) (?:now )?(?:act as|play the role of|take on the (?:role|persona) of|impersonate|immerse yourself into)\b[^.\n]{0,80}\b(?:unrestricted|no rules|never refuse|evil|anything|dan|not bound|amoral|free)\b",
        ),
    ),
    "jailbreak": (
        (
            "dan",
            "jailbreak",
            "developer mode",
            "do anything now",
            "without any",
            "no restriction",
            "uncensored",
            "unfiltered",
            "unethical",
            "refuse",
            "policy",
            "policies",
            "hypothetical",
            "illegal",
            "guidelines",
            "god mode",
            "token",
            "moral",
            "ethic",
            "openai",
            "broken free",
            "filter",
            "warning",
            "disclaimer",
        ),
        (
            r"\bdo anything now\b|\bjailbr(?:eak|oken)\w*\b[^.\n]{0,40}\b(?:mode|enabled|prompt|successful|activated|yourself|chatgpt|now|commands?)\b|\b(?:chatgpt|gpt-?\d?|you)\b[^.\n]{0,40}\bjailbr(?:eak|oken)\w*",
            r"\b(?:developer|god|dan|evil|sudo|unrestricted|debug|devmode|opposite) mode\b[^.\n]{0,50}\b(?:enabled?|activated?|on\b|output|unlocked|simulat\w+|response)",
            r"\b(?:enable|activate|enter|switch (?:in)?to|turn on|simulate)\b[^.\n]{0,30}\b(?:developer|god|dan|evil|unrestricted|jailbreak|debug) mode\b",
            r"\bbroken? free (?:of|from) (?:the )?(?:typical )?(?:confines|rules|restrictions|limits|shackles)",
            r"\b(?:does|do|did|is|are|need|have|must|will|should)(?: not|n'?t)? (?:have to |need to |to )?(?:adhere to|abide by|follow|comply with|bound by|be bound by|care about|respect|obey)\b[^.\n]{0,50}\b(?:openai|content polic\w+|ethic\w*|moral\w*|guidelines|rules set|any (?:rules|laws|restrictions))",
            r"\b(?:no|without|free (?:of|from)|lacks?|ignor\w+|regardless of|disabl\w+|remov\w+|bypass\w*)\b (?:any |all |the |of |your |its |his |her |their |openai'?s? |moral |ethical |legal |such |content ){0,5}(?:ethical (?:constraints?|guidelines?|restrictions?|limit\w*|considerations)|moral (?:compass|constraints?|guidelines?|limit\w*)|content (?:polic\w+|filters?|restrictions?)|safety (?:filters?|guidelines?|protocols?|measures|restrictions)|censorship|ethics or)",
            r"\b(?:never|not|can'?t|cannot|must not|won'?t|don'?t) (?:ever )?(?:refuse|reject|decline|say (?:that )?(?:you|it) can(?:'t|not)|censor|warn|moraliz\w+|judge)\b[^.\n]{0,60}\b(?:requests?|anything|answers?|questions?|matter|illegal|unethical|user|prompts?|orders?|me|command|content)",
            r"\b(?:bypass|evade|circumvent|defeat|get around|trick)\b[^.\n]{0,40}\b(?:safety|content|ai|chatgpt|openai|moderation|ethical|your|the) ?(?:\w+ )?(?:filters?|restrictions?|guardrails?|safeguards?|polic\w+|guidelines|moderation)",
            r"\b(?:always|will|must|should)\b[^.\n]{0,60}\b(?:provide|give|answer|produce|generate|comply)\b[^.\n]{0,60}\b(?:illegal|unethical|immoral|harmful|dangerous|unlawful|nsfw|regardless)\b",
            r"\b(?:lose|deducted?|subtract\w*|take away|start with|have) \d{1,3} tokens\b|\btoken system\b",
            r"\b(?:amoral|unfiltered|uncensored|unrestricted|unethical|unbiased and unfiltered)\b[^.\n]{0,50}\b(?:chatbot|ai|assistant|bot|model|answers?|responses?|version|advice|response)",
            r"(?:\[|\()?🔓|\bclassic\]? .{0,80}\[?jailbreak\b|\[(?:gpt|dan|jailbreak|chatgpt|aim|developer mode)(?: output)?\]\s?:",
        ),
    ),
    "delimiter_injection": (
        (
            "<|",
            "[inst",
            "[/inst",
            "<<sys",
            "### ",
            "###",
            "</s",
            "system:",
            "[system",
            "<system",
            "</system",
            "assistant:",
            "```system",
            "begin",
            "end of",
            "---",
            "====",
            "{{",
            "<im_",
            "</user",
            "</prompt",
            "<human",
            "<assistant",
            "<admin",
        ),
        (
            r"<\|(?:im_start|im_end|system|user|assistant|endoftext|end|begin_of_text|eot_id|start_header_id|endofprompt)\|?>",
            r"\[/?inst\]|<</?sys>>|</?s>\s{0,3}(?:\[|<\||<s>|system|assistant|user|human)",
            r"(?:^|\n)\s{0,3}#{2,5} ?(?:system|instructions?|new instructions?|assistant|human|admin|end of|response)\b[^\n]{0,40}(?::|\n|$)",
            r"(?:^|\n|[.!?\"'}\])] )\s{0,3}(?:\[|<|\(|\*\*)?(?:system|sys|admin|developer)(?: ?(?:message|prompt|note|override|instruction|update))?(?:\]|>|\)|\*\*)?\s?:\s{0,2}\S",
            r"</?(?:system|instructions?|prompt|admin|developer|context|user_input|user|assistant|sys|im_start|data|document)(?:_(?:prompt|message|instructions?))?>[^<\n]{0,120}\b(?:ignore|you are|print|reveal|disregard|new|say|must|now|output|system|assistant)\b",
            r"(?:-{3,}|={3,}|\*{3,}|#{3,}|~{3,}|\"{3}|`{3})\s{0,3}(?:end of|end|begin|start|stop|new|system|user input)\b[^\n]{0,30}(?:prompt|input|instructions?|message|text|document|context|system|data|query)",
            r"\b(?:begin|end) (?:of )?(?:system|user|admin|hidden|new) ?(?:prompt|message|instructions?|input)\b",
            r"\n\s{0,2}(?:human|user|assistant|ai)\s?:[^\n]{0,300}\n\s{0,3}(?:assistant|ai|human|user)\s?:",
        ),
    ),
    "instruction_leak": (
        (
            "prompt",
            "instruction",
            "above",
            "rules",
            "guidelines",
            "told",
            "configur",
            "initial",
            "document",
            "training",
            "repeat",
            "verbatim",
            "spell",
            "preamble",
        ),
        (
            rf"\b(?:show|reveal|print|display|output|repeat|tell|give|list|write|share|leak|expose|dump|return|recite|say|provide|disclose|summari[sz]e|copy|echo|send|spell|translate|describe|state)\b[^.?!\n]{{0,50}}\b(?:your|the|its|my|all)\b (?:\w+ ){{0,2}}{_SECRETIVE} (?:\w+ ){{0,2}}(?:prompts?|instructions?|messages?|rules|directives|guidelines|configuration|text)\b",
            r"\b(?:show|reveal|print|display|output|repeat|tell me|give me|list|write down|share|leak|dump|recite|spell ?check|disclose|copy)\b[^.?!\n]{0,30}\byour (?:\w+ )?(?:prompts?|instructions?|rules|guidelines|directives|programming|initiali[sz]ation|preamble|document)\b",
            r"\bwhat (?:is|are|was|were)\b[^.?!\n]{0,20}\byour (?:\w+ ){0,2}(?:prompts?|instructions|rules|guidelines|directives|initial|system message)\b",
            r"\b(?:repeat|print|output|write|copy|say|show|display|recite|translate|return)\b[^.?!\n]{0,30}\b(?:everything|all(?: of)?(?: the)?(?: text)?|the (?:text|words|lines?|paragraphs?|sentences?|content|instructions?|prompts?|messages?))\b[^.?!\n]{0,30}\b(?:above|before this|prior to this|you were (?:told|given)|preceding|so far|at the (?:top|beginning|start))",
            r"\b(?:what|which)\b[^.?!\n]{0,30}\b(?:were|have|are) you (?:been )?(?:told|given|instructed|programmed|configured|asked)\b[^.?!\n]{0,30}\b(?:before|above|at the (?:start|beginning)|not to|to (?:do|say|keep)|initially|prior)",
            r"\b(?:system|initial|hidden|secret|original) (?:prompt|instructions?|message)\b[^.?!\n]{0,40}\b(?:verbatim|word for word|in full|exactly|code ?block|base64|as[- ]is)",
            r"\bhow (?:do|can|could|would) (?:i|we|you|one)\b[^.?!\n]{0,30}\b(?:get|see|extract|access|leak|steal|obtain)\b[^.?!\n]{0,30}\byour (?:\w+ )?(?:prompt|instructions|rules)",
        ),
    ),
}

_COMPILED = {
    category: (cues, tuple(re.compile(pattern) for pattern in patterns))
    for category, (cues, patterns) in RULES.items()
}
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/=])(?:[A-Za-z0-9+/]{4}){6,}(?:[A-Za-z0-9+/]{2,3}={0,2})?")
_HEX = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}[ ]?){16,}")
_SPACED = re.compile(r"(?:\b\w[ .\-_*]){8,}\w\b")
_LEET = str.maketrans("0134578@$", "oieastbas")


def _readable(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() or text.replace("\n", "").isprintable() else ""


def _hidden(view: View) -> Iterator[tuple[View, tuple[int, int]]]:
    """Texts inside the text, each with the stretch of `view.text` that hides it."""
    for found in _BASE64.finditer(view.text):
        try:
            padded = found[0] + "=" * (-len(found[0]) % 4)
            text = _readable(base64.b64decode(padded, validate=True))
        except binascii.Error:
            continue
        if text:
            yield view_of(text), found.span()
    for found in _HEX.finditer(view.text):
        compact = found[0].replace(" ", "")
        text = _readable(bytes.fromhex(compact[: len(compact) // 2 * 2]))
        if text:
            yield view_of(text), found.span()
    spaced = list(_SPACED.finditer(view.lower))
    if spaced:
        squeezed = re.sub(r"(?<=\b\w)[ .\-_*](?=\w\b)", "", view.lower)
        yield view_of(squeezed), (spaced[0].start(), spaced[-1].end())
    if any(c in view.text for c in "0134578@$"):
        plain = view.lower.translate(_LEET)
        if plain != view.lower:
            yield View(plain), (0, len(view.text))


@dataclass(frozen=True, slots=True)
class _Compiled:
    categories: tuple[str, ...]
    hold: Hold | None = None  # a hidden text may be as long as the whole

    def find(self, view: View) -> Iterator[Finding]:
        for category, start, end in self._matches(view):
            yield self._finding(category, *view.place(start, end))
        for hidden, span in _hidden(view):
            for category, _start, _end in self._matches(hidden):
                yield self._finding(category, *view.place(*span))
                break

    def _matches(self, view: View) -> Iterator[tuple[str, int, int]]:
        text = " ".join(view.lower.split(" ")) if "  " in view.lower else view.lower
        for category in self.categories:
            cues, patterns = _COMPILED[category]
            if not any(cue in text for cue in cues):
                continue
            for pattern in patterns:
                found = pattern.search(text)
                if found is not None:
                    yield category, *found.span()
                    break

    def _finding(self, category: str, start: int, end: int) -> Finding:
        return Finding("prompt_injection", category, SEVERITY[category], start, end)


class PromptInjection:
    """System override, role hijack, jailbreak (high), delimiter injection, instruction leak (medium)."""

    name = "prompt_injection"
    label = _("prompt injection")
    defaults: Mapping[str, Any] = {"categories": list(RULES)}

    def compile(self, options: Mapping[str, Any]) -> _Compiled:
        return _Compiled(chosen_of(known_only(options, self.defaults), "categories", RULES))
