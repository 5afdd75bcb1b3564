"""Colours of words: a prompt -> its palette, exactly the colours that it names, from dark to light.

Colour names are those that people gave most often (XKCD survey, CC0, and CSS: 1,019 of them in
``colours.tsv``), hex colours, and moods, which stand for several. What names neither has the colours that
its motif has by nature.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np

from phosphene.palettes import PLACES, FloatArray, from_oklab, to_oklab


@dataclass(frozen=True)
class Mood:
    """A palette known by its mood: hex stops and how dark and light its ends are, 0..1."""

    words: tuple[str, ...]
    stops: tuple[str, ...]
    dark: float = 0.9
    light: float = 0.7


def _mood(words: str, stops: str, dark: float = 0.9, light: float = 0.7) -> Mood:
    return Mood(tuple(w.strip() for w in words.split(",")), tuple(stops.split()), dark, light)


MOODS = (
    _mood(
        "fiery, hot, burning, molten lava, magma, volcanic, hell", "8a0f04 f04a00 ffc21a", 1.0, 0.9
    ),
    _mood("ocean, underwater, aquatic, deep sea, marine, water", "04305e 0a7fb0 54e0d8", 1.0, 0.7),
    _mood("forest, jungle, mossy, nature, woodland, leaves", "0b3d16 2f8f2f b6dd5a", 0.9, 0.5),
    _mood("icy, frozen, arctic, winter, snow, frost, cold", "1e4f8a 7cc4f0 eaf8ff", 0.6, 1.0),
    _mood("golden, gilded, honey, treasure, gold leaf, luxury", "6b4206 d99a16 ffe38a", 1.0, 0.9),
    _mood(
        "neon, cyberpunk, blade runner, nightclub, electric, rave", "1b0a4a ff1fa8 19f0ff", 1.0, 0.5
    ),
    _mood(
        "pastel, candy, cotton candy, soft pastel, sweet, baby colors",
        "f7b7d2 c9c3f7 bdf0dc",
        0.1,
        0.9,
    ),
    _mood(
        "sunset, dusk, twilight sky, evening sun, tropical sunset", "43215e e0485a ffb257", 0.8, 0.7
    ),
    _mood("midnight, nocturnal, night, moonlit, dark blue night", "070b2e 1c2f8f 6a86e8", 1.0, 0.6),
    _mood(
        "monochrome, black and white, grayscale, noir, ink drawing",
        "2a2a2a 8c8c8c f2f2f2",
        1.0,
        1.0,
    ),
    _mood(
        "rainbow, colorful, multicolored, spectrum, prismatic, holographic",
        "e8203a f5d90a 1fae5a 2456e8",
        0.3,
        0.2,
    ),
    _mood("psychedelic, acid, trippy, hallucinogenic, lsd", "e612c8 f5e60a 0ad18a", 0.7, 0.5),
    _mood(
        "toxic, radioactive, poison, alien, venom, slime green", "0a2a06 4ad10a d8ff3a", 1.0, 0.7
    ),
    _mood(
        "royal, imperial, majestic, violet dream, mystic, magical", "2c0a5e 8a2be2 e0b0ff", 0.9, 0.7
    ),
    _mood("autumn, fall leaves, rustic, harvest, october", "5a1f0a c8551b e8b23a", 0.8, 0.6),
    _mood("spring, fresh, cherry blossom, sakura, meadow", "ff9ec7 ffe3ee 8fd66a", 0.25, 0.8),
    _mood("blood, vampire, gothic, horror, evil, demon", "240006 8f0616 e8202e", 1.0, 0.4),
    _mood("copper, bronze, steampunk, brass, rusty, metal", "3a1a0a b0602a f0c08a", 1.0, 0.7),
    _mood("silver, steel, chrome, platinum, metallic, robot", "20262e 8a98a8 e8f0f8", 1.0, 1.0),
    _mood("cosmic, galactic, space, ethereal, astral, universe", "12063a 6a2ad0 ff6ad0", 1.0, 0.8),
    _mood("desert, sandy, sahara, dry, earth, clay", "7a3a1a d9985a f5dcae", 0.7, 0.7),
    _mood("tropical, caribbean, paradise, summer, beach", "0a9aa0 ffd23a ff5a6a", 0.4, 0.6),
    _mood("emerald, jade, irish, absinthe", "02301c 0a9a5a 8af0b8", 1.0, 0.7),
    _mood("sapphire, cobalt, electric blue, royal blue", "04104a 1444d8 7ab8ff", 1.0, 0.7),
    _mood("ruby, scarlet, cherry, wine, passion, love", "3a0212 d0103a ff8a9a", 1.0, 0.7),
    _mood("amethyst, lavender, purple haze, lilac", "2a0f4a 8f5ad0 e0c8ff", 0.8, 0.8),
    _mood("vintage, retro, sepia, nostalgic, seventies", "4a2a1a c88a4a 3a8a82", 0.6, 0.6),
    _mood("lemon, sunny, happy, sunshine, bright yellow", "e8a80a ffe02a fff6a8", 0.3, 0.9),
    _mood("vaporwave, synthwave, miami, eighties, retrowave", "2a1068 ff5ac8 4af0f0", 0.9, 0.5),
    _mood("dreamy, heavenly, angelic, calm, peaceful, serene", "8fb8f0 f0d0f0 fff6e0", 0.15, 0.9),
    _mood("gloomy, sad, melancholic, rainy, stormy, lonely", "1a242e 4a6070 9ab0bc", 0.9, 0.5),
    _mood("coffee, chocolate, wooden, brown earth, cinnamon", "28140a 7a4520 d8a878", 0.9, 0.6),
)

COLOURS = {
    "red": "e01b24", "crimson": "c8102e", "scarlet": "ff2a12", "maroon": "7a0c24", "coral": "ff7f5c",
    "orange": "ff6a00", "amber": "ffb414", "gold": "e6ac1e", "yellow": "ffe01e", "lime": "aeea1e",
    "green": "1eaa46", "emerald": "12b46e", "olive": "7d8c28", "mint": "96f0c8", "teal": "0c8c8c",
    "turquoise": "28d2c8", "cyan": "1ee0f5", "blue": "1e50e6", "navy": "142878", "azure": "2896ff",
    "indigo": "4628b4", "violet": "8c3cf0", "purple": "8220b4", "lavender": "bea0f5",
    "magenta": "f01eb4", "hot pink": "ff2a96", "pink": "ff82be", "rose": "f54678",
    "brown": "82502d", "copper": "c3733c", "beige": "e6d7b4", "white": "fafafa", "silver": "bec3cd",
    "grey": "828282", "black": "0a0a0e",
}  # fmt: skip
ALSO = {
    "golden": "gold", "ochre": "gold", "mustard": "gold", "gray": "grey", "aqua": "cyan",
    "fuchsia": "magenta", "lilac": "lavender", "mauve": "lavender", "amethyst": "violet",
    "plum": "purple", "ruby": "crimson", "burgundy": "maroon", "wine": "maroon", "salmon": "coral",
    "peach": "coral", "tangerine": "orange", "honey": "amber", "lemon": "yellow", "chartreuse": "lime",
    "jade": "emerald", "sapphire": "blue", "cobalt": "blue", "rust": "copper", "bronze": "copper",
    "chocolate": "brown", "sepia": "brown", "ivory": "beige", "cream": "beige", "vermilion": "scarlet",
    "raspberry": "rose", "cerulean": "azure", "ultramarine": "indigo", "periwinkle": "lavender",
    "khaki": "olive", "auburn": "copper", "ebony": "black",
}  # fmt: skip
"""other words for them, in the text only"""

NATURAL = {
    "fiery": "fire lava_lamp rays burst",
    "ocean": "waves caustics ripples bubbles rain_glass ink",
    "forest": "plant grass",
    "icy": "snow crystal web",
    "golden": "mandala dunes hexagons phyllotaxis scales",
    "neon": "grid tunnel neon_curves truchet cubes dots spectrum ring_spectrum lissajous skyline disco",
    "sunset": "mountains clouds terrain",
    "midnight": "stars",
    "monochrome": "checker spiral moire smoke",
    "rainbow": "liquid kaleidoscope stained_glass fireworks stripes weave",
    "psychedelic": "plasma julia mandelbrot hyperbolic",
    "toxic": "code_rain circuit reaction oscilloscope",
    "royal": "silk vortex lightning lace",
    "cosmic": "nebula galaxy starfield orb flame attractor",
    "emerald": "aurora cells",
    "ruby": "flower",
    "copper": "marble chladni flow_field",
    "vaporwave": "glitch rings helix",
    "sapphire": "iris",
    "coffee": "labyrinth",
}
"""the mood, by its first word, that a family has by nature"""

# words that mean something else as well: a picture of snow is not snow-white, a dark one is no colour
_NO_COLOUR_TEXT = (
    "dark pale snow sea ocean sky ice desert forest earth dust dirt stone leather velvet peru "
    "bland drab bruise heather dusk twilight midnight royal marine grass fern iris sunflower "
    "leaf water night pine pea tea squash mushroom swamp camo cement clay mud straw wheat "
    "barney spruce lichen moss seaweed orchid petrol steel "
)
_NO_COLOURS = frozenset(_NO_COLOUR_TEXT.split())
_DARKER = frozenset(["dark", "shadowy", "dim", "black", "gloomy", "night", "midnight"])
_BRIGHTER = frozenset(["bright", "glowing", "luminous", "light", "radiant", "shining"])
_HEX = re.compile(r"#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b")
_WORD = re.compile(r"[^\W_]+(?:['/][^\W_]+)*")
MOST_COLOURS = 3
"""of a prompt, in its order; more would be a rainbow"""

NAMED_AT = (0.3, 0.78)
"""places in the palette between which the named colours lie; its ends are their shade and their shine"""
ALONE_AT = 0.62
SHADE, SHINE = 0.9, 0.5
"""how near to black and to white a palette's ends go, unless a mood says otherwise"""


@lru_cache
def names() -> dict[str, str]:
    """Hex of every colour's name, lower case."""
    text = resources.files(__package__).joinpath("colours.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    known = {name: value.lstrip("#") for name, value in rows if name not in _NO_COLOURS}
    return known | COLOURS | {also: COLOURS[name] for also, name in ALSO.items()}


@lru_cache
def moods() -> dict[str, Mood]:
    """Every word for a mood."""
    return {word: mood for mood in MOODS for word in mood.words}


@lru_cache
def natural(family: str) -> Mood:
    """The colours that a family has where a prompt names none."""
    for mood, families in NATURAL.items():
        if family in families.split():
            return moods()[mood]
    return moods()["cosmic"]


@dataclass(frozen=True)
class Named:
    """What a prompt says about colours, in its order."""

    colours: tuple[str, ...]
    """hex"""
    moods: tuple[Mood, ...]
    spans: tuple[tuple[int, int], ...]
    """where in the text it says so"""


def named(text: str) -> Named:
    """Colours and moods that a prompt names; the longest name wins: "hot pink" is not pink."""
    lower = text.lower()
    found: list[tuple[int, int, str | Mood]] = [
        (m.start(), m.end(), m[1] if len(m[1]) == 6 else "".join(2 * c for c in m[1]))
        for m in _HEX.finditer(lower)
    ]
    words = [(m.start(), m.end(), m[0]) for m in _WORD.finditer(lower)]
    k = 0
    while k < len(words):
        for length in range(min(5, len(words) - k), 0, -1):
            first, last = words[k][0], words[k + length - 1][1]
            phrase = " ".join(word for _, _, word in words[k : k + length])
            known = names().get(phrase) or moods().get(phrase)
            if known is not None and not any(a <= first < b for a, b, _ in found):
                found.append((first, last, known))
                k += length
                break
        else:
            k += 1
    found.sort(key=lambda each: each[0])
    colours = dict.fromkeys(known for _, _, known in found if isinstance(known, str))
    kinds = dict.fromkeys(known for _, _, known in found if isinstance(known, Mood))
    return Named(tuple(colours)[:MOST_COLOURS], tuple(kinds), tuple((a, b) for a, b, _ in found))


def palette(text: str, family: str) -> FloatArray:
    """(256, 3) sRGB 0..255 of a prompt that shows ``family``; see :func:`gradient`."""
    said = named(text)
    words = set(_WORD.findall(text.lower()))
    mood = said.moods[0] if said.moods else None
    if not said.colours and mood is None:
        mood = natural(family)
    stops = said.colours or (mood.stops if mood else ())
    if len(said.colours) == 1 and mood is not None:
        stops = _in_place(mood.stops, said.colours[0])
    dark, light = (mood.dark, mood.light) if mood and not said.colours else (SHADE, SHINE)
    if words & _DARKER and len(said.colours) < 2:
        dark, light = 1.0, 0.3 * light
    if words & _BRIGHTER:
        dark, light = 0.6 * dark, 1.0
    return gradient([_rgb(stop) for stop in stops], dark, light)


def gradient(
    colours: Sequence[FloatArray], dark: float = SHADE, light: float = SHINE
) -> FloatArray:
    """(256, 3) from a shade through one to three colours (3,), each of which is in it exactly, to a shine.

    ``dark`` 1 begins at black, ``light`` 1 ends at white. The darker of two comes first, so that light and
    palette agree.
    """
    lab = to_oklab(np.stack(colours).astype(np.float32))
    if len(lab) == 2:
        lab = lab[np.argsort(lab[:, 0], kind="stable")]
    first, last = lab[0], lab[-1]
    low, high = first.copy(), last.copy()
    low[0] *= 1 - 0.94 * dark
    low[1:] *= 1 - 0.4 * dark
    high[0] += (1 - high[0]) * 0.85 * light
    high[1:] *= 1 - 0.6 * light
    if len(lab) == 1:
        # its own deeper shade on the way: as vivid, not as light
        deep = first * np.array([0.58, 1.05, 1.05], np.float32)
        stops, at = [low, deep, first, high], [0.0, 0.3, ALONE_AT, 1.0]
    else:
        stops, at = [low, *lab, high], [0.0, *np.linspace(*NAMED_AT, len(lab)), 1.0]
    stops, at = _vivid(stops, at)
    places = np.linspace(0, 1, PLACES)
    # where a colour is named, it is in the palette to the letter
    at = [round(place * (PLACES - 1)) / (PLACES - 1) for place in at]
    channels = [np.interp(places, at, [stop[k] for stop in stops]) for k in range(3)]
    return from_oklab(np.stack(channels, axis=1).astype(np.float32))


TURN = 2.6
"""radians between the hues of two colours from which the way round the hues would show too many others"""
NARROW = 0.3
"""of the way between two such colours, what is neither; the rest is one of them in another light"""
STOPS = 6
"""along the way between two colours"""


def _vivid(stops: list[FloatArray], at: list[float]) -> tuple[list[FloatArray], list[float]]:
    """OKLab stops with others between named colours, so that no grey lies between purple and turquoise.

    Lightness, chroma and hue change evenly, the short way round; opposite colours meet in a narrow seam.
    """
    filled, places = [stops[0]], [at[0]]
    for k in range(1, len(stops)):
        one, two = stops[k - 1], stops[k]
        chroma = [float(np.hypot(*each[1:])) for each in (one, two)]
        hues = [float(np.arctan2(each[2], each[1])) for each in (one, two)]
        turn = (hues[1] - hues[0] + np.pi) % (2 * np.pi) - np.pi
        named = 1 < k < len(stops) - 1 and min(chroma) > 0.03
        if named and abs(turn) < TURN:
            for share in np.linspace(0, 1, STOPS + 2)[1:-1]:
                reach = chroma[0] + share * (chroma[1] - chroma[0])
                hue = hues[0] + share * turn
                light = one[0] + share * (two[0] - one[0])
                filled.append(
                    np.array([light, reach * np.cos(hue), reach * np.sin(hue)], np.float32)
                )
                places.append(at[k - 1] + share * (at[k] - at[k - 1]))
        elif named:
            for share, near, far in ((0.5 - NARROW / 2, one, two), (0.5 + NARROW / 2, two, one)):
                leaning = near.copy()
                leaning[0] += 0.3 * (far[0] - near[0])
                filled.append(leaning)
                places.append(at[k - 1] + share * (at[k] - at[k - 1]))
        filled.append(two)
        places.append(at[k])
    return filled, places


def _in_place(stops: tuple[str, ...], colour: str) -> tuple[str, ...]:
    """A mood's stops with the named colour instead of the one that is most like it."""
    labs = to_oklab(np.stack([_rgb(stop) for stop in (*stops, colour)]))
    nearest = int(np.argmin(np.linalg.norm(labs[:-1] - labs[-1], axis=1)))
    return (*stops[:nearest], colour, *stops[nearest + 1 :])


def _rgb(text: str) -> FloatArray:
    return np.array(list(bytes.fromhex(text)), np.float32)
