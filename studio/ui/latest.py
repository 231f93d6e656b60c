"""Which of a tab's answers is still wanted: a slow one must not overwrite what was chosen after it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

_TABS = 200


class Latest:
    """Counts what each tab asks for."""

    def __init__(self) -> None:
        self._numbers: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def asked(self, tab: str) -> Callable[[], bool]:
        """A new wish of this tab. The function returned says whether no newer one has come since."""
        with self._lock:
            number = self._numbers[tab] = self._numbers.pop(tab, 0) + 1
            while len(self._numbers) > _TABS:
                self._numbers.popitem(last=False)

        def wanted() -> bool:
            with self._lock:
                return self._numbers.get(tab) == number

        return wanted
