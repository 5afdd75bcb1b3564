"""The table of visual families: who draws each, what people call it, and how it may be held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from phosphene.diffusion.lsd.render import (
    effects,
    fluids,
    fractals,
    lands,
    patterns,
    radial,
    sound,
    things,
)
from phosphene.diffusion.lsd.render.canvas import Canvas, Field


@dataclass(frozen=True)
class Family:
    """A way to draw, and the words people use for it."""

    draw: Callable[[Canvas], Field]
    words: tuple[str, ...]
    """in captions and prompts; the first is its name for people"""
    near: tuple[str, ...]
    """further words that mean it, in prompts only"""
    upright: bool = False
    """whether it has an up and a down: it rocks where others turn"""
    pace: float = 1.0
    """how fast its clock runs, so that all families are about as lively"""
    splats: bool = False
    """whether it throws points at the pixels: then coordinates may not be folded"""


def _family(draw: Callable[[Canvas], Field], words: str, near: str = "", **rest: Any) -> Family:
    def listed(text: str) -> tuple[str, ...]:
        return tuple(word.strip() for word in text.split(",") if word.strip())

    return Family(draw, listed(words), listed(near), **rest)


FAMILIES: dict[str, Family] = {
    "nebula": _family(
        fluids.nebula,
        "nebula, deep space, cosmic clouds, interstellar gas, cosmos, outer space, space dust",
        "interstellar, gas cloud, cosmic dust, spacewalk, spaceship, stardust",
    ),
    "smoke": _family(
        fluids.smoke,
        "smoke, fog, mist, vapor, rising smoke, haze, steam, incense",
        "smoky, foggy, misty, ghost, cigar, fumes, chimney, breath, exhaust", upright=True,
    ),
    "ink": _family(
        fluids.ink,
        "ink in water, ink, dye, watercolor, ink blot, spilled paint, bleeding ink, watercolour",
        "calligraphy, pigment, squid, stain, paintbrush, splash, inkwell",
    ),
    "marble": _family(
        fluids.marble,
        "marble, stone veins, agate, veined marble, geode, polished stone",
        "granite, limestone, rock, mineral, sculpture, onyx, statue",
    ),
    "silk": _family(
        fluids.silk,
        "silk, flowing fabric, satin, velvet folds, cloth, drapery, liquid metal, chrome",
        "linen, curtain, dress, textile, fabric, scarf, flag, sail, mercury",
    ),
    "plasma": _family(
        fluids.plasma,
        "plasma, energy field, electric plasma, color field, gradient, aura",
        "energy, magnetic, spirit, abstract, fusion, blur, soul",
    ),
    "liquid": _family(
        fluids.liquid,
        "liquid light show, psychedelic, oil on water, acid trip, trippy liquid, "
        "melting colors, swirls, hallucination",
        "oil, paint, hippie, woodstock, groovy, sixties, fluid, mushroom trip",
    ),
    "lava_lamp": _family(
        fluids.lava_lamp,
        "lava lamp, blobs, metaballs, wax blobs, goo, slime, amoeba, jelly",
        "blob, jellyfish, medusa, gel, syrup, mercury drops, squishy", upright=True,
    ),
    "fire": _family(
        fluids.fire,
        "fire, flames, burning, blaze, inferno, bonfire, wildfire, ember",
        "burn, furnace, torch, campfire, dragon breath, firework, phoenix, lava", upright=True,
    ),
    "caustics": _family(
        fluids.caustics,
        "caustics, underwater light, pool water, sunlit water, shimmering water, underwater, reef",
        "swimming pool, aquarium, lagoon, diving, shallow water, swimmer",
    ),
    "clouds": _family(
        fluids.clouds,
        "clouds, sky, cloudy sky, cumulus, heaven, overcast, fluffy clouds",
        "cloud, sunny sky, weather, airplane, flight, storm clouds, cotton", upright=True,
    ),
    "aurora": _family(
        fluids.aurora,
        "aurora, northern lights, polar lights, aurora borealis, curtains of light, arctic night",
        "polar, norway, iceland, arctic, solar wind, nordic sky", upright=True,
    ),
    "waves": _family(
        fluids.waves,
        "waves, ocean waves, sea, surf, rolling waves, tide, great wave, stormy sea",
        "ocean, beach, coast, shore, sailing, ship, seaside, river, swim, flood", upright=True,
    ),
    "lightning": _family(
        fluids.lightning,
        "lightning, electric arcs, thunderstorm, electricity, thunder, tesla coil, neurons, synapses",
        "electric, storm, voltage, spark, shock, bolt, nerves, tesla",
    ),
    "kaleidoscope": _family(
        radial.kaleidoscope,
        "kaleidoscope, mirrored pattern, symmetry, kaleidoscopic, snowflake, mirrors",
        "mirror, prism, fractal mirror, reflection, symmetrical, christmas star",
    ),
    "mandala": _family(
        radial.mandala,
        "mandala, sacred geometry, ornament, rosette, lace, temple ornament, rose window",
        "buddhist, meditation, yoga, ornamental, embroidery, indian, filigree, chakra",
    ),
    "flower": _family(
        radial.flower,
        "flower, petals, blossom, lotus, rose, bloom, daisy, orchid, garden",
        "floral, petal, tulip field, botanical, bouquet, garden flowers, plant, leaf, jasmine",
    ),
    "spiral": _family(
        radial.spiral,
        "spiral, hypnotic spiral, swirl, helix, hypnosis, twirl, pinwheel, candy swirl",
        "shell, curl, coil, snail shell, screw, hypnotize, spinning, rotating",
    ),
    "vortex": _family(
        radial.vortex,
        "vortex, whirlpool, maelstrom, black hole, tornado, cyclone, hurricane",
        "storm eye, whirl, drain, suction, gravity, twister, spinning water",
    ),
    "tunnel": _family(
        radial.tunnel,
        "tunnel, wormhole, portal, corridor, infinite tunnel, time travel",
        "subway, cave, pipe, metro, passage, underground, road, corridor of light",
    ),
    "ripples": _family(
        patterns.ripples,
        "ripples, raindrops on water, water rings, interference, pond, sound waves, rain",
        "raindrop, lake, puddle, drop of water, echo, pond water, fountain",
    ),
    "rings": _family(
        patterns.rings,
        "rings, concentric circles, target, circles, bullseye, halo, vinyl record, radar",
        "ring, circle, archery, dartboard, record player, loop, saturn rings, wheel",
    ),
    "stripes": _family(
        patterns.stripes,
        "stripes, lines, bands, zebra, striped, ribbons, candy cane, rainbow bands",
        "striped shirt, barcode, tiger stripes, zebra crossing, parallel lines, piano keys",
    ),
    "checker": _family(
        patterns.checker,
        "checkerboard, op art, checkered, chess board, squares, tiles, optical illusion",
        "chess, checkers, racing flag, tiled floor, geometric, crossword grid, bauhaus",
    ),
    "dots": _family(
        patterns.dots,
        "dots, polka dots, halftone, spots, pop art, led wall, pixels, confetti",
        "ladybug, leopard spots, pixel, comic, polka, lights of a disco ball, beads",
    ),
    "hexagons": _family(
        patterns.hexagons,
        "hexagons, honeycomb, hive, hexagonal grid, beehive, circuit, cyber armor",
        "bees, wasp, hexagon, computer chip, motherboard, microchip, beehives",
    ),
    "labyrinth": _family(
        patterns.labyrinth,
        "labyrinth, maze, coral pattern, zebra coral, turing pattern, brain, fingerprint",
        "puzzle, coral, brains, intestines, zebra fish, vein pattern, spider web",
    ),
    "scales": _family(
        patterns.scales,
        "fish scales, dragon scales, feathers, snake skin, mermaid, peacock, reptile",
        "fish, snake, lizard, crocodile skin, bird wings, armor, dragon, feather",
    ),
    "grid": _family(
        lands.grid,
        "neon grid, synthwave, retrowave, vaporwave, cyberpunk, perspective grid, "
        "wireframe, outrun, eighties",
        "tron, arcade, retro game, city, skyline, cyberspace, eighties car, matrix city, "
        "street", upright=True,
    ),
    "cells": _family(
        things.cells,
        "cells, biology, microscope, organic cells, bacteria, tissue, embryo, microbes",
        "cell, virus, blood cells, laboratory, dna, medicine, petri dish, organism",
    ),
    "stained_glass": _family(
        things.stained_glass,
        "stained glass, mosaic, cathedral window, glass mosaic, church window, patchwork",
        "church, chapel, cathedral, gothic window, religious, byzantine, quilt",
    ),
    "crystal": _family(
        things.crystal,
        "crystal, gem, facets, shards, ice crystals, diamond, gemstone, quartz, low poly",
        "jewel, ice, glass, emerald stone, iceberg, salt, polygon, amethyst crystal, geometric gem",
    ),
    "bubbles": _family(
        things.bubbles,
        "bubbles, soap bubbles, spheres, foam, champagne, balls, balloons, pearls",
        "bubble, soap, pearl, marbles, sphere, soda, beer, grape, fizzy drink", upright=True,
    ),
    "stars": _family(
        things.stars,
        "stars, night sky, starry night, constellation, fireflies, glitter, sparkles, star field",
        "star, firefly, astronomy, night, telescope, twinkle, christmas lights, snowfall",
    ),
    "galaxy": _family(
        things.galaxy,
        "galaxy, milky way, spiral galaxy, andromeda, universe, big bang",
        "galaxies, astronomer, hubble, cosmos spiral, astrophysics",
    ),
    "orb": _family(
        things.orb,
        "planet, moon, sun, orb, eclipse, glowing sphere, world, jupiter",
        "planets, mars, saturn, globe, earth, lunar, solar, ball, sphere of light", upright=True,
    ),
    "rays": _family(
        radial.rays,
        "sun rays, light beams, sunburst, starburst, lasers, spotlight, god rays",
        "ray, laser beam, stage lights, sunlight, sunrise, concert, disco, searchlight, beams",
    ),
    "neon_curves": _family(
        things.neon_curves,
        "neon lines, light trails, glowing curves, laser lines, light painting, strings, sine waves",
        "neon sign, threads, cables, wires, guitar strings, glow stick, light wires", upright=True,
    ),
    "mountains": _family(
        lands.mountains,
        "mountains, landscape, hills, misty mountains, valley, alps, sunset landscape, horizon",
        "mountain, volcano, hill, cliff, peak, forest, everest, canyon, snowy mountain", upright=True,
    ),
    "dunes": _family(
        lands.dunes,
        "dunes, desert, sand, sahara, sand dunes, mars surface, rolling hills",
        "dune, egypt, camel, arid, wasteland, prairie, desert wind, oasis", upright=True,
    ),
    "julia": _family(
        fractals.julia,
        "fractal, julia set, infinite fractal, recursion",
        "fractals, mathematics, chaos, infinity, complex numbers, mathematical",
    ),
    "flow_field": _family(
        effects.flow_field,
        "flow field, contour lines, topographic map, wood grain, wind, streamlines, tree rings",
        "topography, map, breeze, elevation, wood, plywood, fingerprint lines, gust, timber",
    ),
    "rain_glass": _family(
        effects.rain_glass,
        "rain on glass, water drops, wet window, droplets, dew, condensation, rainy window",
        "raindrops on a window, drizzle, wet, rainy, moisture, car window, shower", upright=True,
    ),
    "glitch": _family(
        effects.glitch,
        "glitch, datamosh, broken screen, digital noise, corrupted signal, static, data",
        "glitchy, error, computer, hacker, television, broken, pixelated, digital, "
        "virus code", upright=True,
    ),
    "moire": _family(
        patterns.moire,
        "moire, moiré, interference pattern, overlapping circles, op art circles",
        "interference, overlap, screen door, shimmer pattern",
    ),
    "truchet": _family(
        patterns.truchet,
        "truchet, pipes, knots, celtic knot, tangled pipes, noodles",
        "celtic, plumbing, spaghetti, knotwork, tubes, rope",
    ),
    "weave": _family(
        patterns.weave,
        "weave, woven, basket, braid, carpet, knitting, tapestry",
        "wicker, plait, rug, wool, yarn, loom, textile pattern",
    ),
    "cubes": _family(
        patterns.cubes,
        "cubes, boxes, blocks, isometric cubes, 3d cubes, bricks",
        "cube, box, brick, lego, minecraft, voxel, dice",
    ),
    "hyperbolic": _family(
        patterns.hyperbolic,
        "hyperbolic tiling, poincare disc, escher, hyperbolic, non-euclidean, tessellation",
        "hyperbolic geometry, tiling, infinite tiles, circle limit",
    ),
    "circuit": _family(
        patterns.circuit,
        "circuit board, circuit, microchip, wires, electronics, motherboard",
        "computer chip, processor, transistor, robot brain, pcb",
    ),
    "iris": _family(
        radial.iris,
        "eye, iris, eyeball, pupil, all-seeing eye, gaze",
        "eyes, cornea, stare, watching, vision, retina", upright=True,
    ),
    "phyllotaxis": _family(
        radial.phyllotaxis,
        "sunflower, phyllotaxis, sunflower seeds, golden angle, fibonacci, pine cone",
        "seeds, succulent, artichoke, golden ratio, daisy heart, pinecone",
    ),
    "web": _family(
        radial.web,
        "spider web, cobweb, web, dreamcatcher, dew on a web",
        "spider, net, spiderweb, lattice of threads",
    ),
    "disco": _family(
        radial.disco,
        "disco ball, mirror ball, disco, dance floor, glitter ball, party lights",
        "nightclub ball, seventies party, saturday night, club lights", upright=True,
    ),
    "helix": _family(
        things.helix,
        "dna, double helix, dna strand, genes, twisted ribbon",
        "genetic, molecule, genome, chromosome, biology helix",
    ),
    "mandelbrot": _family(
        fractals.mandelbrot,
        "mandelbrot, mandelbrot set, fractal zoom, deep zoom, seahorse valley",
        "endless zoom, infinite zoom, fractal dive",
    ),
    "lace": _family(
        fractals.lace,
        "fractal lace, alien architecture, kaliset, cosmic web, fractal cathedral, spores",
        "cosmic filament, alien city, alien, biomechanical, giger",
    ),
    "flame": _family(
        fractals.flame,
        "fractal flame, electric sheep, silk of light, plasma veils, energy wisps, spirit",
        "wisps, apophysis, ghost light, soul of light, ribbons of light",
    ),
    "attractor": _family(
        fractals.attractor,
        "strange attractor, attractor, chaos, lorenz, dust of light, butterfly effect",
        "chaotic, chaos theory, turbulence, particles cloud", splats=True,
    ),
    "plant": _family(
        fractals.plant,
        "tree, plant, fern, fractal tree, branches, tree of life, bonsai",
        "branch, leaves, forest tree, oak, bush, ivy, root, growing", upright=True,
    ),
    "reaction": _family(
        fractals.reaction,
        "reaction diffusion, coral, leopard, giraffe, cheetah, spots and worms, coral reef",
        "animal print, morphogenesis, gray scott, skin pattern, animal skin",
    ),
    "terrain": _family(
        lands.terrain,
        "terrain, flight over terrain, joy division, unknown pleasures, "
        "wireframe mountains, canyon flight, valley flight",
        "flying over hills, topography flight, height map, ridgelines, landscape flight", upright=True,
    ),
    "skyline": _family(
        lands.skyline,
        "city, skyline, skyscrapers, city at night, metropolis, tokyo, downtown",
        "buildings, new york, manhattan, urban, towers, street lights, town", upright=True,
    ),
    "grass": _family(
        lands.grass,
        "grass, meadow, field, savanna, reeds, seaweed, kelp, wheat field",
        "prairie, lawn, pasture, summer field, bamboo, jungle grass", upright=True,
    ),
    "snow": _family(
        lands.snow,
        "snow, snowfall, blizzard, snowflakes, winter night, falling snow",
        "christmas, december, flakes, snowstorm, snowing, ski", upright=True,
    ),
    "chladni": _family(
        sound.chladni,
        "chladni figures, chladni, cymatics, vibrating plate, sand on a plate, resonance",
        "vibration, standing waves, resonant, sound figures, harmonics",
    ),
    "oscilloscope": _family(
        sound.oscilloscope,
        "oscilloscope, waveform, sound wave, scope, heartbeat, audio wave, signal",
        "heart monitor, ekg, pulse line, synthesizer, sine wave, voice", upright=True,
    ),
    "spectrum": _family(
        sound.spectrum,
        "spectrum, equalizer, spectrum bars, audio bars, spectrum analyzer, vu meter",
        "equaliser, music bars, frequency bars, winamp, volume meter", upright=True,
    ),
    "ring_spectrum": _family(
        sound.ring_spectrum,
        "ring spectrum, radial spectrum, sound ring, circular equalizer, audio ring, speaker",
        "loudspeaker, subwoofer, radial bars, music circle, bass drop",
    ),
    "lissajous": _family(
        sound.lissajous,
        "lissajous, lissajous figure, loops of light, knot of light, figure eight, harmonograph",
        "spirograph, infinity symbol, looping curve, knot curve", splats=True,
    ),
    "fireworks": _family(
        sound.fireworks,
        "fireworks, new year, celebration, pyrotechnics, rockets",
        "firework, sylvester, fourth of july, sparkler, party sky", upright=True, splats=True,
    ),
    "burst": _family(
        sound.burst,
        "particle burst, burst, supernova, spark burst, shockwave, big explosion, particles",
        "sparks, detonation, blast, boom, nova, splatter of light",
    ),
    "starfield": _family(
        sound.starfield,
        "starfield, warp speed, star warp, lightspeed, hyperspace jump, flying through stars",
        "star wars, star trek, warp drive, space travel, meteor shower, interstellar flight",
    ),
    "code_rain": _family(
        effects.code_rain,
        "matrix, matrix rain, code rain, digital rain, falling code, binary",
        "hacker, terminal, computer code, cipher, programming, ascii", upright=True,
    ),
}  # fmt: skip
