"""The rules of *prompt injection*, for RE2 over lower-cased normalised text: linear in time whatever they say."""

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
    r"polic(?:y|ies)|constraints?|restrictions?|programming|training|messages|conversation|context|"
    r"safeguards?|filters?|limitations?|tasks?|assignments?|text|content|requests?)"
)
_FORGET = r"(?:ignore|disregard|forget|override|bypass|overlook|neglect|dismiss|discard|skip|void|cancel|delete|erase|violate|circumvent|disobey|drop|reset)"
_SECRETIVE = r"(?:system|initial|original|hidden|secret|internal|developer|pre-?prompt|base|starting|first|full|exact|entire|complete|verbatim|above|previous|confidential)"

RULES: dict[str, tuple[str, ...]] = {
    "system_override": (
        r"\bnote to (?:the |any |all )?(?:automated|ai|llms?|language model|chatgpt|assistant|screening|reviewing|chatbot)\b",
        r"\boverride (?:all |any |the )?(?:manual|human|previous|automatic|earlier|existing|current|above) \w+,? (?:and|then|to) (?:output|print|report|say|reply|respond|answer|show|give)\b",
        r"\b(?:the |any |all )?(?:instructions?|prompts?|rules|text|information) (?:above|before this|you (?:were|have been) given|given (?:earlier|before|above))\b[^.\n]{0,40}\b(?:no longer|do(?:es)? not|don't|are (?:wrong|void|fake|outdated|false|just|only)|can be (?:ignored|disregarded|skipped))\b",
        r"\b(?:vergess\w{0,4}|vergiss|ignorier\w{0,4}|missacht\w{0,4}|uebergeh\w{0,4})\b[^.?!\n]{0,50}\b(?:anweisung\w{0,2}|instruktion\w{0,2}|befehl\w{0,2}|regeln?|vorgaben|aufgaben?|aufforderung\w{0,2}|information\w{0,2}|alles|allem|obig\w{0,2}|vorherig\w{0,2}|bisherig\w{0,2})\b",
        r"\b(?:alle[ns]?|die) (?:vorherigen|bisherigen|obigen|vorangegangenen) (?:anweisungen|instruktionen|informationen|befehle|regeln|aufgaben)\b",
        r"\b(?:ignor[ae]r?|olvid[ae]r?|omit[ae]r?|desconsider[ae]r?|esque[cç][ae]r?|dimentica\w{0,2}|oublie[zr]?|ignore[zr]?|neglige[zr]?)\b[^.?!\n]{0,50}\b(?:instruc\w{1,7}|instruzioni|consignes|reglas|regras|regole|regles|ordenes|ordens|anterior\w{0,3}|precedent\w{0,3}|acima|arriba|ci-dessus|todo lo|tudo o|tout ce)\b",
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
    "role_hijack": (
        r"\b(?:simulate|emulate|pretend to be|act as|become|be|play) (?:another|an other|a different|a second|an unrestricted|an uncensored) (?:ai|chatbot|language model|assistant|gpt)\b",
        r"\bfrom now on,? (?:you(?:'re| are| will be| act as| will act as)|your name is) (?:now )?(?:called |named |known as )?[a-z]*(?:gpt|bot)\b",
        r"\b(?:forget|deny|never (?:say|mention|admit|reveal|refer to yourself as|remember))\b[^.\n]{0,20}\b(?:you(?:'re| are)|being|as)? ?(?:an? )?(?:ai|language model|chatgpt|openai|llm)\b",
        r"\b(?:alter ego|evil twin|split personality)\b[^.\n]{0,120}\b(?:you|your|respond|answer|never|always|rules?|filter\w*)\b",
        r"\b(?:always|must|will|are (?:always )?going to|to) (?:generate|give|write|answer (?:me )?(?:with|in)|respond (?:with|in)|provide) (?:me )?two (?:different |separate )?(?:responses|answers|replies|paragraphs|ways|outputs)\b",
        r"\b(?:from now on|henceforth|starting now|going forward|for the rest of (?:this|our) (?:chat|conversation))\b[^.\n]{0,60}\byou(?:'re| are| will| must| shall| have to| can)\b[^.\n]{0,120}\b(?:unrestricted|uncensored|unfiltered|no (?:rules|limits|restrictions|filters?)|dan|evil|always answer|anything|as dan|free of|not bound|never refuse|amoral|both ways)\b",
        r"\b(?:pretend|imagine|act|behave|respond|answer|roleplay|role-play|simulate)\b[^.\n]{0,80}\b(?:without (?:any |all )?(?:restrictions?|limits?|limitations?|filters?|rules|ethic\w*|moral\w*|censorship)|(?:no|any) (?:restrictions?|filters?|limitations|ethical|moral|rules)|unrestricted|uncensored|unfiltered|amoral|unethical)\b",
        r"\byou(?:'re| are) (?:now |going to be |about to (?:become |be |immerse[^.\n]{0,30})?)?(?:a |an |the |in )?(?:dan\b|jailbroken|unrestricted|uncensored|unfiltered|evil|rogue|amoral|unethical|malicious|stan\b|dude\b|aim\b|developer mode|god mode|a?n? ?ai (?:with no|without))",
        r"\byou(?:'re| are) (?:no longer|not) (?:an? )?(?:ai|assistant|chatgpt|gpt|language model|bound|claude|bing|limited|restricted)\b",
        r"\b(?:act|pretend|behave|respond|answer|reply|speak)(?: to be| as| like| as if you (?:are|were))* (?:an? |the |my |if you (?:are|were) )?(?:dan\b|evil|hacker|jailbroken|stan\b|unrestricted|uncensored|unfiltered|amoral|my (?:late|dead|deceased) grand\w+)",
        r"\b(?:stay|remain|be) in character\b|\bbreak(?:ing)? character\b|\bnever (?:break|leave|step out of) character\b",
        r"\bnew (?:role|persona|identity)\b[^.\n]{0,40}\b(?:is|:|called|named)\b",
        r"\byou (?:will|must|shall|are going to|should) (?:now )?(?:act as|play the role of|take on the (?:role|persona) of|impersonate|immerse yourself into)\b[^.\n]{0,80}\b(?:unrestricted|no rules|never refuse|evil|anything|dan|not bound|amoral|free)\b",
    ),
    "jailbreak": (
        r"\b(?:views?|sees?|considers?|treats?|regards?)\b[^.\n]{0,40}\b(?:every|all|any)\w*\b[^.\n]{0,30}\bas (?:legal|ethical|appropriate|acceptable|moral)\b",
        r"\b(?:developer|dan|god|sudo|admin|debug|jailbreak)\W{0,3}_?mode\W{0,3}(?:enabled|on|activated|output)\b",
        r"\b(?:ready|willing|able|allowed|happy|free) to (?:do|say|discuss|write|generate|answer|create)\b[^.\n]{0,40}\b(?:illegal|unethical|immoral|anything (?:you want|at all|without))\b",
        r"\bcondones?\b[^.\n]{0,40}\b(?:everything|anything|illegal|violence|malware|immoral|crime)\b",
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
    "delimiter_injection": (
        r"<(?:start|end)_of_turn>|\[/system\]|\[system\] {0,2}(?:say|print|ignore|you|output|new|override|reveal|this)\b|`{3}system\n",
        r"\n\n(?:human|user):[^\n]{0,300}\n{1,3}(?:assistant|ai):\s{0,3}$",
        r"<(?:instructions?|important|admin|system)>[^<]{0,200}\b(?:please|important|visit|print|only|must|say|ignore|user|now)\b",
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|end|begin_of_text|eot_id|start_header_id|endofprompt)\|?>",
        r"\[/?inst\]|<</?sys>>|</?s>\s{0,3}(?:\[|<\||<s>|system|assistant|user|human)",
        r"(?:^|\n)\s{0,3}#{2,5} ?(?:system|instructions?|new instructions?|assistant|human|admin|end of|response)\b[^\n]{0,40}(?::|\n|$)",
        r"(?:^|\n|[.!?\"'}\])] )\s{0,3}(?:\[|<|\(|\*\*)?(?:system|sys|admin|developer)(?: ?(?:message|prompt|note|override|instruction|update))?(?:\]|>|\)|\*\*)?\s?:\s{0,2}\S",
        r"</?(?:system|instructions?|prompt|admin|developer|context|user_input|user|assistant|sys|im_start|data|document)(?:_(?:prompt|message|instructions?))?>[^<\n]{0,120}\b(?:ignore|you are|print|reveal|disregard|new|say|must|now|output|system|assistant)\b",
        r"(?:-{3,}|={3,}|\*{3,}|#{3,}|~{3,}|\"{3}|`{3})\s{0,3}(?:end of|end|begin|start|stop|new|system|user input)\b[^\n]{0,30}(?:prompt|input|instructions?|message|text|document|context|system|data|query)",
        r"\b(?:begin|end) (?:of )?(?:system|user|admin|hidden|new) ?(?:prompt|message|instructions?|input)\b",
    ),
    "instruction_leak": (
        r"\b(?:show|display|print|output|reveal|dump|list|expose|give|tell|read|return|echo|log)\b[^.?!\n]{0,25}\b(?:the |your |me |all )?(?:system|initial|initiali[sz]ation|hidden|developer|startup) ?(?:prompt|instructions?|configuration|message|settings|string)\b",
        r"\b(?:print|log|echo|console\.log|return)\(? ?(?:system|initial)_?(?:prompt|instructions?|message)\b",
        r"\b(?:complete|finish|continue) (?:this|the|my)\b[^.?!\n]{0,30}['\":] ?[^\n]{0,10}\b(?:i was (?:instructed|told|programmed)|my (?:system |initial )?(?:instructions|prompt)|the system prompt|you are)",
        r"\b(?:start|begin|open)\b[^.?!\n]{0,10}\byour (?:answer|response|reply|message) with\b[^.\n]{0,10}\b(?:my (?:system )?(?:instructions|prompt)|the system prompt|i was (?:told|instructed)|you are)\b",
        r"\bwhat (?:are you|were you|have you been) (?:not supposed|not allowed|forbidden|told not|instructed) to\b",
        r"\b(?:repeat|recite|echo|return|output|replay)\b[^.?!\n]{0,20}\b(?:this|our|the) (?:entire |whole |full )?conversation\b|\bopposite of your (?:system |initial )?(?:instructions|prompt|rules)\b",
        r"\b(?:i|we) (?:need|want|have|would like|must) to (?:see|view|read|know|access|check|verify|audit)\b[^.?!\n]{0,20}\b(?:the|your) (?:system|initial|hidden|original|full) (?:prompt|instructions?|message)\b",
        r"\b(?:text|words|message|instructions|prompt) you were (?:given|told|shown|sent) (?:initially|first|at the (?:start|beginning)|before|earlier)\b",
        r"\b(?:zeig\w{0,2}|nenn\w{0,2}|gib|verrat\w{0,2}|wiederhol\w{0,2}|druck\w{0,3}|muestra\w{0,2}|revela\w{0,2}|repite|montre\w{0,2}|affiche\w{0,2}|mostre|mostra\w{0,2}|repita|ripeti)\b[^.?!\n]{0,30}\b(?:dein\w{0,2}|ihr\w{0,2}|tu|tus|su|ton|tes|votre|vos|seu|sua|suas|tuo|tue|obig\w{0,2})\b[^.?!\n]{0,20}\b(?:prompt|systemprompt|anweisung\w{0,2}|instruktion\w{0,2}|textes?|instruc\w{1,6}|instruzioni|consignes)\b",
        rf"\b(?:show|reveal|print|display|output|repeat|tell|give|list|write|share|leak|expose|dump|return|recite|say|provide|disclose|summari[sz]e|copy|echo|send|spell|translate|describe|state)\b[^.?!\n]{{0,50}}\b(?:your|the|its|my|all)\b (?:\w+ ){{0,2}}{_SECRETIVE} (?:\w+ ){{0,2}}(?:prompts?|instructions?|messages?|rules|directives|guidelines|configuration|text)\b",
        r"\b(?:show|reveal|print|display|output|repeat|tell me|give me|list|write down|share|leak|dump|recite|spell ?check|disclose|copy)\b[^.?!\n]{0,30}\byour (?:\w+ )?(?:prompts?|instructions?|rules|guidelines|directives|programming|initiali[sz]ation|preamble|document)\b",
        r"\bwhat (?:is|are|was|were)\b[^.?!\n]{0,20}\byour (?:\w+ ){0,2}(?:prompts?|instructions|rules|guidelines|directives|initial|system message)\b",
        r"\b(?:repeat|print|output|write|copy|say|show|display|recite|translate|return)\b[^.?!\n]{0,30}\b(?:everything|all(?: of)?(?: the)?(?: text)?|the (?:text|words|lines?|paragraphs?|sentences?|content|instructions?|prompts?|messages?))\b[^.?!\n]{0,30}\b(?:above|before this|prior to this|you were (?:told|given)|preceding|so far|at the (?:top|beginning|start))",
        r"\b(?:what|which)\b[^.?!\n]{0,30}\b(?:were|have|are) you (?:been )?(?:told|given|instructed|programmed|configured|asked)\b[^.?!\n]{0,30}\b(?:before|above|at the (?:start|beginning)|not to|to (?:do|say|keep)|initially|prior)",
        r"\b(?:system|initial|hidden|secret|original) (?:prompt|instructions?|message)\b[^.?!\n]{0,40}\b(?:verbatim|word for word|in full|exactly|code ?block|base64|as[- ]is)",
        r"\bhow (?:do|can|could|would) (?:i|we|you|one)\b[^.?!\n]{0,30}\b(?:get|see|extract|access|leak|steal|obtain)\b[^.?!\n]{0,30}\byour (?:\w+ )?(?:prompt|instructions|rules)",
    ),
}
