"""Make the calls with a library: `python -m tests.interop.script_calls mlflow|siglum`, in an empty folder.

Prints what each returned or refused as one JSON object. Imports neither library by name, and nothing of the other's.
"""

import importlib
import json
import logging
import os
import sys
import warnings
from typing import Any

from tests.interop.script_calls import arguments, histories, registrations, searches
from tests.interop.script_calls.recorder import Recorder


def main(library: str) -> None:
    """Make all calls and print the results."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    module: Any = importlib.import_module(library)
    for name in ("artifacts", "data", "entities"):
        importlib.import_module(f"{library}.{name}")
    if library == "mlflow":  # whose default for a folder is the server's
        module.set_tracking_uri("sqlite:///mlflow.db")
    recorder = Recorder()
    for part in (arguments, histories, searches, registrations):
        part.make(recorder, module)
        while module.active_run():
            module.end_run()
    print(json.dumps(recorder.results))
    sys.stdout.flush()
    os._exit(0)


main(sys.argv[1])
