"""Call a function that must answer or refuse in the agreed form."""

import re


def answer_or_refusal(call, *errors):
    """Return the result of `call()`, or the message of its ValueError (or one of `errors`) in the agreed form."""
    try:
        return call()
    except (ValueError, *errors) as refusal:
        message = str(refusal)
    assert re.fullmatch(r"(?s)[\w. -]+: got .+; allowed .+; do .+", message), message
    return message
