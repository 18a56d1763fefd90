"""The engine's calls about images: find, pull, import, build, commit, remove."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sandbox.connection import APIClient, check_event, done_already, not_found_is_fine, told
from sandbox.errors import ImageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A container or image found by its labels; `names` are an image's tags, `running` is a container's state."""

    id: str
    labels: Mapping[str, str]
    names: tuple[str, ...] = ()
    running: bool = False


class ImageCalls:
    """The image half of `Engine`. Raises SandboxError, and ImageError where an image cannot be made."""

    def __init__(self, client: APIClient, slow: APIClient) -> None:
        self._client: Any = client  # the stubs leave half of its methods untyped
        self._slow: Any = slow  # the same engine with the patience that images need

    def image_id(self, ref: str) -> str | None:
        """The id (digest) of a local image; None when there is none of that name."""
        image = self.image(ref)
        return None if image is None else str(image["Id"])

    def image(self, ref: str) -> Mapping[str, Any] | None:
        """All that the engine knows of a local image; None when there is none of that name."""
        found: list[Mapping[str, Any]] = []
        with told(f"inspect image {ref}"), not_found_is_fine():
            found.append(dict(self._client.inspect_image(ref)))
        return found[0] if found else None

    def image_history(self, ref: str) -> str:
        """The text of an image's build history: what a reader of the image may learn of its making."""
        with told(f"read the history of image {ref}"):
            return "\n".join(f"{row.get('CreatedBy')} {row.get('Comment')}" for row in self._client.history(ref))

    def pull(self, ref: str) -> str:
        """Pull an image; returns its id. Raises ImageError."""
        repository, tag = _split(ref)
        with told(f"pull {ref}", error=ImageError):
            for event in self._slow.pull(repository, tag=tag, stream=True, decode=True):
                check_event(event, f"pull {ref}")
        return self._made(ref)

    def import_tar(self, path: Path, tag: str, changes: Iterable[str] = ()) -> str:
        """Make an image from a root file system in a tar file; returns its id. Raises ImageError."""
        repository, name = _split(tag)
        with path.open("rb") as file, told(f"import {tag}", error=ImageError):
            answer = self._slow.import_image(src=file, repository=repository, tag=name, changes=list(changes))
        for line in str(answer).splitlines():
            check_event(json.loads(line), f"import {tag}")
        return self._made(tag)

    def build(
        self, context: IO[bytes], tag: str, *, labels: Mapping[str, str], arguments: Mapping[str, str]
    ) -> Iterator[str]:
        """Build a tar of a Dockerfile and its context; yields the builder's lines. Raises ImageError."""
        with told(f"build {tag}", error=ImageError):
            events = self._slow.build(
                fileobj=context,
                custom_context=True,
                tag=tag,
                rm=True,
                forcerm=True,
                network_mode="host",
                labels=dict(labels),
                buildargs=dict(arguments),
                use_config_proxy=False,
                decode=True,
            )
            for event in events:
                check_event(event, f"build {tag}")
                yield from (line for line in str(event.get("stream", "")).splitlines() if line.strip())

    def commit(self, container: str, tag: str, labels: Mapping[str, str], changes: Iterable[str] = ()) -> str:
        """Make an image of a stopped container; returns its id."""
        repository, name = _split(tag)
        lines = [f"LABEL {_quoted(key)}={_quoted(value)}" for key, value in labels.items()]
        with told(f"commit {tag} from", container, error=ImageError):
            made = self._slow.commit(container, repository=repository, tag=name, changes=[*lines, *changes])
        return str(made["Id"])

    def tag(self, image: str, ref: str) -> None:
        """Give a local image another name."""
        repository, name = _split(ref)
        with told(f"name an image {ref}"):
            self._client.tag(image, repository, tag=name)

    def images(self, labels: Mapping[str, str]) -> tuple[Labelled, ...]:
        """All local images that carry these labels (an empty value matches any)."""
        with told("list images"):
            rows = self._client.images(filters={"label": label_filter(labels)})
        return tuple(
            Labelled(id=row["Id"], labels=row.get("Labels") or {}, names=tuple(row.get("RepoTags") or ()))
            for row in rows
        )

    def remove_image(self, ref: str) -> None:
        """Remove an image by tag or id; one that is gone, or still in use, is left alone."""
        with told(f"remove image {ref}"), done_already():
            self._client.remove_image(ref)

    def _made(self, ref: str) -> str:
        made = self.image_id(ref)
        if made is None:
            raise ImageError(f"the engine says it made image {ref}, but has none of that name")
        return made


def label_filter(labels: Mapping[str, str]) -> list[str]:
    """Labels as the engine's filters want them; an empty value matches any."""
    return [f"{key}={value}" if value else key for key, value in labels.items()]


def _split(ref: str) -> tuple[str, str]:
    """Repository and tag of a reference; a digest counts as a tag, as the engine's API wants it."""
    if "@" in ref:
        repository, _, digest = ref.partition("@")
        return repository.partition(":")[0] if "/" not in repository.rpartition(":")[2] else repository, digest
    repository, colon, tag = ref.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (ref, "latest")


def _quoted(text: str) -> str:
    """A value as a Dockerfile instruction reads it: nothing in it expands or ends the quotation."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'
