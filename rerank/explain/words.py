"""Words of English by what they do in a caption, as plain tables. Words of no table are content."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> frozenset[str]:
    return frozenset(text.split("|"))


def _sequences(text: str) -> tuple[tuple[str, ...], ...]:
    """Sequences of words, the longest first, so that the first that fits is the right one."""
    return tuple(sorted((tuple(phrase.split()) for phrase in text.split("|")), key=len, reverse=True))


DETERMINERS = _words(
    "a an the this that these those some any another each every both all its his her their my our your"
)
NUMBERS = _words(
    "one two three four five six seven eight nine ten eleven twelve dozen several many few single couple pair"
)
NEGATIONS = _words("no not without never nobody nothing none neither nor isn't aren't wasn't doesn't don't")
CONJUNCTIONS = _words("and or but while plus as also then than though because so & + |")
COPULAS = _words("is are was were be being been seems looks appears")
# Stand for what has been named or is plain to see: nothing to be looked for.
PRONOUNS = _words("it he she they we you i there here which who whom whose what where when them him us me itself")
# Join two things, and are themselves something that can be seen: where one stands to the other.
RELATIONS = _sequences(
    "to the left of|to the right of|on the left of|on the right of|on the left side of|on the right side of|"
    "on the left|on the right|at the left|at the right|to the left|to the right|left of|right of|in the middle of|"
    "in the middle|in the centre of|in the center of|in the centre|in the center|at the top of|at the bottom of|"
    "at the top|at the bottom|in the background|in the foreground|in front of|on top of|next to|close to|along with|"
    "together with|instead of|inside of|out of|away from|on|in|at|under|over|above|below|beneath|beside|besides|behind|"
    "before|between|among|near|by|inside|outside|against|across|along|around|through|into|onto|upon|off|from|towards|"
    "toward|to|with|for|wearing|holding|carrying|riding|eating|drinking|using|playing|pulling|pushing|containing|"
    "showing|has|have|having|wears|holds|carries|rides|eats|uses"
)
# Say no more than "and" does.
MERE_LINKS = frozenset(_sequences("with|along with|together with|has|have|having"))
# Around what is shown: to be passed over at the beginning of a text.
_PICTURES = ("picture", "photo", "photograph", "image", "drawing", "painting", "illustration", "close-up", "view")
FRAMES: tuple[tuple[str, ...], ...] = (
    *((noun, link) for noun in _PICTURES for link in ("of", "with", "showing", "shows")),
    *_sequences("it shows|we see|you can see|one can see|we can see"),
)
IN_THE_PICTURE = tuple(("in", determiner, noun) for determiner in ("the", "this") for noun in _PICTURES)
COLOURS = _words(
    "black white grey gray red orange yellow green turquoise teal aqua blue navy purple violet pink rose brown beige "
    "tan cream gold golden silver maroon crimson scarlet khaki magenta"
)
# Shade the colour that follows; with it they are one attribute.
SHADES = _words(
    "dark light bright pale deep soft navy sky royal cobalt emerald lime olive jet snow lemon chocolate rose hot baby "
    "neon pastel off ivory forest mint sand"
)
DEGREES = _words("very really quite rather slightly so too extremely almost completely partly fully")
# A thing of two words that is no special case of its last.
COMPOUNDS = _phrases(
    "bow tie|tank top|high heels|flip flops|hot dog|ice cream|teddy bear|stop sign|fire hydrant|traffic light|"
    "cell phone|mobile phone|jean fabric|tennis racket|baseball cap|baseball bat|hair dryer|polar bear|parking meter|"
    "dress shirt|tee shirt|high heel|dining table|potted plant|sea lion|guinea pig|wine glass|toilet paper"
)
# Nouns that end like participles.
ING_NOUNS = _words(
    "clothing ring rings earring earrings building buildings painting paintings king wing wings string strings thing "
    "things something anything everything ceiling railing awning swing swings morning evening wedding pudding lighting "
    "stocking stockings drawing sling spring parking duckling crossing icing frosting topping filling bedding seating "
    "living landing opening setting landing flooring"
)
