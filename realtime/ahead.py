"""ahead(): computes the items of a generator in a thread of its own, a few before they are asked for."""

import queue
import threading
from collections.abc import Generator
from contextlib import closing
from typing import TypeVar

_Item = TypeVar("_Item")


def ahead(items: Generator[_Item, None, None], size: int, name: str) -> Generator[_Item, None, None]:
    """The items; up to `size` of them wait. Exceptions are raised here; the thread ends with its consumer.

    name: of the thread.
    """
    ready: queue.Queue[_Item | _Ended] = queue.Queue(size)
    stop = threading.Event()

    def put(item: _Item | _Ended) -> None:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def work() -> None:
        try:
            with closing(items):
                for item in items:
                    put(item)
                    if stop.is_set():
                        return
            put(_Ended(None))
        except BaseException as exc:  # handed to the consumer
            put(_Ended(exc))

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        while not isinstance(item := ready.get(), _Ended):
            yield item
        if item.why is not None:
            raise item.why
    finally:
        stop.set()
        thread.join()


class _Ended:
    """Stands in the queue after the last item. why: the exception that ended them, if one did."""

    def __init__(self, why: BaseException | None) -> None:
        self.why = why
