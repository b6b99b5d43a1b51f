"""What a request can carry, as a form shows it."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from jackfield import Field, File, Upload


@dataclass
class JsonBody:
    json: Annotated[Any, Field(title="JSON", format="code")]


@dataclass
class FormBody:
    form: Annotated[dict[str, Any], Field(title="Form", description="The fields of a web form.")]


@dataclass
class TextBody:
    text: Annotated[str, Field(title="Text", format="text")]
    content_type: Annotated[str, Field(title="Content type", examples=("text/csv",))] = "text/plain; charset=utf-8"


@dataclass
class FileBody:
    file: Annotated[File, Field(title="File")]


@dataclass
class PartsBody:
    files: Annotated[dict[str, File], Field(title="Files", description="By the names of their fields.")]
    texts: Annotated[
        dict[str, str], Field(title="Files written here", description="By their names, such as notes.txt.")
    ] = field(default_factory=dict[str, str])
    fields: Annotated[dict[str, str], Field(title="Further fields")] = field(default_factory=dict[str, str])


@dataclass
class NoBody:
    nothing: Annotated[Literal[True], Field(title="Nothing", format="hidden")] = True


Body = JsonBody | FormBody | TextBody | FileBody | PartsBody | NoBody


def options_of(body: Body) -> dict[str, Any]:
    """Return the body in the words of `http.request`."""
    match body:
        case JsonBody(json=None):  # to the kit, None means that there is no body
            options = {"content": b"null", "content_type": "application/json"}
        case JsonBody(json=value):
            options = {"json": value}
        case FormBody(form=fields):
            options = {"form": fields}
        case TextBody(text=text, content_type=kind):
            options = {"text": text, "content_type": kind}
        case FileBody(file=file):
            options = {"file": file, "content_type": file.mime_type}
        case PartsBody(files=files, texts=texts, fields=fields):
            written = {name: Upload(name, text.encode(), "text/plain; charset=utf-8") for name, text in texts.items()}
            options = {"multipart": {**fields, **written, **files}}
        case NoBody():
            options = dict[str, Any]()
    return options
