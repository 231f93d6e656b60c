"""The words of the built-in model: what each attribute is called when it is said, and what else is understood."""

from __future__ import annotations

from collections.abc import Mapping

Phrases = Mapping[str, Mapping[str, tuple[str, ...]]]

SAID: Phrases = {
    "product": {
        "bottle": ("bottle", "bottle", "bottle with a cap", "shampoo bottle", "lotion bottle"),
        "jar": ("jar", "jar", "cream jar", "cosmetic jar", "jar with a lid"),
        "tube": ("tube", "tube", "squeeze tube", "cosmetic tube"),
        "box": ("box", "box", "carton", "packaging box", "product box"),
        "can": ("can", "can", "drink can", "soda can", "beverage can"),
        "mug": ("mug", "mug", "coffee mug", "mug with a handle"),
        "cup": ("cup", "paper cup", "takeaway cup", "coffee cup with a lid"),
        "dropper bottle": ("dropper bottle", "serum bottle", "serum bottle with a dropper", "pipette bottle"),
        "candle": ("candle", "scented candle", "candle in a vessel"),
        "pouch": ("pouch", "stand-up pouch", "bag", "coffee pouch"),
        "perfume": ("perfume bottle", "perfume", "fragrance flacon", "perfume flacon"),
        "pump bottle": ("pump bottle", "soap dispenser", "bottle with a pump", "hand wash bottle"),
        "lipstick": ("lipstick", "lipstick", "open lipstick"),
        "spray can": ("spray can", "deodorant can", "aerosol can", "spray"),
        "soap bar": ("soap bar", "bar of soap", "soap", "bath soap"),
        "vase": ("vase", "vase", "ceramic vase", "flower vase"),
    },
    "material": {
        "matte": ("matte", "matte", "mat", "dull"),
        "satin": ("satin", "satin", "silky", "semi-matte"),
        "glossy": ("glossy", "glossy", "shiny", "polished"),
        "metal": ("metal", "metallic", "brushed metal"),
        "glass": ("glass", "clear glass", "transparent glass", "see-through"),
    },
    "light": {
        "soft": ("soft light", "soft light", "soft studio light", "diffused light", "softbox light", "gentle light"),
        "hard": ("hard light", "hard light", "direct light", "crisp shadows", "hard shadows", "harsh sunlight"),
        "leaves": ("leaf shadows", "leaf shadows", "shadows of leaves", "foliage shadows", "plant shadows"),
        "palm": ("palm shadows", "palm shadows", "shadows of palm leaves", "tropical shadows"),
        "window": ("window light", "window light", "window shadows", "light through a window",
                   "sunlight from a window"),
        "blinds": ("blinds shadows", "light through blinds", "striped shadows", "venetian blinds light"),
        "dappled": ("dappled light", "dappled light", "dappled sunlight", "speckled light", "light through trees"),
        "moody": ("moody light", "moody light", "dramatic light", "dark mood", "low-key light", "side light"),
        "backlit": ("backlight", "backlit", "light from behind", "rim light", "contre-jour"),
    },
    "set": {
        "plain": ("plain backdrop", "empty set", "clean set", "seamless backdrop", "minimal set"),
        "arch": ("an arch", "an arch behind", "a rounded arch", "an archway behind it"),
        "panel": ("a rounded panel", "a round-topped panel behind", "a niche panel"),
        "ring": ("a ring behind", "a large ring", "a hoop behind it", "a circle frame behind"),
        "disc": ("a disc behind", "a round disc", "a sun disc behind it", "a large circle behind"),
        "stairs": ("stairs", "a flight of steps", "steps beside it", "a small staircase"),
        "columns": ("columns", "columns behind", "pillars", "pillars behind it"),
        "fluted wall": ("a fluted wall", "a ribbed wall", "a fluted panel behind", "a slatted wall"),
        "blocks": ("blocks behind", "geometric blocks behind", "large cubes behind", "block shapes behind it"),
        "slabs": ("slabs behind", "upright slabs", "standing panels", "thin walls behind it"),
    },
    "stand": {
        "floor": ("on the floor", "on the ground", "on a surface", "on a flat surface", "on a table"),
        "round podium": ("on a round podium", "on a podium", "on a cylinder podium", "on a circular pedestal",
                         "on a round plinth"),
        "square podium": ("on a square podium", "on a block", "on a square plinth", "on a cube pedestal"),
        "stepped podium": ("on a stepped podium", "on a two-tier podium", "on tiered podiums",
                           "on a two-step pedestal"),
        "stone slab": ("on a stone slab", "on a slab", "on a stone plate", "on a low slab"),
    },
    "props": {
        "none": ("no props", "nothing else", "without props"),
        "balls": ("spheres", "balls around it", "round balls", "spheres beside it", "pearls"),
        "blocks": ("small blocks", "cubes and cylinders", "little cubes beside it", "geometric props"),
        "mixed": ("geometric shapes", "mixed props", "abstract shapes around it", "various shapes",
                  "decorative shapes"),
    },
    "layout": {
        "left": ("on the left", "placed left, copy space on the right", "negative space on the right",
                 "left of centre"),
        "centre": ("centred", "in the centre", "centred composition", "in the middle", "symmetrical composition"),
        "right": ("on the right", "placed right, copy space on the left", "negative space on the left",
                  "right of centre"),
    },
    "shot": {
        "close": ("close-up", "close-up shot", "close shot", "large in the picture", "tight framing"),
        "medium": ("medium shot", "medium framing", "half distance"),
        "wide": ("wide shot", "wide framing", "small in the picture", "lots of space", "from afar"),
    },
    "view": {
        "level": ("eye level", "at eye level", "straight on", "front view"),
        "above": ("slightly from above", "seen slightly from above", "three-quarter view"),
        "high": ("from above", "high angle", "high angle view", "looking down"),
    },
}  # fmt: skip
"""Attribute → value → phrases; the first is the plainest."""

UNDERSTOOD: Phrases = {
    "product": {
        "bottle": ("shampoo", "lotion", "water bottle", "wine", "wine bottle", "juice", "oil", "olive oil", "sauce",
                   "flask",
                   "bottles", "beer", "drink", "milk", "conditioner", "body wash", "thermos", "syrup"),
        "jar": ("cream", "face cream", "honey", "jam", "moisturizer", "moisturiser", "balm", "mask", "jars", "pot",
                "skincare",
                "cosmetics", "cosmetic", "supplement", "supplements", "spread", "tin"),
        "tube": ("toothpaste", "hand cream", "sunscreen", "sun cream", "gel", "ointment", "tubes", "paint"),
        "box": ("package", "packaging", "parcel", "cardboard", "chocolate", "tea", "cereal", "phone", "book", "gift",
                "boxes",
                "case", "game", "tablet", "laptop", "watch"),
        "can": ("soda", "cola", "beer can", "energy drink", "tin can", "cans", "lemonade", "sparkling water"),
        "mug": ("coffee", "tea cup", "teacup", "mugs", "tankard", "cocoa"),
        "cup": ("latte", "to-go cup", "to go cup", "cups", "ice cream", "yoghurt", "yogurt", "tumbler",
                "glass of water"),
        "dropper bottle": ("serum", "dropper", "essential oil", "pipette", "tincture", "beard oil", "cbd oil"),
        "candle": ("candles", "wax", "tealight", "home fragrance"),
        "pouch": ("coffee bag", "snack", "snacks", "chips", "granola", "pet food", "doypack", "sachet", "nuts",
                  "protein powder"),
        "perfume": ("fragrance", "cologne", "eau de parfum", "eau de toilette", "scent", "flacon", "parfum"),
        "pump bottle": ("dispenser", "hand soap", "hand wash", "sanitizer", "sanitiser", "pump", "foundation"),
        "lipstick": ("lip balm", "makeup", "make-up", "mascara", "lip gloss", "rouge"),
        "spray can": ("deodorant", "aerosol", "hairspray", "hair spray", "air freshener", "dry shampoo"),
        "soap bar": ("bar soap", "soaps", "butter", "cheese", "shampoo bar"),
        "vase": ("pottery", "ceramic", "ceramics", "pitcher", "jug", "bowl", "lamp", "urn", "plant pot", "vases"),
    },
    "material": {
        "matte": ("flat", "plastic", "clay", "paper", "rubber", "velvet"),
        "satin": ("soft-touch", "porcelain", "smooth", "pearl"),
        "glossy": ("gloss", "lacquered", "enamel", "glazed", "reflective"),
        "metal": ("aluminium", "aluminum", "steel", "chrome", "brass", "tin"),
        "glass": ("transparent", "translucent", "crystal", "clear", "frosted glass"),
    },
    "light": {
        "soft": ("even light", "studio light", "studio lighting", "soft lighting", "soft shadows", "bright", "airy",
                 "daylight", "overcast"),
        "hard": ("sunlight", "sunny", "sun", "strong shadows", "spotlight", "flash", "hard lighting", "summer"),
        "leaves": ("leaves", "leaf", "foliage", "plants", "botanical", "nature", "garden"),
        "palm": ("palm", "palms", "tropical", "palm leaf", "beach", "exotic"),
        "window": ("window", "morning light", "morning", "indoor light", "window shadow"),
        "blinds": ("blinds", "jalousie", "shutters", "noir", "film noir"),
        "dappled": ("dapples", "forest light", "tree shadows", "trees", "dapple"),
        "moody": ("moody", "dramatic", "dark light", "night", "mysterious", "chiaroscuro", "luxury", "luxurious",
                  "cinematic", "low key"),
        "backlit": ("back light", "rim", "silhouette", "glowing", "halo", "sunset"),
    },
    "set": {
        "plain": ("plain", "empty", "simple", "clean", "minimal", "minimalist", "seamless"),
        "arch": ("arch", "arches", "archway", "doorway", "door"),
        "panel": ("niche", "panel", "alcove"),
        "ring": ("ring", "hoop", "circle frame"),
        "disc": ("disc", "disk", "sun disc", "moon", "circle"),
        "stairs": ("stairs", "steps", "staircase", "stair"),
        "columns": ("column", "columns", "pillar", "pillars", "roman", "greek"),
        "fluted wall": ("fluted", "ribbed", "slats", "curtain", "slatted"),
        "blocks": ("large blocks", "big cubes", "architecture", "geometric"),
        "slabs": ("slabs", "walls", "partitions", "boards"),
    },
    "stand": {
        "floor": ("floor", "ground", "table", "tabletop", "desk"),
        "round podium": ("podium", "pedestal", "plinth", "cylinder podium", "round pedestal", "stage", "display"),
        "square podium": ("cube podium", "block podium", "square pedestal"),
        "stepped podium": ("tiers", "tiered", "stepped", "two-tier"),
        "stone slab": ("slab", "stone", "rock", "marble", "concrete", "tray"),
    },
    "props": {
        "none": ("no decoration", "alone", "only the product"),
        "balls": ("ball", "balls", "sphere", "bubbles", "beads", "marbles"),
        "blocks": ("cubes", "cube", "cylinders", "block"),
        "mixed": ("props", "shapes", "abstract", "decoration", "decorations", "playful", "memphis"),
    },
    "layout": {
        "left": ("left", "left side", "copy space right", "space on the right"),
        "centre": ("center", "centered", "centre", "middle", "symmetric", "symmetrical"),
        "right": ("right", "right side", "copy space left", "space on the left"),
    },
    "shot": {
        "close": ("close up", "closeup", "macro", "detail", "near"),
        "medium": ("medium", "half-total"),
        "wide": ("wide", "far away", "distant", "panorama", "spacious", "copy space", "negative space"),
    },
    "view": {
        "level": ("frontal", "side view", "eye-level"),
        "above": ("three quarter", "elevated", "angled"),
        "high": ("top view", "bird's eye", "overhead", "flat lay", "top down", "top-down"),
    },
}  # fmt: skip
"""More that a prompt may say; captions use only few of them."""

FILLERS = frozenset(
    """a surface an the of in on at with and or by for to from into its it this is as one two some very against behind
    beside before near around under over up down product products photo photograph photography picture image
    shot scene still life studio render rendering 3d ad advert advertisement advertising campaign commercial
    packshot professional high quality detailed elegant modern beautiful fresh premium style styled look set
    stage placed standing stands sitting showing shows composition colour color colours colors palette tones
    tone hue shade background backdrop wall accents accent details detail surfaces light lighting shadows shadow
    shape form finish body label cap lid brand branded no nothing else space copy text touch touches tonal bold
    neutral cold bluish golden hour glow mood front half distance pop third surroundings top bottom
    do does much between them everything every main work middle centre corner object objects thing things low high long
    short round rounded slim turned crisp wide narrow small large big few many more less only same other each""".split()
)
"""Words that change nothing."""

PLACES: Mapping[str, tuple[str, ...]] = {
    "background": ("background", "backdrop", "wall", "set", "studio", "room", "scene"),
    "surface": (
        "surface",
        "surfaces",
        "podium",
        "pedestal",
        "plinth",
        "floor",
        "table",
        "slab",
        "ground",
        "block",
        "stage",
    ),
    "second": ("label", "cap", "lid", "details", "secondary"),
    "accent": ("accents", "accent", "touches", "touch", "highlights", "props", "spheres", "balls"),
    "light": ("light", "lighting", "glow", "gel"),
}
"""Nouns that say which role a colour before them belongs to."""
