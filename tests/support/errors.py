"""Expect errors of the project's form."""

import re

import pytest

from empirical.system.errors import InputError


def complains(where):
    """Expect an InputError `where: got ...; allowed ...; ...` that names the place."""
    return pytest.raises(InputError, match=rf"(?s)^.*{re.escape(str(where))}.*: got .+; allowed .+; .+")
