"""What openapi.yaml can't say, told to Schemathesis. Every request is made all the same, and every check is on."""

import itertools
import os
import re
import time

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

# Not random numbers: what makes up the requests has them begin anew each time.
numbers = itertools.count()
# The ids of the tokens that all requests are made with.
OWN = os.environ["CONFORMANCE_OWN"].split(",")
BOOKMARK = re.compile(r"\d+(\.|-)[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+")


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Adds links whose parameters are in the body of the next request: OpenAPI has only those of its URL and headers."""
    responses = raw_schema["components"]["responses"]
    for name in ("ConversationCreated", "ConversationExisting"):
        responses[name]["links"]["send"] = {
            "operationId": "createMessage",
            "requestBody": {"conversation_id": "$response.body#/id", "message": "See you at eight."},
        }
    responses["MessageCreated"]["links"]["pin"] = {
        "operationId": "updateConversation",
        "parameters": {"id": "$response.body#/conversation_id"},
        "requestBody": {"pinned_message_id": "$response.body#/id"},
    }


@schemathesis.hook
def before_call(context, case, kwargs):
    """Keeps requests from spoiling those after them."""
    # Each comes from an address of its own: one that fails to authenticate all the time would be limited.
    number = next(numbers)
    case.headers["CF-Connecting-IP"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    # The run doesn't take its own tokens away, which it finds in the list.
    if case.method != "GET" and case.path_parameters.get("id") in OWN:
        case.path_parameters["id"] = "NoSuchToken00000"
    # Deliveries stay on this machine, where no receiver listens.
    if case.path.startswith("/v1/webhooks") and isinstance(case.body, dict) and str(case.body.get("url")).startswith("https://"):
        case.body["url"] = "http://127.0.0.1:1024/"
    # A request that waits for events waits one second.
    if str((case.query or {}).get("wait")) in [str(seconds) for seconds in range(1, 31)]:
        case.query["wait"] = 1


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Tells what is right from a failure: False for what is right."""
    if isinstance(failure, RejectedPositiveData):
        return not rightly_refused(case, response)
    if isinstance(failure, AcceptedNegativeData):
        # A deployment without replicas doesn't read this header.
        return BOOKMARK.fullmatch(case.headers.get("X-D1-Bookmark", "0.0-0-0-0")) is not None
    if isinstance(failure, UseAfterFree):
        # A token that was revoked is still there to be looked at; it is good for nothing else.
        return not (case.operation.label == "GET /v1/tokens/{id}" and response.json()["revoked_at"] is not None)
    return True


def has_duplicates(members):
    """Whether a list has a member twice: in JSON, or in a form, where a blank or a comma separates the members."""
    if isinstance(members, str):
        members = members.replace(",", " ").split(" ")
    return len(set(members)) < len(members)


def rightly_refused(case, response):
    """Whether a request in which everything by itself is right was refused for something that no schema can say."""
    error = response.json()
    code, param = error["code"], error["param"]
    query = case.query or {}
    sent = {**query, **(case.body if isinstance(case.body, dict) else {})}.get(param)
    return (
        # The object is in another state; the key came with another request; the log does not have the position; the
        # account has as many endpoints as it may have.
        code in ("precondition_failed", "idempotency_key_reused", "position_expired", "quota_exceeded")
        # A conversation needs a contact or a group.
        or code == "parameter_missing" and param == "contact_id"
        or code == "parameter_invalid"
        and (
            # To JSON Schema 1.0 is a whole number.
            isinstance(sent, float)
            # A position is before another one or after it, and of one order or of the other.
            or param in ("starting_after", "ending_before") and ({"starting_after", "ending_before"} <= query.keys() or "sort" in query or len(sent) != 16)
            # There is no such message in this conversation.
            or param == "pinned_message_id" and sent is not None
            # The host is not public.
            or param == "url"
            # Each may come once.
            or param in ("scopes", "types", "ids") and has_duplicates(sent)
            # Which characters outside of ASCII are invisible or change the direction is said in words.
            or param in ("name", "description") and not sent.isascii()
            # It is over.
            or param == "expires_at" and int(sent) <= time.time()
        )
    )
