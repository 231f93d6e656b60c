"""What a handler tries: an answer, or why there is none in a designer's words. A stack trace goes to the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from engines.base import EngineError
from studio.errors import DeskError, LockupError

Answer = TypeVar("Answer")
log = logging.getLogger(__name__)


def tried(work: Callable[[], Answer]) -> tuple[LockupError | EngineError | None, Answer | None]:
    """What `work` returns, or the error to show. Never raises."""
    try:
        return None, work()
    except (LockupError, EngineError) as error:
        return error, None
    except Exception as error:  # a stack trace helps nobody at the screen
        log.exception("the page")
        return DeskError(f"The program made a mistake: {error}", "logs/page.log in the workspace has details."), None
