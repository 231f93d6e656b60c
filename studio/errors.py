"""Every error a designer can meet: one line of what happened, one of what to do."""

from __future__ import annotations

# C0 and C1 controls but for tab and line feed, and the marks that turn the direction of what follows.
_UNSEEN = {
    code: None for code in (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


def plain(text: str) -> str:
    """Text from outside as it may be shown in a terminal: nothing in it steers the screen or the reading direction."""
    return text.translate(_UNSEEN)


class LockupError(Exception):
    """Something the designer can mend. `str(error)` says what happened, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class BadInput(LockupError):
    """A file or a field from outside is not what it should be. Raised by every reader."""


class DoesNotFit(LockupError):
    """Words that no rule of the layout can set. Raised by layout and typeset; `field` names the words."""

    def __init__(self, field: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.field = field


class DeskError(LockupError):
    """The workspace cannot be written or read: full disk, read-only folder, broken database."""
