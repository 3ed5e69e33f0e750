"""What must fit together across the file: names that are used twice, and names that nobody has."""

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from monitor.config.playbook import read_playbook
from monitor.config.problems import Trail, hint
from monitor.config.searches import refused_searches
from monitor.config.sections import People
from monitor.mail.items import Detail
from monitor.playbook import Change, make_policy

Found = Iterator[tuple[Trail, str]]


def misfits(data: Any) -> Found:
    """What in the bare values does not fit together, with its path; other mistakes are passed over."""
    yield from _twice(data, "schools", "id")
    yield from _twice(data, "sources", "name")
    yield from _unknown_schools(data)
    yield from _two_minds(data)
    yield from _changes(data)
    yield from _scored_in_two_ways(data)
    yield from _sealed_and_mailed(data)
    yield from refused_searches(data)


def _listed(data: Any, key: str) -> list[tuple[int, dict[str, Any]]]:
    found = data.get(key) if isinstance(data, dict) else None
    return (
        [(number, item) for number, item in enumerate(found) if isinstance(item, dict)]
        if isinstance(found, list)
        else []
    )


def _twice(data: Any, key: str, name: str) -> Found:
    seen: dict[str, int] = {}
    for number, item in _listed(data, key):
        word = str(item.get(name, "")).strip().lower()
        if word and word in seen:
            yield (key, number, name), f"is used twice; {key}[{seen[word]}] has it too"
        seen.setdefault(word, number)


def _ids(data: Any) -> list[str]:
    return [str(item["id"]) for _, item in _listed(data, "schools") if "id" in item]


def _unknown_schools(data: Any) -> Found:
    known = _ids(data)
    for number, source in _listed(data, "sources"):
        if "official" in source and source["official"] not in known:
            yield ("sources", number, "official"), _no_school(source["official"], known)
    for path, person in _people(data):
        schools = person.get("schools")
        for place, school in enumerate(schools if isinstance(schools, list) else []):
            if school not in known:
                yield (*path, "schools", place), _no_school(school, known)


def _no_school(word: Any, known: list[str]) -> str:
    return f"no school has the id '{word}'.{hint(str(word), known)} The ids are {', '.join(known)}."


def _people(data: Any) -> Iterator[tuple[Trail, dict[str, Any]]]:
    people = data.get("people") if isinstance(data, dict) else None
    for role in People.model_fields:
        for number, person in _listed(people, role):
            yield ("people", role, number), person


def _two_minds(data: Any) -> Found:
    """One address with different schools in two roles would hear of one school in the other's role."""
    first: dict[str, frozenset[str]] = {}
    everywhere = frozenset(_ids(data))
    for path, person in _people(data):
        schools, email = person.get("schools") or [], str(person.get("email", "")).lower()
        if not isinstance(schools, list) or not email:
            continue
        named = frozenset(map(str, schools)) or everywhere
        if first.setdefault(email, named) != named:
            yield (
                (*path, "email"),
                f"{email} has other schools in another role; give both the same schools, or use a second "
                "address",
            )


def _scored_in_two_ways(data: Any) -> Found:
    """One post may come by two sources of a platform: the narrower one must hold for both."""
    first: dict[tuple[str, str], tuple[int, frozenset[str]]] = {}
    for number, source in _listed(data, "sources"):
        # Of these, two sources with one address are one; of all others a platform's posts are the same.
        place = source.get("url") or source.get("path") or source.get("server") or source.get("folder")
        key = str(source.get("platform", "")).removesuffix("_stream"), str(place or "")
        written = source.get("scores")
        heads = frozenset(map(str, written)) if isinstance(written, list) else frozenset()
        earlier = first.setdefault(key, (number, heads))
        if earlier[1] != heads:
            yield (
                ("sources", number, "scores" if written else "name"),
                f"sources of one platform may bring the same posts, and sources[{earlier[0]}] has other "
                "scores: write the same in both",
            )


def _sealed_and_mailed(data: Any) -> Found:
    """Words that this machine is not to read again cannot go out by mail."""
    evidence, mail = (data.get(key) if isinstance(data, dict) else None for key in ("evidence", "mail"))
    sealed = isinstance(evidence, dict) and _is_true(evidence.get("sealed"))
    if sealed and isinstance(mail, dict) and mail.get("detail") == Detail.EXCERPT.value:
        yield (
            ("mail", "detail"),
            "with evidence.sealed no words of posts can be mailed, since nobody here can read them: write "
            "minimal, or leave it out",
        )


def _is_true(value: Any) -> bool:
    try:
        return TypeAdapter(bool).validate_python(value)
    except ValidationError:
        return False  # said already, where every option is checked


def _changes(data: Any) -> Found:
    changes = data.get("thresholds") if isinstance(data, dict) else None
    for key, value in changes.items() if isinstance(changes, dict) else ():
        try:
            make_policy(read_playbook(), {key: Change.model_validate(value)}, {})
        except ValidationError:
            continue  # said already, where every option is checked
        except ValueError as error:
            yield ("thresholds", key), str(error).removeprefix(f"{key}: ")
