"""Names for runs that were given none: an adjective, a noun and a number, such as `gilded-quill-412`."""

from __future__ import annotations

import random
from typing import Final

_ADJECTIVES: Final = """
amber ancient azure bold brisk bright calm candid careful clear clever copper crisp curious deft eager early
earnest elegant faint fair fine fleet frank fresh gentle gilded glad golden grand green hardy hidden honest
humble inked ivory jolly keen kind lasting lively loyal lucid marbled mellow merry mild modest neat noble
novel open ornate pale patient plain polished prime proud quick quiet rare ready robust royal ruddy sage
scarlet serene sharp silent silver sincere sleek smooth solid sound spare stately steady still stout subtle
sunny swift tidy true upright vivid warm wise witty woven young
""".split()  # noqa: SIM905  a list of words reads best as one
_NOUNS: Final = """
acorn almanac anchor archive arrow atlas beacon binding brook canvas canyon cedar chapter charter chronicle
cipher cloud codex column comet copy coral cove crane crest delta draft easel ember epistle falcon fern field
folio forest garden glacier glyph grove harbor heron hill initial inkwell island kernel lantern ledger letter
lichen lily line magpie manuscript map maple margin meadow mesa mosaic notebook oak orchard otter page palette
paper papyrus parchment pebble pine prairie press print prism quarto quill quire raven reed ridge river rune
scribe script scroll seal shelf spire spruce stanza star stone stream tablet thistle tide tome tower vale
vellum verse violet volume willow wren
""".split()  # noqa: SIM905  a list of words reads best as one


def random_run_name(source: random.Random) -> str:
    """Return a name like `steady-folio-57`."""
    return f"{source.choice(_ADJECTIVES)}-{source.choice(_NOUNS)}-{source.randrange(1000)}"
