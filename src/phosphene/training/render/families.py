"""The table of visual families: what each is called and who draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from phosphene.training.render import effects, fluids, patterns, things
from phosphene.training.render.canvas import Canvas, Field


@dataclass(frozen=True)
class Family:
    """A way to draw, and the words people use for it."""

    draw: Callable[[Canvas], Field]
    words: tuple[str, ...]
    sway: float = 1.0  # how much of the random camera rotation it bears: 0 keeps up up


def _family(draw: Callable[[Canvas], Field], words: str, sway: float = 1.0) -> Family:
    return Family(draw, tuple(w.strip() for w in words.split(",")), sway)


FAMILIES: dict[str, Family] = {
    "nebula": _family(
        fluids.nebula,
        "nebula, deep space, cosmic clouds, interstellar gas, cosmos, outer space, space dust",
    ),
    "smoke": _family(
        fluids.smoke, "smoke, fog, mist, vapor, rising smoke, haze, steam, incense", 0.1
    ),
    "ink": _family(
        fluids.ink,
        "ink in water, ink, dye, watercolor, ink blot, spilled paint, bleeding ink, watercolour",
    ),
    "marble": _family(
        fluids.marble, "marble, stone veins, agate, veined marble, geode, polished stone"
    ),
    "silk": _family(
        fluids.silk,
        "silk, flowing fabric, satin, velvet folds, cloth, drapery, liquid metal, chrome",
    ),
    "plasma": _family(
        fluids.plasma, "plasma, energy field, electric plasma, color field, gradient, aura"
    ),
    "liquid": _family(
        fluids.liquid,
        "liquid light show, psychedelic, oil on water, acid trip, "
        "trippy liquid, melting colors, swirls, hallucination",
    ),
    "lava_lamp": _family(
        fluids.lava_lamp, "lava lamp, blobs, metaballs, wax blobs, goo, slime, amoeba, jelly", 0.0
    ),
    "fire": _family(
        fluids.fire, "fire, flames, burning, blaze, inferno, bonfire, wildfire, ember", 0.0
    ),
    "caustics": _family(
        fluids.caustics,
        "caustics, underwater light, pool water, sunlit water, shimmering water, underwater, reef",
    ),
    "clouds": _family(
        fluids.clouds, "clouds, sky, cloudy sky, cumulus, heaven, overcast, fluffy clouds", 0.1
    ),
    "aurora": _family(
        fluids.aurora,
        "aurora, northern lights, polar lights, aurora borealis, curtains of light, arctic night",
        0.1,
    ),
    "waves": _family(
        fluids.waves,
        "waves, ocean waves, sea, surf, rolling waves, tide, great wave, stormy sea",
        0.0,
    ),
    "lightning": _family(
        fluids.lightning,
        "lightning, electric arcs, thunderstorm, electricity, thunder, tesla coil, neurons, synapses",
    ),
    "kaleidoscope": _family(
        patterns.kaleidoscope,
        "kaleidoscope, mirrored pattern, symmetry, kaleidoscopic, snowflake, mirrors",
    ),
    "mandala": _family(
        patterns.mandala,
        "mandala, sacred geometry, ornament, rosette, lace, temple ornament, rose window",
    ),
    "flower": _family(
        patterns.flower, "flower, petals, blossom, lotus, rose, bloom, daisy, orchid, garden"
    ),
    "spiral": _family(
        patterns.spiral,
        "spiral, hypnotic spiral, swirl, helix, hypnosis, twirl, pinwheel, candy swirl",
    ),
    "vortex": _family(
        patterns.vortex, "vortex, whirlpool, maelstrom, black hole, tornado, cyclone, hurricane"
    ),
    "tunnel": _family(
        patterns.tunnel,
        "tunnel, wormhole, portal, corridor, infinite tunnel, time travel, hyperspace",
    ),
    "ripples": _family(
        patterns.ripples,
        "ripples, raindrops on water, water rings, interference, pond, sound waves, rain",
    ),
    "rings": _family(
        patterns.rings,
        "rings, concentric circles, target, circles, bullseye, halo, vinyl record, radar",
    ),
    "stripes": _family(
        patterns.stripes,
        "stripes, lines, bands, zebra, striped, ribbons, candy cane, rainbow bands",
    ),
    "checker": _family(
        patterns.checker,
        "checkerboard, op art, checkered, chess board, squares, tiles, optical illusion",
    ),
    "dots": _family(
        patterns.dots, "dots, polka dots, halftone, spots, pop art, led wall, pixels, confetti"
    ),
    "hexagons": _family(
        patterns.hexagons,
        "hexagons, honeycomb, hive, hexagonal grid, beehive, circuit, cyber armor",
    ),
    "labyrinth": _family(
        patterns.labyrinth,
        "labyrinth, maze, coral pattern, zebra coral, turing pattern, brain, fingerprint, camouflage",
    ),
    "scales": _family(
        patterns.scales,
        "fish scales, dragon scales, feathers, snake skin, mermaid, peacock, reptile",
    ),
    "grid": _family(
        patterns.grid,
        "neon grid, synthwave, retrowave, vaporwave, cyberpunk, "
        "perspective grid, wireframe, outrun, eighties",
        0.0,
    ),
    "cells": _family(
        things.cells,
        "cells, biology, microscope, organic cells, bacteria, tissue, embryo, microbes",
    ),
    "stained_glass": _family(
        things.stained_glass,
        "stained glass, mosaic, cathedral window, glass mosaic, church window, patchwork",
    ),
    "crystal": _family(
        things.crystal,
        "crystal, gem, facets, shards, ice crystals, diamond, gemstone, quartz, low poly",
    ),
    "bubbles": _family(
        things.bubbles,
        "bubbles, soap bubbles, spheres, foam, champagne, balls, balloons, pearls",
        0.0,
    ),
    "stars": _family(
        things.stars,
        "stars, night sky, starry night, constellation, fireflies, glitter, sparkles, star field",
    ),
    "galaxy": _family(
        things.galaxy, "galaxy, milky way, spiral galaxy, andromeda, universe, big bang"
    ),
    "orb": _family(
        things.orb, "planet, moon, sun, orb, eclipse, eye, glowing sphere, world, jupiter", 0.15
    ),
    "rays": _family(
        things.rays,
        "sun rays, light beams, sunburst, starburst, lasers, spotlight, explosion, god rays",
    ),
    "neon_curves": _family(
        things.neon_curves,
        "neon lines, light trails, glowing curves, laser lines, light painting, strings, sine waves",
        0.1,
    ),
    "mountains": _family(
        things.mountains,
        "mountains, landscape, hills, misty mountains, valley, alps, sunset landscape, horizon",
        0.0,
    ),
    "dunes": _family(
        things.dunes, "dunes, desert, sand, sahara, sand dunes, mars surface, rolling hills", 0.0
    ),
    "julia": _family(
        things.julia,
        "fractal, julia set, mandelbrot, infinite fractal, recursion, strange attractor",
    ),
    "flow_field": _family(
        effects.flow_field,
        "flow field, contour lines, topographic map, wood grain, wind, streamlines, tree rings",
    ),
    "rain_glass": _family(
        effects.rain_glass,
        "rain on glass, water drops, wet window, droplets, dew, condensation, rainy window",
        0.0,
    ),
    "glitch": _family(
        effects.glitch,
        "glitch, datamosh, broken screen, digital noise, corrupted signal, static, matrix, data",
        0.0,
    ),
}
