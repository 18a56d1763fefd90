"""Views of a board: terminal, Markdown, JSON."""
