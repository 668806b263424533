"""Messages over a pipe, sent by a thread of their own: a reader that is slow never stalls who has something to say."""

from __future__ import annotations

import pickle
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue


class Sender:
    """Sends in the order of the calls. When nobody reads any more, the messages are dropped."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="send", daemon=True)
        self._thread.start()

    def __call__(self, message: object) -> None:
        """Pickles a message, queues it and returns."""
        self._queue.put(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))

    def close(self, patience: float | None = None) -> None:
        """Waits until all has been sent, but not longer than `patience` seconds."""
        self._queue.put(None)
        self._thread.join(patience)

    def _work(self) -> None:
        while (message := self._queue.get()) is not None:
            try:
                self._pipe.send_bytes(message)
            except OSError:
                return
