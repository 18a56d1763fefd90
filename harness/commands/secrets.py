"""The keys of a matrix, and the redactor that keeps them out of what is written."""

from harness.canary import proven_redactor, unprotected
from harness.commands.session import say
from harness.config import Matrix, key_for
from harness.redact import Redactor


def redactor_for(matrix: Matrix) -> Redactor:
    """The redactor for the keys that a matrix really uses, proven on them; warns of values too short to be keys.

    Raises ConfigError for a key that it cannot take out.
    """
    keys = {model.key_env: key for model in matrix.models.values() if model.key_env and (key := key_for(model))}
    for line in unprotected(keys):
        say(f"splitclock: {line}")
    return proven_redactor(keys)
