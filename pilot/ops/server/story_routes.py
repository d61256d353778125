"""The routes for pilots: their events, their tokens, statistics."""

from typing import List

from pilot.ops.server import shape, story_api
from pilot.ops.server.route import (
    ANYBODY, LOOKERS, MEGABYTE, PAGE, PILOT_ID, READERS, WORKERS, Route,
)
from pilot.ops.server.shape import Shapes
from pilot.ops.server.tokens import STARTER

EVENT_HEAD = shape.any_object()
SINCE: Shapes = {"hours": shape.any_number(0.01, 24 * 400).optional(24.0)}
PILOTS: Shapes = dict(
    PAGE,
    site=shape.text_of(200).optional(),
    state=shape.text_of(40).optional(),
    command=shape.text_of(100).optional(),
)

STORY_ROUTES: List[Route] = [
    Route(
        "POST",
        "/v1/tokens",
        ("admin", "factory"),
        "now",
        story_api.mint_token,
        {"pilot": PILOT_ID, "seconds": shape.any_number(60, 14 * 86400).optional(6 * 3600.0)},
        "Mint a pilot's token.",
    ),
    Route(
        "POST",
        "/v1/tokens/start",
        ("admin", "factory"),
        "now",
        story_api.make_start_token,
        {
            "prefix": shape.text_of(100),
            "count": shape.integer_from(1, 100000).optional(1),
            "seconds": shape.any_number(60, 90 * 86400).optional(7 * 86400.0),
        },
        "A token that pilots whose ids begin with the prefix exchange at their start for their own.",
    ),
    Route(
        "POST",
        "/v1/tokens/exchange",
        (STARTER,),
        "write",
        story_api.exchange_token,
        {"id": PILOT_ID},
        "A pilot's own token for its start token.",
    ),
    Route(
        "POST",
        "/v1/tokens/withdraw",
        ("admin", "factory"),
        "now",
        story_api.withdraw_token,
        {"pilot": PILOT_ID},
        "Revoke every token of a pilot, or of all whose ids begin with what stands before a *.",
    ),
    Route(
        "POST",
        "/v1/tokens/renew",
        ("pilot",),
        "now",
        story_api.renew_token,
        {},
        "A fresh token for the pilot that asks.",
    ),
    Route(
        "POST",
        "/v1/events",
        WORKERS,
        "story",
        story_api.post_events,
        {"events": shape.list_of(EVENT_HEAD, 5000)},
        "Store events of pilots; an event with a known (pilot, seq) is stored once.",
        8 * MEGABYTE,
    ),
    Route(
        "GET",
        "/v1/overview",
        LOOKERS,
        "read",
        story_api.get_overview,
        SINCE,
        "Counts, curves, failures by reason.",
    ),
    Route(
        "GET",
        "/v1/pilots",
        LOOKERS,
        "read",
        story_api.list_pilots,
        PILOTS,
        "Pilots, the most recent report first; `after` is the value next of the previous answer.",
    ),
    Route(
        "GET",
        "/v1/pilots/{pilot}",
        READERS,
        "read",
        story_api.get_pilot,
        {},
        "One pilot: its state, facts, steps and runs.",
    ),
    Route(
        "GET",
        "/v1/pilots/{pilot}/events",
        READERS,
        "read",
        story_api.pilot_events,
        {
            "after": shape.integer_from(0, 1 << 53).optional(0),
            "limit": shape.integer_from(1, 5000).optional(500),
            "kind": shape.text_of(40).optional(),
        },
        "A pilot's events in order.",
    ),
    Route(
        "GET",
        "/v1/sites",
        LOOKERS,
        "read",
        story_api.list_sites,
        SINCE,
        "Sites with their pilots and tasks.",
    ),
    Route(
        "POST",
        "/v1/pilots/heard",
        LOOKERS,
        "read",
        story_api.list_heard,
        {"pilots": shape.list_of(PILOT_ID, 1000), "seconds": shape.any_number(1, 86400)},
        "Those of these pilots that have not ended and sent an event lately.",
    ),
    Route(
        "GET",
        "/v1/factories",
        LOOKERS,
        "read",
        story_api.list_factories,
        SINCE,
        "Factories that report here: their sites, decisions and curves.",
    ),
    Route(
        "GET",
        "/v1/statistics",
        LOOKERS,
        "read",
        story_api.get_statistics,
        SINCE,
        "Each command and site: number of runs, times, reasons of failure; waste.",
    ),
    Route(
        "GET",
        "/metrics",
        LOOKERS,
        "write",
        story_api.get_metrics,
        {},
        "The same for Prometheus, as text.",
    ),
    Route(
        "GET",
        "/healthz",
        ANYBODY,
        "write",
        story_api.get_health,
        {},
        "200 when the pool can be written.",
    ),
]
