"""How much one GraphQL document may ask for, decided before any of it is looked up.

    length, tokens, brackets ─→ syntax ─→ definitions ─→ weight, fragments spread out ─→ validation ─→ execution,
                                                                                                       with a time and
                                                                                                       a number of nodes

Fragments are weighed once and counted wherever they are spread: thirty short ones that name each other can ask for a
billion fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    Lexer,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    Source,
    TokenKind,
)
from graphql.validation import MaxIntrospectionDepthRule
from strawberry.extensions import SchemaExtension

MAX_CHARACTERS = 100_000  #: of a document; large inputs belong into its variables
MAX_TOKENS = 1_000  #: words and signs of a document
MAX_BRACKETS = 100  #: open at the same time, of any kind
MAX_DEFINITIONS = 50  #: operations and fragments
MAX_DEPTH = 20  #: of fields inside fields; introspection takes about 15
MAX_FIELDS = 400
MAX_ALIASES = 30
MAX_DIRECTIVES = 30
MAX_PAGE = 5_000  #: nodes of one list
MAX_NODES = 10_000  #: nodes of all lists in an answer


class Limit(StrEnum):
    """Why a document was not answered: `extensions.code` of the error."""

    TOO_LONG = "query_too_long"  #: more characters, tokens or definitions than anybody needs
    TOO_DEEP = "query_too_deep"  #: fields inside fields inside fields
    TOO_MANY_FIELDS = "too_many_fields"
    TOO_MANY_ALIASES = "too_many_aliases"
    TOO_MANY_DIRECTIVES = "too_many_directives"
    FRAGMENT_CYCLE = "fragment_cycle"  #: a fragment that contains itself
    TOO_MANY_NODES = "too_many_nodes"  #: the lists of the answer are too long, together
    TOOK_TOO_LONG = "took_too_long"


ALLOWED = {
    Limit.TOO_LONG: f"{MAX_CHARACTERS} characters, {MAX_TOKENS} words and signs, "
    f"{MAX_DEFINITIONS} operations and fragments. Large inputs belong into variables.",
    Limit.TOO_DEEP: f"{MAX_DEPTH} levels of fields inside fields, {MAX_BRACKETS} open brackets",
    Limit.TOO_MANY_FIELDS: f"{MAX_FIELDS} fields",
    Limit.TOO_MANY_ALIASES: f"{MAX_ALIASES} aliases",
    Limit.TOO_MANY_DIRECTIVES: f"{MAX_DIRECTIVES} directives",
    Limit.FRAGMENT_CYCLE: "No fragment that contains itself",
    Limit.TOO_MANY_NODES: f"{MAX_NODES} nodes in all lists of an answer together, {MAX_PAGE} in one",
    Limit.TOOK_TOO_LONG: "`JACKFIELD_GRAPHQL_SECONDS`, and for each call what a call may take",
}
_OPENING = (TokenKind.PAREN_L, TokenKind.BRACKET_L, TokenKind.BRACE_L)
_CLOSING = (TokenKind.PAREN_R, TokenKind.BRACKET_R, TokenKind.BRACE_R)


class OverLimit(GraphQLError):
    """A document that asks for too much."""

    def __init__(self, limit: Limit, message: str) -> None:
        super().__init__(message, extensions={"code": limit.value})


@dataclass(frozen=True, slots=True)
class Weight:
    """What a selection asks for once its fragments are spread out."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0

    def beside(self, other: Weight) -> Weight:
        return Weight(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.directives + other.directives,
        )


class Limits(SchemaExtension):
    """Holds every document against the limits, before the rules of the language: some of those take long."""

    def on_operation(self) -> Iterator[None]:
        self.execution_context.validation_rules += (MaxIntrospectionDepthRule,)
        yield

    def on_validate(self) -> Iterator[None]:
        document = self.execution_context.graphql_document
        assert document is not None, "it is parsed by now"
        try:
            check_document(document)
            _check_operation(document, self.execution_context.context.operation_name)
        except GraphQLError as mistake:
            self.execution_context.pre_execution_errors = [mistake]
        yield


def check_text(document: str) -> None:
    """Raises OverLimit, or another GraphQLError where there is no word of the language."""
    if len(document) > MAX_CHARACTERS:
        message = f"The document has more than {MAX_CHARACTERS} characters; send large inputs as variables"
        raise OverLimit(Limit.TOO_LONG, message)
    tokens, brackets, lexer = 0, 0, Lexer(Source(document))
    while (kind := lexer.advance().kind) is not TokenKind.EOF:
        tokens += 1
        brackets += (kind in _OPENING) - (kind in _CLOSING)
        if tokens > MAX_TOKENS:
            raise OverLimit(Limit.TOO_LONG, f"The document has more than {MAX_TOKENS} words and signs")
        if brackets > MAX_BRACKETS:
            raise OverLimit(Limit.TOO_DEEP, f"The document has more than {MAX_BRACKETS} brackets open at once")


def check_document(document: DocumentNode) -> None:
    """Raises OverLimit."""
    if len(document.definitions) > MAX_DEFINITIONS:
        raise OverLimit(Limit.TOO_LONG, f"The document has more than {MAX_DEFINITIONS} operations and fragments")
    weight = weigh(document)
    for limit, measured, most, what in (
        (Limit.TOO_DEEP, weight.depth, MAX_DEPTH, "levels of fields inside fields"),
        (Limit.TOO_MANY_FIELDS, weight.fields, MAX_FIELDS, "fields"),
        (Limit.TOO_MANY_ALIASES, weight.aliases, MAX_ALIASES, "aliases"),
        (Limit.TOO_MANY_DIRECTIVES, weight.directives, MAX_DIRECTIVES, "directives"),
    ):
        if measured > most:
            raise OverLimit(limit, f"The document asks for more than {most} {what}, its fragments counted where used")


def _check_operation(document: DocumentNode, operation_name: str | None) -> None:
    """Strawberry would carry out the first operation when nobody says which."""
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if operation_name is None and len(operations) > 1:
        raise GraphQLError("The document has more than one operation; say which with operationName", operations[1])


def weigh(document: DocumentNode) -> Weight:
    """Return what all operations of a document ask for, together. Raises OverLimit for a fragment inside itself."""
    scales = _Scales(document)
    total = Weight()
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            on_variables = sum(len(variable.directives or ()) for variable in definition.variable_definitions or ())
            total = total.beside(Weight(directives=len(definition.directives or ()) + on_variables))
            total = total.beside(scales.weigh(definition.selection_set))
    return total.beside(scales.weigh_unused())


class _Scales:
    """Weighs each fragment once."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._weights: dict[str, Weight | None] = {}  # None: it is on the scales

    def weigh(self, selections: SelectionSetNode | None) -> Weight:
        total = Weight()
        for selection in selections.selections if selections else ():
            total = total.beside(self._weigh_one(selection))
        return total

    def weigh_unused(self) -> Weight:
        """Nobody asks for them, but the rules of the language read them all the same."""
        total = Weight()
        for name in self._fragments.keys() - self._weights.keys():
            total = total.beside(self._weigh_fragment(name))
        return total

    def _weigh_one(self, selection: SelectionNode) -> Weight:
        own = Weight(directives=len(selection.directives or ()))
        if isinstance(selection, FieldNode):
            below = self.weigh(selection.selection_set)
            field = Weight(depth=below.depth + 1, fields=1, aliases=1 if selection.alias else 0)
            return own.beside(below).beside(field)
        if isinstance(selection, InlineFragmentNode):
            return own.beside(self.weigh(selection.selection_set))
        assert isinstance(selection, FragmentSpreadNode), "there are three kinds of selections"
        return own.beside(self._weigh_fragment(selection.name.value))

    def _weigh_fragment(self, name: str) -> Weight:
        fragment = self._fragments.get(name)
        if fragment is None:
            return Weight()  # the rules of the language will say so
        if name not in self._weights:
            self._weights[name] = None
            own = Weight(directives=len(fragment.directives or ()))
            self._weights[name] = own.beside(self.weigh(fragment.selection_set))
        weight = self._weights[name]
        if weight is None:
            raise OverLimit(Limit.FRAGMENT_CYCLE, f"The fragment {name:.50} contains itself")
        return weight
