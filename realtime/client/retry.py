"""Retry: how long a server that has gone is waited for, and in which steps."""

import random
import time

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.client.connection import LostError

_FIRST_S, _LAST_S = 0.2, 5.0  # between two attempts to connect, at first and at last


class Retry:
    """Each step is twice the last one, and shortened at random: many clients do not come back at once."""

    def __init__(self, address: str, patience_s: float) -> None:
        self._address, self._patience_s = address, patience_s
        self._step_s, self._since_s, self._why = _FIRST_S, 0.0, ""

    def wait(self, exc: LostError) -> None:
        """Until the next attempt. Raises DataError if the server is away for patience_s by then."""
        now_s = time.perf_counter()
        if not self._why:
            self._since_s, self._why = now_s, str(exc)
        step_s = max(self._step_s * random.uniform(0.5, 1.0), exc.retry_s)
        left_s = self._since_s + self._patience_s - now_s
        if left_s <= 0:
            raise DataError(f"{self._address}: no answer for {self._patience_s:g} s: {exc}") from exc
        time.sleep(min(step_s, left_s))
        self._step_s = min(2 * self._step_s, _LAST_S)

    def back(self) -> str:
        """An answer has come: what is said of the time without; "" if there was none."""
        if not self._why:
            return ""
        said = f"reconnected after {time.perf_counter() - self._since_s:.1f} s: {self._why}"
        self._step_s, self._why = _FIRST_S, ""
        return said
