"""`Refusable`: processes whose arguments are checked before they are processes."""

from __future__ import annotations

from typing import Any


class Refusable:
    """lava-nc's processes stop themselves when they are deleted, also one that refused its arguments and never began.

    Its runtime is looked for then, and there is none.
    """

    _runtime: Any = None
