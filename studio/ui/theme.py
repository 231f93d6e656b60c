"""How the page looks: greys, one ink, the typeface Gradio brings along (nothing is fetched from elsewhere)."""

from __future__ import annotations

from pathlib import Path

from gradio.themes import Base, Color, LocalFont, sizes

GREYS = Color(
    "#fbfbfa", "#f5f5f3", "#ebebe8", "#dcdcd8", "#b5b5b0", "#8a8a84",
    "#6b6b66", "#4a4a46", "#2b2b29", "#1c1c1a", "#131312", name="greys",
)  # fmt: skip
INK, PAPER = "#1a1a18", "#f3f3f0"


def studio_theme() -> Base:
    """Light and dark."""
    theme = Base(
        primary_hue=GREYS,
        secondary_hue=GREYS,
        neutral_hue=GREYS,
        spacing_size=sizes.spacing_md,
        radius_size=sizes.radius_sm,
        text_size=sizes.text_md,
        font=(LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"),
        font_mono=("ui-monospace", "Consolas", "monospace"),
    )
    both = {
        "block_border_width": "0px",
        "block_shadow": "none",
        "block_background_fill": "transparent",
        "block_padding": "0px",
        "block_label_background_fill": "transparent",
        "block_label_border_width": "0px",
        "block_label_padding": "0px",
        "block_title_text_weight": "600",
        "block_title_text_size": "13px",
        "panel_background_fill": "transparent",
        "panel_border_width": "0px",
        "input_border_width": "1px",
        "input_shadow": "none",
        "input_shadow_focus": "none",
        "input_padding": "9px 11px",
        "button_border_width": "1px",
        "button_large_radius": "6px",
        "button_small_radius": "5px",
        "button_large_text_weight": "600",
        "button_primary_shadow": "none",
        "button_secondary_shadow": "none",
        "checkbox_label_background_fill": "transparent",
        "checkbox_label_background_fill_selected": "transparent",
        "checkbox_label_border_width": "0px",
        "checkbox_label_padding": "3px 0px",
        "checkbox_label_shadow": "none",
        "checkbox_shadow": "none",
        "layout_gap": "18px",
        "form_gap_width": "0px",
    }
    both |= {f"{name}_dark": both[name] for name in _ALSO_DARK}
    return theme.set(**both, **_colours("", *_LIGHT), **_colours("_dark", *_DARK))


_ALSO_DARK = (
    "block_background_fill", "block_border_width", "block_shadow", "block_label_background_fill",
    "block_label_border_width", "panel_background_fill", "panel_border_width", "checkbox_label_background_fill",
    "checkbox_label_background_fill_selected", "checkbox_label_border_width", "input_border_width",
)  # fmt: skip
_LIGHT = (INK, "#fbfbfa", "#ffffff", "#dcdcd8", "#6b6b66", "#f0f0ed", "#fbfbfa")
_DARK = (PAPER, "#161615", "#1e1e1c", "#3a3a37", "#a3a39d", "#2b2b29", "#161615")


def _colours(mode: str, ink: str, page: str, field: str, line: str, quiet: str, wash: str, on_ink: str) -> dict:
    named = {
        "body_background_fill": page,
        "background_fill_primary": page,
        "background_fill_secondary": page,
        "body_text_color": ink,
        "body_text_color_subdued": quiet,
        "block_title_text_color": ink,
        "block_label_text_color": quiet,
        "block_info_text_color": quiet,
        "border_color_primary": line,
        "border_color_accent": ink,
        "color_accent_soft": wash,
        "input_background_fill": field,
        "input_background_fill_focus": field,
        "input_border_color": line,
        "input_border_color_focus": ink,
        "input_placeholder_color": quiet,
        "button_primary_background_fill": ink,
        "button_primary_background_fill_hover": ink,
        "button_primary_border_color": ink,
        "button_primary_text_color": on_ink,
        "button_secondary_background_fill": "transparent",
        "button_secondary_background_fill_hover": wash,
        "button_secondary_border_color": line,
        "button_secondary_text_color": ink,
        "checkbox_background_color": field,
        "checkbox_background_color_selected": ink,
        "checkbox_border_color": line,
        "checkbox_border_color_selected": ink,
        "checkbox_label_text_color": ink,
        "checkbox_label_text_color_selected": ink,
        "checkbox_label_background_fill_hover": "transparent",
        "slider_color": ink,
    }
    return {f"{name}{mode}": value for name, value in named.items()}


def stylesheet() -> str:
    """The page's own rules: what all tabs share, then each tab's own."""
    folder = Path(__file__).resolve().parents[2] / "assets" / "ui"
    own = sorted(path for path in folder.glob("*.css") if path.stem != "style")
    return "\n".join(path.read_text("utf-8") for path in (folder / "style.css", *own))
