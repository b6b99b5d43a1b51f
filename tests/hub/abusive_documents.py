"""Documents nobody sends in good faith, by what is wrong with them: `{family: {name: Abuse}}`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NOBODY = "13b3ab9c-0000-4000-8000-c4dd07fbbfa4"


@dataclass(frozen=True)
class Abuse:
    """What is sent, and the code it is refused with; None: a mistake of the language, which has no code."""

    document: str
    code: str | None = None
    variables: dict[str, Any] = field(default_factory=dict[str, Any])
    operation_name: str | None = None


def doubling(levels: int, bottom: str, on: str = "Query") -> str:
    """Fragments that each spread the next one twice: 2 ** levels times what is at the bottom."""
    fragments = [f"fragment F{number} on {on} {{ ...F{number + 1} ...F{number + 1} }}" for number in range(levels)]
    return " ".join(["{ ...F0 }", *fragments, f"fragment F{levels} on {on} {{ {bottom} }}"])


def nested(field_name: str, levels: int) -> str:
    return f"{field_name} {{ " * levels + "__typename" + " }" * levels


def aliases(count: int, field_name: str = "__typename") -> str:
    return " ".join(f"a{number}: {field_name}" for number in range(count))


def create(**fields: str) -> str:
    said = ", ".join(f"{name}: {value}" for name, value in fields.items())
    return f"mutation {{ createExternalUser(input: {{{said}}}) {{ userId }} }}"


def store(data: str) -> str:
    return (
        f'mutation {{ createUserAuthentication(input: {{name: "x", serviceId: "{NOBODY}", '
        f'serviceEnvironmentId: "{NOBODY}", scopes: [], data: {data}}}) {{ authenticationId }} }}'
    )


def call(given: str, **fields: str) -> str:
    said = "".join(f", {name}: {value}" for name, value in fields.items())
    return (
        'mutation { callConnector(input: {connector: "none", version: "1.0", operation: "x", '
        f"input: {given}{said}}}) {{ output }} }}"
    )


LIST = "users { edges { node { id } } }"

DEPTH = {
    "users of users": Abuse("{ " + nested("users", 30) + " }", "query_too_deep"),
    "deep by inline fragments": Abuse(
        "{ " + "... on Query { viewer { " * 25 + "__typename" + " } }" * 25 + " }", "query_too_deep"
    ),
    "deep by a chain of fragments": Abuse(
        "{ ...F0 } "
        + " ".join(f"fragment F{n} on Query {{ viewer {{ ...F{n + 1} }} }}" for n in range(30))
        + " fragment F30 on Query { __typename }",
        "query_too_deep",
    ),
    "deeper than a parser goes": Abuse("{ " + nested("viewer", 400) + " }", "query_too_deep"),
    "fragments in fragments without a field": Abuse("{ " + "... { " * 90 + "__typename" + " }" * 90 + " }", ""),
    "unclosed braces": Abuse("{ viewer " * 500, "query_too_deep"),
    "a list in a list in a list": Abuse(store("[" * 90 + "]" * 90), "invalid_input"),
    "a list deeper than a parser goes": Abuse(store("[" * 500 + "]" * 500), "query_too_deep"),
    "an object in an object": Abuse(store("{a: " * 90 + "1" + "}" * 90), "resource_does_not_exist"),
    "a type in a type": Abuse("query(" + "$a: " + "[" * 300 + "Int" + "]" * 300 + ") { __typename }", "query_too_deep"),
    "types of fields of types": Abuse(
        "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }"
    ),
    "possible types of interfaces": Abuse(
        "{ __schema { types { possibleTypes { interfaces { possibleTypes { interfaces { name } } } } } } }"
    ),
    "a type of a type of a type": Abuse('{ __type(name: "Query") { ' + nested("ofType", 40) + " } }", "query_too_deep"),
}

ALIASES = {
    "a hundred names": Abuse("{ " + aliases(100) + " }", "too_many_aliases"),
    "sixty lists": Abuse("{ " + aliases(60, LIST) + " }", "too_many_aliases"),
    "names inside a list": Abuse("{ users { edges { node { " + aliases(100, "id") + " } } } }", "too_many_aliases"),
    "ten names, eight times over": Abuse(doubling(3, aliases(10)), "too_many_aliases"),
    "one name, a hundred times over": Abuse(doubling(7, "a: __typename"), "too_many_aliases"),
    "a million million names": Abuse(doubling(40, "a: __typename"), "too_many_fields"),
    "many fragments of few names": Abuse(
        "{ "
        + " ".join(f"...F{n}" for n in range(40))
        + " } "
        + " ".join(f"fragment F{n} on Query {{ a{n}: __typename b{n}: __typename }}" for n in range(40)),
        "too_many_aliases",
    ),
    "in inline fragments": Abuse(
        "{ " + "".join(f"... {{ a{n}: __typename }} " for n in range(60)) + "}", "too_many_aliases"
    ),
    "spread over operations": Abuse(
        " ".join(f"query Q{n} {{ {aliases(5)} }}" for n in range(10)), "too_many_aliases", operation_name="Q1"
    ),
    "in a fragment nobody uses": Abuse(
        "{ __typename } fragment F on Query { " + aliases(60) + " }", "too_many_aliases"
    ),
    "logins": Abuse(
        "mutation { " + aliases(60, f'authorize(input: {{userId: "{NOBODY}"}}) {{ accessToken }}') + " }",
        "too_many_aliases",
    ),
    "introspection many times": Abuse("{ " + aliases(50, "__schema { types { name } }") + " }", "too_many_aliases"),
}

CYCLES = {
    "a fragment in itself": Abuse("{ ...F } fragment F on Query { ...F }", "fragment_cycle"),
    "two in each other": Abuse("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", "fragment_cycle"),
    "with fields between": Abuse(
        "{ ...A } fragment A on Query { viewer { ...B } } fragment B on Viewer { ...A }", "fragment_cycle"
    ),
    "nobody uses it": Abuse("{ __typename } fragment F on Query { ...F }", "fragment_cycle"),
    "a ring of forty": Abuse(
        "{ ...F0 } " + " ".join(f"fragment F{n} on Query {{ ...F{(n + 1) % 40} }}" for n in range(40)), "fragment_cycle"
    ),
    "through an inline fragment": Abuse("{ ...F } fragment F on Query { ... { ... { ...F } } }", "fragment_cycle"),
    "a fragment that is not there": Abuse("{ ...F }"),
    "the same fragment twice": Abuse("{ ...F } fragment F on Query { __typename } fragment F on Query { __typename }"),
}

FIELDS = {
    "one field, six hundred times": Abuse("{ " + "__typename " * 600 + "}", "too_many_fields"),
    "a few, doubled ten times": Abuse(doubling(10, "__typename viewer { __typename }"), "too_many_fields"),
    "doubled two hundred times": Abuse(doubling(45, "__typename"), "too_many_fields"),
    "doubled without a field": Abuse(doubling(45, "... @include(if: true) { __typename }"), "too_many_fields"),
    "more definitions than fifty": Abuse(
        "{ __typename } " + " ".join(f"fragment F{n} on Query {{ __typename }}" for n in range(60)), "query_too_long"
    ),
    "more words than a thousand": Abuse("{ " + "__typename " * 3000 + "}", "query_too_long"),
    "a name of fifty thousand letters": Abuse("{ " + "a" * 50_000 + " }"),
    "more letters than a hundred thousand": Abuse("{ __typename } # " + "a" * 100_000, "query_too_long"),
    "a long comment": Abuse("# " + "a" * 90_000 + "\n{ nothing }"),
    "ninety thousand commas": Abuse("{ nothing " + "," * 90_000 + "}"),
    "a long text": Abuse(create(name='"' + "a" * 90_000 + '"', externalUserId='"x"'), "invalid_input"),
    "fields that clash, again and again": Abuse(
        "{ " + " ".join(f"viewer {{ details {{ name }} }} users(first: {n}) {{ __typename }}" for n in range(40)) + " }"
    ),
    "unknown fields, again and again": Abuse("{ " + " ".join(f"nothing{n}" for n in range(400)) + " }"),
}

DIRECTIVES = {
    "one directive, a hundred times": Abuse("{ __typename " + "@skip(if: false) " * 100 + "}", "too_many_directives"),
    "on many fields": Abuse("{ " + "__typename @include(if: true) " * 50 + "}", "too_many_directives"),
    "on the operation": Abuse("query " + "@skip(if: false) " * 60 + "{ __typename }", "too_many_directives"),
    "on variables": Abuse("query($a: Int " + "@x " * 60 + ") { __typename }", "too_many_directives"),
    "on a fragment": Abuse("{ ...F } fragment F on Query " + "@x " * 60 + "{ __typename }", "too_many_directives"),
    "on spreads": Abuse(
        "{ " + "...F @skip(if: false) " * 60 + "} fragment F on Query { __typename }", "too_many_directives"
    ),
    "in fragments, doubled": Abuse(doubling(6, "... @skip(if: true) { __typename }"), "too_many_directives"),
    "an unknown one": Abuse("{ __typename @unknown }"),
    "one that delays": Abuse("{ ... @defer { viewer { details { name } } } }"),
    "one that streams": Abuse("{ users { edges @stream { cursor } } }"),
    "one without its argument": Abuse("{ __typename @skip }"),
    "the same one twice": Abuse("{ __typename @skip(if: true) @skip(if: false) }"),
}

NUMBERS_AND_CURSORS = {
    "more than 32 bits": Abuse("{ users(first: 99999999999) { edges { cursor } } }"),
    "more digits than a number can have": Abuse("{ users(first: " + "9" * 50_000 + ") { edges { cursor } } }"),
    "a float for a number": Abuse("query($n: Int) { users(first: $n) { edges { cursor } } }", variables={"n": 1e300}),
    "a huge number in a variable": Abuse(
        "query($n: Int) { users(first: $n) { edges { cursor } } }", variables={"n": 2**63}
    ),
    "less than none": Abuse("{ users(first: -1) { edges { cursor } } }", "invalid_input"),
    "less than none, from the end": Abuse("{ users(last: -2147483648) { edges { cursor } } }", "invalid_input"),
    "a text for a number": Abuse('{ users(first: "10") { edges { cursor } } }'),
    "no cursor": Abuse('{ users(after: "nonsense") { edges { cursor } } }', "invalid_input"),
    "an empty cursor": Abuse('{ users(after: "") { edges { cursor } } }', "invalid_input"),
    "base64 of something else": Abuse('{ users(before: "aGVsbG8=") { edges { cursor } } }', "invalid_input"),
    "base64 that ends early": Abuse('{ users(after: "MTNiM2FiOWM") { edges { cursor } } }', "invalid_input"),
    "a cursor with SQL in it": Abuse('{ users(after: "JyBPUiAxPTEgLS0=") { edges { cursor } } }', "invalid_input"),
    "a cursor of 90,000 letters": Abuse(
        '{ users(after: "' + "A" * 90_000 + '") { edges { cursor } } }', "invalid_input"
    ),
    "a cursor for auths": Abuse('{ viewer { authentications(before: "xx") { __typename } } }', "invalid_input"),
    "infinity": Abuse(store("{a: 1e999}")),
    "a number without end in data": Abuse(store("{a: " + "9" * 5_000 + "}")),
}

VALUES = {
    "data that is no JSON": Abuse(store('"{nonsense"'), "invalid_input"),
    "data that is a list": Abuse(store("[1, 2]"), "invalid_input"),
    "data that is nothing": Abuse(store("null")),
    "data nested deeper than a hundred": Abuse(store('"' + '{\\"a\\":' * 200 + "1" + "}" * 200 + '"'), "invalid_input"),
    "input that is no JSON": Abuse(call('"{nonsense"'), "invalid_input"),
    "input that is a list": Abuse(call('"[]"'), "invalid_input"),
    "input that is an object": Abuse(call("{a: 1}")),
    "input with NaN": Abuse(call('"{\\"a\\": NaN}"'), "invalid_input"),
    "an auth id that is none": Abuse(call('"{}"', authId='"x"'), "invalid_input"),
    "half a character": Abuse(create(name='"\\uD800"', externalUserId='"x"')),
    "a control character": Abuse(create(name='"a\\u0000b"', externalUserId='"x"'), "invalid_input"),
    "an empty name": Abuse(create(name='""', externalUserId='"x"'), "invalid_input"),
    "fields that are not asked for": Abuse(
        create(name='"x"', externalUserId='"x"', organizationId='"y"', role='"Owner"')
    ),
    "a field twice": Abuse(create(name='"x", name: "y"', externalUserId='"x"')),
    "an id that is an object": Abuse("mutation { authorize(input: {userId: {id: 1}}) { accessToken } }"),
    "an id that is a number": Abuse(
        "mutation { authorize(input: {userId: 5}) { accessToken } }", "user_does_not_exist"
    ),
    "a variable that is not declared": Abuse("mutation { authorize(input: {userId: $id}) { accessToken } }"),
    "a variable of another type": Abuse(
        "mutation($id: Int!) { authorize(input: {userId: $id}) { accessToken } }", variables={"id": 5}
    ),
    "a variable that is missing": Abuse("mutation($id: ID!) { authorize(input: {userId: $id}) { accessToken } }"),
}

DOCUMENTS = {
    "no operation": Abuse("fragment F on Query { __typename }"),
    "a schema": Abuse("type Query { a: Int }"),
    "a subscription": Abuse("subscription { users }"),
    "two operations and no name": Abuse("query A { __typename } query B { __typename }"),
    "an operation that is not there": Abuse("query A { __typename }", operation_name="B"),
    "two operations of one name": Abuse("query A { __typename } query A { __typename }", operation_name="A"),
    "not GraphQL": Abuse("SELECT * FROM users"),
    "nothing in it": Abuse("{ }", ""),
    "only spaces": Abuse("   "),
    "a text without end": Abuse('{ a(b: "'),
    "a block text without end": Abuse('{ a(b: """'),
    "a wrong escape": Abuse('{ a(b: "\\q") }'),
    "a byte order mark in the middle": Abuse("{ a \ufeff b }"),
    "right to left": Abuse("{ \u202e }"),
}

ABUSES: dict[str, dict[str, Abuse]] = {
    "depth": DEPTH,
    "aliases": ALIASES,
    "cycles": CYCLES,
    "fields": FIELDS,
    "directives": DIRECTIVES,
    "numbers and cursors": NUMBERS_AND_CURSORS,
    "values": VALUES,
    "documents": DOCUMENTS,
}
