"""All routes of the API, and the search for the route of a request."""

from typing import Dict, List, Optional, Tuple

from pilot.ops.server.route import Route
from pilot.ops.server.story_routes import STORY_ROUTES
from pilot.ops.server.task_routes import TASK_ROUTES

ROUTES: List[Route] = TASK_ROUTES + STORY_ROUTES


def split_path(path: str) -> Tuple[str, ...]:
    """Return the segments of a path."""
    return tuple(path[1:].split("/"))


_EXACT: Dict[Tuple[str, Tuple[str, ...]], Route] = {
    (route.method, split_path(route.path)): route for route in ROUTES if "{" not in route.path
}
_PATTERNS = [(route, split_path(route.path)) for route in ROUTES if "{" in route.path]


def find_route(method: str, path: Tuple[str, ...]) -> Optional[Tuple[Route, Dict[str, str]]]:
    """Return the route and the names in its address, or None if there is no such route. A HEAD
    counts as a GET."""
    method = "GET" if method == "HEAD" else method
    exact = _EXACT.get((method, path))
    if exact is not None:
        return exact, {}
    for route, pattern in _PATTERNS:
        if route.method == method and len(pattern) == len(path) and all(
                want.startswith("{") and got or want == got for want, got in zip(pattern, path)):
            return route, {
                want[1:-1]: got for want, got in zip(pattern, path) if want.startswith("{")
            }
    return None


def methods_of(path: Tuple[str, ...]) -> List[str]:
    """Return the methods that this address supports."""
    return [method for method in ("GET", "POST") if find_route(method, path)]
