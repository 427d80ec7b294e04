"""Random seeds: setting them all at once, and remembering what was set for the recipe."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Mapping

from siglum.core.errors import InvalidInputError

MAX_SEED = 2**32 - 1
"""The greatest seed that NumPy's generator takes."""

_lock = threading.Lock()
_seeds: dict[str, int] = {}


def seed_everything(seed: int) -> dict[str, int]:
    """Seed the global generators of `random`, and of NumPy and PyTorch where they have been imported already.

    A library that is imported later is not seeded: call this after the imports. Generators that are objects
    (`numpy.random.default_rng`, scikit-learn's `random_state`) take their seed from their own arguments.

    Returns:
        The name of each generator that was seeded, with its seed; the same goes into the recipe of the process's runs.

    Raises:
        InvalidInputError: Not an integer from 0 to 2**32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise InvalidInputError(f"{seed!r} is not a seed: an integer from 0 to {MAX_SEED}.")
    random.seed(seed)
    seeded = {"random": seed}
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed)
        seeded["numpy"] = seed
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)  # CUDA's generators too
        seeded["torch"] = seed
    with _lock:
        _seeds.update(seeded)
    return seeded


def seeds_in_force(environ: Mapping[str, str]) -> dict[str, int | str]:
    """Return the seeds set in this process, and `PYTHONHASHSEED` where the environment sets it."""
    with _lock:
        found: dict[str, int | str] = dict(_seeds)
    if environ.get("PYTHONHASHSEED"):
        found["PYTHONHASHSEED"] = environ["PYTHONHASHSEED"]
    return found
