"""Words and turns of phrase that no picture can prove, by kind; regular expressions, in lower case."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OPINIONS = (
    r"beautiful(?:ly)?|gorgeous|stunning|amazing|awesome|lovely|nice|nicely|adorable|cute|charming|delightful",
    r"elegant(?:ly)?|stylish|chic|trendy|fashionable|timeless|iconic|luxur(?:y|ious)|sophisticated|tasteful",
    r"best|better|greatest|perfect(?:ly)?|ideal|excellent|fantastic|wonderful|brilliant|superb|outstanding|incredible",
    r"great(?! (?:dane|white|wall|horned|blue|pyrenees|egret|ape))|good|bad|ugly|awful|terrible|boring|interesting",
    r"high[- ]quality|top[- ]quality|quality|premium|superior|top[- ]notch|world[- ]class|first[- ]class|must[- ]have",
    r"unique|exclusive|versatile|flattering|attractive|impressive|special|favou?rite|popular|eye[- ]catching",
    r"pretty(?! much)|fabulous|magnificent|breathtaking|exquisite|sexy|weird|funny|hilarious|exciting|romantic",
)
INVISIBLE: tuple[tuple[str, str], ...] = (
    (
        "a price",
        r"[$€£¥]\s?\d+(?:[.,]\d+)*|\d+(?:[.,]\d+)*\s?"
        r"(?:[$€£¥]|euros?\b|eur\b|dollars?\b|usd\b|pounds? sterling\b|cents?\b)|"
        r"\b(?:cheap|expensive|affordable|overpriced|inexpensive|discount(?:ed)?|bargain|on sale|half price|low price|"
        r"free shipping|free delivery|value for money|money[- ]back|in stock|out of stock)\b",
    ),
    (
        "a measure",
        r"\b\d[\d.,]*\s?(?:x\s?\d[\d.,]*\s?)*(?:cm|mm|km|m|metres?|meters?|centimetres?|centimeters?|inch(?:es)?|in\.|ft|"
        r"feet|kg|g|grams?|lbs?|oz|ml|cl|l|litres?|liters?|gb|tb|mah|watts?|w|volts?|v|°c|degrees)(?![\w])|"
        r"\b\d[\d.,]*\s?(?:\"|”|″|')(?=[\s,.;)x]|$)|\b(?:in )?sizes? (?:xxs|xs|s|m|l|xl|xxl|small|medium|large|\d+)\b|"
        r"\bone[- ]size(?:[- ]fits[- ]all)?\b|\b\d+\s?%",
    ),
    (
        "how it feels or wears",
        r"\b(?:comfortable|comfortably|comfy|cosy|cozy|breathable|lightweight|durable|long[- ]lasting|hard[- ]wearing|"
        r"waterproof|water[- ]resistant|windproof|machine[- ]wash(?:able)?|washable|easy[- ]care|easy to clean|"
        r"dishwasher[- ]safe|hypoallergenic|non[- ]toxic|soft to the touch|keeps? you (?:warm|cool|dry)|itchy|"
        r"ergonomic|heavy[- ]duty|easy to use|rechargeable)\b",
    ),
    (
        "where it comes from or whose it is",
        r"\b(?:made in (?!(?:a|the) )\w+|imported|hand[- ]?made|handcrafted|hand[- ]crafted|organic|sustainabl[ey]|"
        r"eco[- ]friendly|fair[- ]trade|vegan|recycled|authentic|genuine|original|designer|branded|brand[- ]new|"
        r"second[- ]hand|pre[- ]owned|refurbished|belongs? to|owned by|bought|borrowed|stolen|inherited|"
        r"best[- ]?seller|bestselling|award[- ]winning|limited edition|new arrival|new collection|warranty|"
        r"guaranteed?|certified|patented|since \d{4})\b",
    ),
    (
        "a smell, taste or sound",
        r"\b(?:smell(?:s|ing|y)?|scented|fragran(?:t|ce)|perfumed|odou?rless|delicious|tasty|tast(?:es|ing)|yummy|"
        r"flavou?rful|sweet[- ]smelling|loud(?:ly)?|noisy|silent(?:ly)?|quiet(?:ly)?|sounds? like)\b",
    ),
    (
        "a time",
        r"\b(?:yesterday|tomorrow|today|tonight|last (?:week|month|year|summer|winter|spring|autumn|season|night)|"
        r"next (?:week|month|year|season)|this (?:week|month|year|season)|"
        r"(?:on )?(?:mon|tues|wednes|thurs|fri|satur|sun)days?(?: (?:morning|evening|night))?|"
        r"in (?:january|february|march|april|may|june|july|august|september|october|november|december)|"
        r"(?:in|from|since) (?:1[5-9]|20)\d\d|\d{1,2}(?::\d\d)? ?[ap]\.?m|"
        r"\d+ (?:years?|months?|days?|hours?|minutes?)(?: old| ago| later)?)\b",
    ),
    (
        "a thought, a wish or a purpose",
        r"\b(?:thinks?|thinking about|wants? to|wishes|hopes? to|hoping|plans? to|remembers?|loves|likes|because|"
        r"in order to|(?:is|are|was) about to|suitable for|designed (?:for|to)|intended for|goes well with|"
        r"any occasion|every occasion|everyday (?:wear|use)|as a gift|a great gift|gift idea)\b",
    ),
)
NEGATIONS = (
    r"(?:no(?! (?:parking|smoking|entry|stopping|trespassing|\d))|not|without|never|nobody|nothing|none|neither|nor|"
    r"cannot|\w+n['’]t|lack(?:s|ing)|missing|free of|except)"
)
FILLERS = (
    r"(?:etc\b\.?|and so on|and more|and much more|stuff|various|some kind of|some sort of|kind of|sort of|"
    r"as shown|as pictured|as seen (?:here|above|below)|see (?:the )?(?:picture|photo|image)s?|and the like|or similar|"
    r"or something|basically|actually|literally)"
)
# A text of these alone says nothing.
SAYS_NOTHING = _words(
    "a an the this that these those some any it is are there here i we you see of in on at with and or my your our its "
    "thing things stuff something anything everything image picture photo photograph pic item items product object "
    "objects one very really so just show shows showing nice good great ok okay yes no hello hi test"
)
QUESTION_STARTS = (
    r"(?:what|who|where|when|why|how|whose|which)\b(?! a\b)(?=.*)|"
    r"(?:is|are|does|do|did|has|have|can|could|would|should|will|was|were)\s+"
    r"(?:the|an?|this|that|these|those|there|it|he|she|they|you|we|i|any|some|someone|anyone)\b"
)
COMMAND_STARTS = (
    r"(?:please\b|(?:show|give|tell|find|fetch|get|bring)\s+(?:me|us|all|any|the|a|an|pictures?|images?|photos?|every)\b|"
    r"(?:search|look)\s+(?:for|at)\b|(?:buy|shop|order|click|call|subscribe|add|try|choose|discover|enjoy|treat|pair|"
    r"wear|make|let|check|see|browse|explore|get|keep|bring|experience|upgrade|combine)\s+"
    r"(?:now|here|it|this|these|your|yourself|today|online|us|them|with|to|from|out|our|the|a|an|on|by)\b|"
    r"don['’]t\s+\w+|do not\s+\w+)"
)
NUMBER_WORDS = (
    "eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|"
    "seventy|eighty|ninety|hundreds?|thousands?|millions?|dozens"
)
# Small words that English does not have, or hardly.
FOREIGN: dict[str, frozenset[str]] = {
    "German": _words(
        "der das und mit ein eine einen einem einer auf für nicht ist von im dem den zu bei über oder auch neben unter "
        "vor zwei drei sind rote roter rotes blaue blauer blaues schwarze weiße grüne"
    ),
    "French": _words(
        "le la les un une des et avec dans sur pour est du au aux qui sous deux trois rouge bleu bleue noir noire "
        "blanc blanche vert verte il elle son sa ses"
    ),
    "Spanish": _words(
        "el los las una unos unas y con por para del es en la de sobre dos tres rojo roja azul negro negra blanco "
        "blanca verde que se junto"
    ),
    "Italian": _words(
        "il lo gli una uno di con per che della del nel nella sul sulla e è due tre rosso rossa blu nero nera bianco "
        "bianca verde un la"
    ),
    "Portuguese": _words(
        "os as um uma com para não do da dos das em no na sobre e é dois duas vermelho vermelha azul preto preta "
        "branco branca verde que"
    ),
    "Dutch": _words(
        "het een van en met op voor niet zijn de twee drie rode blauwe zwarte witte groene naast onder boven"
    ),
    "Swedish, Danish or Norwegian": _words(
        "och og en ett et med på är er som av til till två to tre röd röda blå svart vit grön rød hvit hvid"
    ),
    "Polish": _words("i w na z się nie jest oraz dla pod przy dwa trzy czerwona czerwony niebieski czarny"),
    "Turkish": _words("ve bir ile için üç iki kırmızı mavi siyah beyaz yeşil üzerinde"),
}
ENGLISH = _words(
    "the a an of and with on in is are at to for from by under over near next two three red blue black white green "
    "this that it as his her their there no not or into while who"
)
