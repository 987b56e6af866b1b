"""Connects, lists, searches and reads lineage with the published client; exits 1 where an answer is not what it reads.

Every answer goes through the client's own models, which allow no unknown field, so a shape that has drifted shows here.
Usage: check.py URL, for example http://localhost:8585/api
"""

import base64
import sys
from importlib import import_module

import requests
from metadata.generated.schema.entity.bot import Bot
from metadata.generated.schema.entity.data.table import Table
from metadata.generated.schema.entity.policies.policy import Policy
from metadata.generated.schema.entity.services.connections.metadata.openMetadataConnection import (
    AuthProvider,
    OpenMetadataConnection,
)
from metadata.generated.schema.entity.services.ingestionPipelines.ingestionPipeline import IngestionPipeline
from metadata.generated.schema.entity.teams.user import User
from metadata.generated.schema.events.eventSubscription import EventSubscription
from metadata.generated.schema.security.client.openMetadataJWTClientConfig import OpenMetadataJWTClientConfig
from metadata.ingestion.ometa.ometa_api import OpenMetadata

SCHEMAS = "metadata.generated.schema."
# Answers that the client itself has no method for, and the model that each must fit.
SHAPES = [
    ("v1/system/version", "api.openMetadataServerVersion", "OpenMetadataServerVersion"),
    ("v1/system/status", "system.validationResponse", "SystemValidationResponse"),
    ("v1/permissions/table", "entity.policies.accessControl.resourcePermission", "ResourcePermission"),
    ("v1/lineage/table/name/sample.shop.public.t03", "type.entityLineage", "EntityLineage"),
    ("v1/apps/name/SearchIndexingApplication", "entity.applications.app", "App"),
    ("v1/apps/name/SearchIndexingApplication/runs/latest", "entity.applications.appRunRecord", "AppRunRecord"),
    (
        "v1/services/ingestionPipelines/status",
        "entity.services.ingestionPipelines.pipelineServiceClientResponse",
        "PipelineServiceClientResponse",
    ),
    (
        "v1/events/subscriptions/name/tickets/status/5e7a3f52-9a39-4a0b-8f2b-1b1c6c1f8702",
        "events.subscriptionStatus",
        "SubscriptionStatus",
    ),
    ("v1/events/subscriptions/name/tickets/eventsRecord", "events.api.eventsRecord", "EventSubscriptionEventsRecord"),
]


def main(url: str) -> None:
    password = base64.b64encode(b"admin").decode()
    login = requests.post(f"{url}/v1/users/login", json={"email": "admin@open-metadata.org", "password": password})
    person = {"Authorization": "Bearer " + login.json()["accessToken"]}
    bot = requests.get(f"{url}/v1/users/name/ingestion-bot", headers=person).json()
    token = requests.get(f"{url}/v1/users/token/{bot['id']}", headers=person).json()["JWTToken"]
    # Its constructor compares its own version with the server's and fails when the minors differ.
    client = OpenMetadata(
        OpenMetadataConnection(
            hostPort=url,
            authProvider=AuthProvider.openmetadata,
            securityConfig=OpenMetadataJWTClientConfig(jwtToken=token),
        )
    )
    say("health", client.health_check())
    say("server version", client.get_server_version())

    for model in (Table, User, Bot, Policy, IngestionPipeline, EventSubscription):
        entities = list(client.list_all_entities(model, limit=7))
        assert entities, f"no {model.__name__}"
        say(f"listed {model.__name__}", len(entities))
    table = client.get_by_name(Table, "sample.shop.public.t03")
    assert client.get_by_id(Table, table.id).name.root == "t03"
    found = client.es_search_from_fqn(Table, "sample.shop.public.t03")
    assert found and found[0].name.root == "t03", f"search found {found}"
    say("searched", found[0].fullyQualifiedName.root)
    lineage = client.get_lineage_by_name(Table, "sample.shop.public.t03", up_depth=2, down_depth=1)
    assert len(lineage["upstreamEdges"]) == 2 and len(lineage["downstreamEdges"]) == 1, lineage
    say("lineage", [node["name"] for node in lineage["nodes"]])

    for path, module, name in SHAPES:
        answer = requests.get(f"{url}/{path}", headers=person)
        if answer.status_code == 404 and path.endswith("runs/latest"):
            say(name, "no run yet")
            continue
        answer.raise_for_status()
        getattr(import_module(SCHEMAS + module), name).model_validate(answer.json())
        say(name, "fits")


def say(what: str, answer: object) -> None:
    print(f"{what}: {answer}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
