"""Models on the Hugging Face Hub: fetch, save and push, with ``huggingface_hub``'s own mixin."""

import hashlib
import json
import types
from functools import cache
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from typing import Any

from sciformer.text import reason
from sciformer.training.checkpoints.migrations import DATA, STAMP
from sciformer.training.checkpoints.safetensors import export_safetensors

PREFIX = "hub:"  # hub:NAME/REPO[/FILE][@revision]
WEIGHTS = "model.safetensors"
SHA1, SHA256 = 40, 64  # hexadecimal digits
METRICS = "report/metrics.json"  # of an evaluation, beside a checkpoint
EXTRA = "pip install 'sciformer[hub]'"
CARD = """---
{{ card_data }}
---

# {{ title }}

{{ summary }}

```python
from {{ package }} import {{ name }}

model = {{ name }}.from_pretrained("{{ repo_id }}")
```

## Data

{{ data }}

## Training

{{ training }}

## Metrics and baselines

{{ metrics }}

## Limits

{{ limits }}

## Licence

{{ licence }}
"""
LIMITS = "Only what the metrics above measure was tested, on data like those of the training."


def fetch(repo: str, file: str | None = None, **options: Any) -> Path:
    """Fetch a file of the Hub, or take it from the cache.

    Args:
        repo: ``NAME/REPO``.
        file: File in it; by default ``model.safetensors``.
        **options: Options of ``hf_hub_download``: ``revision``, ``cache_dir``, ``token``, ...

    Returns:
        Path in the cache.

    Raises:
        ValueError: If it is not there, or damaged in the download: it is then removed.
    """
    library, name = _library(), file or WEIGHTS
    given = {key: options.get(key) for key in ("revision", "cache_dir")}
    before = library.try_to_load_from_cache(repo, name, **given)
    try:
        path = Path(library.hf_hub_download(repo, name, **options))
    except Exception as error:  # of the network, the server, the cache: anything at all
        raise ValueError(f"{PREFIX}{repo}: {name}: {reason(error)}") from error
    if str(path) != before:
        _check(path, f"{PREFIX}{repo}: {name}")
    return path


def find(address: str) -> Path:
    """File of an address ``hub:NAME/REPO[/FILE][@revision]``."""
    place, _, revision = address.removeprefix(PREFIX).partition("@")
    owner, _, rest = place.partition("/")
    repo, _, file = rest.partition("/")
    if not owner or not repo:
        raise ValueError(f"{address}: an address is {PREFIX}NAME/REPO[/FILE][@revision]")
    return fetch(f"{owner}/{repo}", file or None, revision=revision or None)


def fetched(path: Path) -> bool:
    """Whether a file lies in the cache of the Hub: ``models--NAME--REPO/snapshots/COMMIT/FILE``."""
    return len(path.parents) > 2 and path.parents[1].name == "snapshots"


@cache
def published() -> Any:
    """``huggingface_hub``'s mixin around a module: ``save_pretrained`` and ``push_to_hub``."""
    mixin: Any = _library().ModelHubMixin

    class Published(mixin):
        """A module with the methods of the Hub."""

        def __init__(self, module: Any) -> None:
            self.module = module
            self._hub_mixin_config = dict(module.hparams)

        def _save_pretrained(self, save_directory: Path) -> None:
            kept = {**self.module.kept(), "hyper_parameters": dict(self.module.hparams)}
            export_safetensors(self.module.state_dict(), save_directory / WEIGHTS, kept)

        def generate_model_card(self, *words: Any, **given: Any) -> Any:
            return super().generate_model_card(*words, **_about(self.module, **given))

    named = {"library_name": "sciformer", "model_card_template": CARD}
    return types.new_class("Published", (Published,), named)


def _about(module: Any, **given: Any) -> dict[str, Any]:
    """What a model card says, as far as it is known; ``given`` takes precedence."""
    kind, kept = type(module), module.kept()
    run, data = kept[STAMP]["run"], kept.get(DATA) or {}
    found = {
        "title": kind.__name__,
        "summary": (getdoc(kind) or kind.__name__).splitlines()[0],  # or that of its base
        "package": kind.__module__.partition(".")[0],
        "name": kind.__name__,
        "repo_id": "NAME/REPO",
        "data": _listed(data),
        "training": _listed({key: run[key] for key in sorted(run) if key != "settings"}),
        "metrics": _measured(module.path),
        "limits": LIMITS,
        "licence": "not said",
    }
    return {**found, **given}


def _listed(settings: dict[str, Any]) -> str:
    lines = [f"- {name}: `{json.dumps(value, default=str)}`" for name, value in settings.items()]
    return "\n".join(lines) or "not known"


def _measured(path: Path | None) -> str:
    """Table of the evaluation beside a checkpoint; names of baselines begin with ``baseline``."""
    beside = path and path.parent / METRICS
    if not beside or not beside.is_file():
        return "not measured"
    numbers = json.loads(beside.read_text(encoding="utf-8"))
    rows = [f"| {name} | {value:.6g} |" for name, value in numbers.items() if name != "run"]
    return "\n".join(["| metric | value |", "|---|---|", *rows])


def _check(path: Path, where: str) -> None:
    """Compare a file with the name of its blob: its SHA-256, or git's SHA-1 of a small file."""
    blob, expected = path.resolve(), path.resolve().name
    if len(expected) not in (SHA1, SHA256):
        return  # a cache without links
    digest = hashlib.sha256()
    if len(expected) == SHA1:
        digest = hashlib.sha1(f"blob {blob.stat().st_size}\0".encode(), usedforsecurity=False)
    with blob.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    if digest.hexdigest() != expected:
        path.unlink()
        blob.unlink(missing_ok=True)
        said = f"its checksum is {digest.hexdigest()}, not {expected}"
        raise ValueError(f"{where}: damaged in the download, and removed: {said}")


def _library() -> Any:
    """``huggingface_hub``, which is optional and takes a CPU-second to import."""
    try:
        return import_module("huggingface_hub")
    except ImportError as error:
        raise ValueError(f"the Hub needs huggingface_hub: {EXTRA}") from error
