"""What tests of DIRAC's own package have."""

from tests.extensions.pilot_dirac.conftest import *  # noqa: F401,F403
