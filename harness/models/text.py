"""Text from outside, made fit to be kept."""


def text_of(value: object) -> str:
    """The value where it is text, else ""."""
    return value if isinstance(value, str) else ""


def sound(text: str) -> str:
    """The text with halves of characters joined where two meet, and replaced where they stand alone.

    JSON can escape such halves (surrogates), and a server may cut a character in two; no file or wire takes them.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
