"""What a request demands of the state that it changes (RFC 9110, section 13; RFC 6585, section 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Header

from service.api.replies import matches, tags_in
from service.errors import Refused

IfMatch = Annotated[str | None, Header(description="The ETag of the state that is to be changed.")]
IfNoneMatch = Annotated[str | None, Header(description="ETags that are known already; * stands for any.")]


def demand(if_match: str | None, if_none_match: str | None, *, of: str, required: bool) -> Callable[[str | None], None]:
    """What looks whether the headers let a request change `of`, by the tag of its present state (None: there is none).

    It raises Refused: 412 if the state is not as the headers demand, 428 if it is `required` that they name the state
    and they do not: with If-Match, or, where there is none yet, with `If-None-Match: *`.
    """

    def look(tag: str | None) -> None:
        state = f"{of} is not set" if tag is None else f"{of} has the ETag {tag}"
        if if_match is not None and (tag is None or not {tag, "*"} & set(tags_in(if_match))):
            raise Refused(412, "Changed meanwhile", f"{state}, which If-Match does not name. Read it again.")
        if tag is not None and matches(if_none_match, tag):
            raise Refused(412, "Changed meanwhile", f"{state}, which If-None-Match excludes. Read it again.")
        named = if_match is not None if tag is not None else "*" in tags_in(if_none_match or "")
        if required and not named:
            remedy = "If-None-Match: *" if tag is None else f"If-Match: {tag}, if that is the state that you have seen"
            raise Refused(428, "Protected", f"{of} is protected: say which state of it you change. Send {remedy}.")

    return look
