"""What frameworks bring along and nobody chose: colours and fonts that say little about a brand.

Sources: the frameworks' own published defaults (Bootstrap 2–5, Tailwind CSS 1–4, Material Design 1–3, Foundation 6,
Bulma 0.9–1, Semantic UI 2, UIkit 3, Pure.css, Ant Design 4–5, Chakra UI), and the default tile colours of common
favicon generators.
"""

from __future__ import annotations

FRAMEWORK_COLOURS = frozenset(
    (
        # Bootstrap 2, 3, 4, 5
        *("#0088cc", "#337ab7", "#428bca", "#5cb85c", "#5bc0de", "#f0ad4e", "#d9534f", "#23527c", "#2a6496"),
        *("#007bff", "#0056b3", "#28a745", "#17a2b8", "#ffc107", "#dc3545", "#6c757d", "#343a40", "#0069d9"),
        *("#0d6efd", "#6610f2", "#6f42c1", "#d63384", "#fd7e14", "#198754", "#20c997", "#0dcaf0", "#0a58ca"),
        *("#0b5ed7", "#e83e8c", "#5a6268"),
        # Tailwind CSS: blue, indigo, sky, red, green, yellow, amber in the steps its examples use
        *("#3b82f6", "#2563eb", "#1d4ed8", "#60a5fa", "#6366f1", "#4f46e5", "#4338ca", "#0ea5e9", "#0284c7"),
        *("#ef4444", "#dc2626", "#22c55e", "#16a34a", "#10b981", "#f59e0b", "#eab308", "#4299e1", "#667eea"),
        # Material Design
        *("#3f51b5", "#ff4081", "#f50057", "#6200ee", "#03dac6", "#03dac5", "#018786", "#2196f3", "#1976d2"),
        *("#6750a4", "#9c27b0", "#dc004e", "#f44336", "#4caf50", "#ff9800", "#26a69a", "#ee6e73"),
        # Foundation, Bulma, Semantic UI, UIkit, Pure.css, Ant Design, Chakra UI
        *("#1779ba", "#3adb76", "#ffae00", "#cc4b37", "#00d1b2", "#485fc7", "#3273dc", "#48c78e", "#ffe08a"),
        *("#f14668", "#3e8ed0", "#2185d0", "#21ba45", "#db2828", "#1e87f0", "#32d296", "#faa05a", "#f0506e"),
        *("#0078e7", "#1890ff", "#1677ff", "#52c41a", "#faad14", "#ff4d4f", "#3182ce", "#2b6cb0"),
        # What browsers paint links with
        *("#0000ee", "#551a8b", "#0000ff"),
    )
)

TILE_COLOURS = frozenset(
    (
        "#da532c",
        "#2b5797",
        "#00aba9",
        "#ffc40d",
        "#603cba",
        "#b91d47",
        "#9f00a7",
        "#2d89ef",
        "#ffffff",
        "#000000",
        "#5bbad5",
    )
)
"""Colours that favicon generators and page templates put into `theme-color`, tiles and mask icons by themselves."""

SYSTEM_FAMILIES = frozenset(
    ("-apple-system", "system-ui", "blinkmacsystemfont", "ui-sans-serif", "ui-serif", "ui-rounded", "system",
     ".sfnstext-regular", ".sf ns text", "sf pro text", "sf pro display", "san francisco", "segoe ui variable")
)  # fmt: skip
GENERIC_FAMILIES = frozenset(
    ("serif", "sans-serif", "monospace", "cursive", "fantasy", "math", "emoji", "ui-monospace", "fangsong")
)
ICON_FAMILIES = (
    "icon", "awesome", "glyphicon", "ionicon", "dashicons", "fontello", "icomoon", "feather", "octicons", "symbols",
    "emoji", "linearicons", "themify", "simple-line", "slick", "swiper", "revicons", "socicon", "flaticon",
    "material-design",
)  # fmt: skip
"""Parts of names of fonts that draw icons, not words."""
