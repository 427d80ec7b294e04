"""`siglum server`."""

from __future__ import annotations

import os

import click

from siglum.cli.command import command
from siglum.cli.console import Console


@command("server", context_settings={"help_option_names": ["--help"]})
@click.option(
    "--backend-store-uri",
    metavar="URI",
    help="The database of runs and models: sqlite:///path or postgresql://user:password@host/name. "
    "Default: the embedded store of the project here.",
)
@click.option(
    "--default-artifact-root",
    "--artifacts-destination",
    "artifact_root",
    metavar="PLACE",
    help="Where the server keeps files: a folder, s3://bucket/path, gs://bucket/path or azure://container/path. "
    "Default: 'artifacts' beside the database; with PostgreSQL, '.siglum/artifacts' of the project here.",
)
@click.option(
    "--artifact-layout",
    type=click.Choice(["content", "plain"]),
    default="content",
    show_default=True,
    help="Keep each content once, or, plain, each file at its own path for those who read the place themselves.",
)
@click.option(
    "--presigned/--no-presigned",
    default=True,
    show_default=True,
    help="Whether clients may fetch and send large files straight from and to an object store, which they must reach.",
)
@click.option("-h", "--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 for all.")
@click.option(
    "-p", "--port", type=click.IntRange(0, 65535), default=5000, show_default=True, help="0 takes a free one."
)
@click.option(
    "--allowed-hosts",
    metavar="NAMES",
    default="",
    help="More names that clients may know this server by, with commas: ml.example.com, *.example.com, or * for any.",
)
@click.option(
    "--webhook-hosts",
    metavar="NAMES",
    default="",
    help="Hosts that webhooks may go to though their address is not public, with commas: ci.internal, 10.0.0.5:8080.",
)
def server(
    console: Console,
    backend_store_uri: str | None,
    artifact_root: str | None,
    artifact_layout: str,
    presigned: bool,
    host: str,
    port: int,
    allowed_hosts: str,
    webhook_hosts: str,
) -> None:
    """Serve runs and models to MLflow and Siglum clients, until stopped by Ctrl-C or SIGTERM.

    There is no authentication yet: whoever can connect can read and change everything, and says themselves who they
    are in the audit log. By default only this machine can connect.
    """
    # The web server is imported only by the command that needs it.
    import logging

    from siglum.server import run
    from siglum.server.stores import StoreOptions, open_served_stores
    from siglum.storage.artifacts.base import ArtifactLayout

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    names = _names(allowed_hosts)
    own_name = () if run.is_any_address(host) else (f"[{host}]" if ":" in host else host,)
    options = StoreOptions(
        backend_uri=backend_store_uri,
        artifact_root=artifact_root,
        layout=ArtifactLayout(artifact_layout),
        presigned=presigned,
    )
    with open_served_stores(
        options, os.getcwd(), allowed_hosts=(*names, *own_name), webhook_hosts=_names(webhook_hosts)
    ) as config:
        listening = run.listen(host, port)
        url = run.url_of(listening, host)
        if not run.is_loopback(host):
            console.warn("Other machines can connect, and there is no authentication yet.")
            if run.is_any_address(host) and not names:
                console.warn("They are refused until you name this server as they call it, with --allowed-hosts.")

        def ready() -> None:
            console.say(f"Siglum serves {config.tracking_uri} on {url}  (Ctrl-C stops it)")
            console.say(f"  Siglum: export SIGLUM_TRACKING_URI={url}")
            console.say(f"  MLflow: export MLFLOW_TRACKING_URI={url}")
            console.result({"url": url, "backend_store_uri": config.tracking_uri})

        with listening:
            run.serve(config, listening, ready)
    console.say("Stopped.")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
