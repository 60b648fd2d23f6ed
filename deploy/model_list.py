"""The list of models, models.toml; `python3.11 -m deploy.model_list MODELS FORMS` tells make what to build and from what.

The machine's own Python runs this before there is an environment: standard library only.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from deploy.errors import ServerError

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "models.toml"
STORE = "model_store"
RELEASED = "training/released"
BESIDE = {"digits": "eye", "numbers": "finder"}  # the net that an archive of a task holds beside its weights
DIGITS = "digits"  # the task of the models that read single digits
NAME = re.compile(r"[A-Za-z0-9_]+")  # "-" separates a model's name from the version of an archive that is kept: digits-1.0.mar
SUFFIXES = {"pytorch": ".pt", "onnx": ".onnx"}  # of the artifact of each target
WRONG_LIST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """A section of models.toml. The comment in that file says what each key means.

    Attributes:
        probe: the picture, and what the answer to it must say.
        artifact: a file name; "" if the archive holds the weights themselves.
        weights: the file that its artifact and archive are made of; "" for the weights that make is told of.
        pictures: the file that says what the answers to the pictures beside it must say; None for MNIST's test pictures.
    """

    name: str
    task: str
    target: str
    form: str
    config: Path
    built: bool
    probe: "KnownPicture"
    budget: str
    artifact: str = ""
    weights: str = ""
    pictures: Path | None = None


@dataclass(frozen=True, slots=True)
class KnownPicture:
    """A picture whose right answer is known.

    Attributes:
        picture: the encoded file.
        answer: what the JSON answer must say; it may say more.
    """

    picture: Path
    answer: Mapping[str, Any]


def read_models(path: Path = LIST) -> dict[str, ListedModel]:
    """The sections of the list by name, in their order; the files that they name are looked for relative to the list.

    Raises:
        ServerError: the list is missing or is not TOML; a section lacks a key, or has an unknown one or one of the wrong type; a
            file that it names is missing; or two models would be built from one artifact.
    """
    try:
        sections = tomllib.loads(path.read_text(encoding="utf-8"))
        models = {name: _read_section(name, section, path.parent) for name, section in sections.items()}
        artifacts = [model.artifact for model in models.values() if model.artifact]
        if not models:
            raise ValueError("it lists no model")
        if len(set(artifacts)) < len(artifacts):
            raise ValueError(f"two models name one artifact; each has its own of {', '.join(artifacts)}")
    except (OSError, ValueError) as err:
        raise ServerError(f"{path.name}: {err}") from err
    return models


def _read_section(name: str, section: Any, folder: Path) -> ListedModel:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a model; accepted are letters, digits and underscores")
    _check_keys(name, section, ListedModel, given="name")
    kinds = {key: bool if key == "built" else dict if key == "probe" else str for key in section}
    wrong = [f"{key} must be {_KINDS[kind]}" for key, kind in kinds.items() if type(section[key]) is not kind]
    if wrong:
        raise ValueError(f"{name}: {', '.join(wrong)}")
    if section["target"] not in SUFFIXES:
        raise ValueError(f"{name}: target is {section['target']!r}; accepted are {' and '.join(SUFFIXES)}")
    _check_artifact(name, section["target"], section.get("artifact", ""))
    probe = _read_probe(name, section["probe"], folder)
    files = {key: _existing(name, folder / section[key]) for key in ("config", "pictures") if key in section}
    return ListedModel(**section | files | {"name": name, "probe": probe})


_KINDS: Mapping[type, str] = {str: "a text", bool: "true or false", dict: "a table with picture and answer"}


def _check_keys(name: str, section: Any, kind: type, given: str = "") -> None:
    """Raise ValueError unless a section has every field of `kind` as a key; fields with a default are optional, `given` is left out."""
    known = {field.name: field.default is MISSING for field in fields(kind) if field.name != given}
    if not isinstance(section, dict):
        raise ValueError(f"{name} is no section; it must have the keys {', '.join(known)}")
    lacking = [key for key, is_needed in known.items() if is_needed and key not in section]
    unknown = [key for key in section if key not in known]
    if lacking or unknown:
        told = f"lacks {', '.join(lacking)}" if lacking else f"has the unknown key {', '.join(unknown)}"
        raise ValueError(f"{name} {told}; known are {', '.join(known)}")


def _check_artifact(name: str, target: str, artifact: str) -> None:
    are_weights = target == "pytorch" and not artifact
    if not are_weights and (artifact != Path(artifact).name or Path(artifact).suffix != SUFFIXES[target]):
        raise ValueError(f"{name}: artifact is {artifact!r}; it must be the name of a file that ends in {SUFFIXES[target]}")


def _read_probe(name: str, probe: Any, folder: Path) -> KnownPicture:
    _check_keys(f"{name}: probe", probe, KnownPicture)
    if not isinstance(probe["picture"], str) or not isinstance(probe["answer"], dict) or not probe["answer"]:
        raise ValueError(f"{name}: probe must be a picture's path and a table of what the answer says, as {{digit = 7}}")
    return KnownPicture(_existing(name, folder / probe["picture"]), probe["answer"])


def _existing(name: str, path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"{name} names {path.name}, and there is no file {path}")
    return path


def models_of(task: str) -> list[ListedModel]:
    """The listed models of a task; raises ServerError as read_models() does."""
    return [model for model in read_models().values() if model.task == task]


def choose(models: Mapping[str, ListedModel], names: Sequence[str] = (), forms: Sequence[str] = ()) -> list[ListedModel]:
    """The models with these names; if none is named, those that are always built and those in one of these forms.

    Raises:
        ServerError: there is no model with such a name or in such a form.
    """
    for wanted, known, kind in ((names, list(models), "model"), (forms, sorted({model.form for model in models.values()}), "form")):
        if unknown := [name for name in wanted if name not in known]:
            raise ServerError(f"no {kind} {', '.join(unknown)}; there are {', '.join(known)}")
    if names:
        return [models[name] for name in models if name in names]
    return [model for model in models.values() if model.built or model.form in forms]


def words(models: Mapping[str, ListedModel], chosen: Sequence[ListedModel]) -> Iterator[str]:
    """The words that make reads: key=value, or key@file=value for a file that make builds."""
    for model in models.values():
        archive, artifact = f"{STORE}/{model.name}.mar", f"{STORE}/{model.artifact}"
        yield f"archive={archive}"
        yield f"config@{archive}={model.config.relative_to(ROOT)}"
        if model.task in BESIDE:
            folder = RELEASED if model.target == "pytorch" else STORE
            yield f"beside@{archive}={folder}/{BESIDE[model.task]}{SUFFIXES[model.target]}"
        if model.weights:
            yield f"weights@{archive}={model.weights}"
        if model.artifact:
            yield f"artifact@{archive}={artifact}"
            yield f"{model.target if model.task == DIGITS else f'{model.task}-{model.target}'}={artifact}"
            yield f"form@{artifact}={model.form}"
    yield from (f"chosen={STORE}/{model.name}.mar" for model in chosen)


def main() -> None:
    names, forms = (argument.replace(",", " ").split() for argument in sys.argv[1:3])
    try:
        models = read_models()
        print(*words(models, choose(models, names, forms)))
    except ServerError as err:
        print(err)  # make takes what is printed here into its own message
        sys.exit(WRONG_LIST)


if __name__ == "__main__":
    main()
