"""Task specs together with their JSON text: what was read as JSON is not coded again."""

import json
from typing import TYPE_CHECKING, Any, Dict

if TYPE_CHECKING:
    _Spec = Dict[str, Any]
else:
    _Spec = dict


class WrittenSpec(_Spec):
    """A spec that must not change any more; `text` is its JSON text, in ASCII."""

    def __init__(self, spec: Dict[str, Any], text: str) -> None:
        super().__init__(spec)
        self.text = text


def keep_text(spec: Dict[str, Any], read: Dict[str, Any], text: str) -> Dict[str, Any]:
    """The spec with its text, if it is what was `read` from this text and nothing was completed;
    otherwise the spec itself."""
    try:
        text.encode("ascii")
    except UnicodeEncodeError:  # pools and answers hold ASCII
        return spec
    return WrittenSpec(spec, text.strip()) if spec == read else spec


def read_text(text: str) -> Dict[str, Any]:
    """The spec of this text, with the text."""
    spec: Dict[str, Any] = json.loads(text)
    return keep_text(spec, spec, text)


def text_of(spec: Dict[str, Any]) -> str:
    """The JSON text of a spec."""
    return spec.text if isinstance(spec, WrittenSpec) else json.dumps(spec)
