"""The caption vocabulary: colour names, moods and modifiers."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

import torch
from torch import Tensor


@dataclass(frozen=True)
class Mood:
    """A palette known by its mood: hex stops and how dark and light its ends are."""

    words: tuple[str, ...]
    stops: tuple[str, ...]
    dark: float = 0.9
    light: float = 0.7


@dataclass(frozen=True)
class Modifier:
    """An adjective that changes the motion, detail, edges or exposure of a picture."""

    words: tuple[str, ...]
    speed: float = 1.0
    scale: float = 1.0
    contrast: float = 1.0
    dark: float | None = None
    light: float | None = None


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

MODIFIERS = (
    Modifier(("slow", "gentle", "drifting", "lazy"), speed=0.45),
    Modifier(("fast", "rapid", "frantic", "energetic"), speed=2.0),
    Modifier(("fine", "tiny", "intricate", "detailed", "small"), scale=1.5),
    Modifier(("coarse", "large", "huge", "giant", "big", "macro"), scale=0.62),
    Modifier(("soft", "blurry", "smooth", "subtle", "faded"), contrast=0.62),
    Modifier(("sharp", "crisp", "bold", "hard", "intense"), contrast=1.4),
    Modifier(("dark", "shadowy", "black", "dim"), dark=1.0, light=0.25),
    Modifier(("bright", "glowing", "light", "luminous", "white"), dark=0.35, light=1.0),
)


def hex_to_rgb(text: str) -> tuple[float, float, float]:
    """`#rrggbb` or `rrggbb` to sRGB in [0, 1]."""
    text = text.lstrip("#")
    return tuple(int(text[i : i + 2], 16) / 255 for i in (0, 2, 4))  # type: ignore[return-value]


@functools.cache
def colours() -> tuple[tuple[str, ...], Tensor, tuple[float, ...]]:
    """Names, (k, 3) sRGB, and cumulated sampling weights: vivid colours and plain names come up more."""
    text = resources.files(__package__).joinpath("colours.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    names = tuple(name for name, _ in rows)
    rgb = torch.tensor([hex_to_rgb(value) for _, value in rows])
    vivid = rgb.amax(1) - rgb.amin(1)
    plain = torch.tensor([3.0 if name in _BASIC else 1.0 for name in names])
    return names, rgb, tuple(((0.12 + vivid**1.5) * plain**2).cumsum(0).tolist())


_BASIC_TEXT = (
    "red orange yellow green blue purple pink cyan magenta teal turquoise violet crimson scarlet "
    "gold navy lime aqua indigo white black gray brown coral salmon lavender maroon"
)
_BASIC = frozenset(_BASIC_TEXT.split())
