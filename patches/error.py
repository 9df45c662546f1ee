"""The two ways in which a patch says no."""


class PatchError(ValueError):
    """A patch does not know the upstream it found, or cannot be undone; the text says what to do."""


class PatchWarning(UserWarning):
    """A patch that waited for an import could not be made when the import came."""
