"""What is raised for graphs and files that cannot be used."""


class NIRError(ValueError):
    """A NIR graph or file that is damaged, or that says what the other side cannot; the message names the node."""
