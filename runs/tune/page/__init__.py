"""The page of `lava-dt tune`: what each step keeps and costs, what each rule reached, and what is recommended."""

from runs.tune.page.writer import write_page

__all__ = ["write_page"]
