"""What is done to one resource, and the reasons that are given for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from small_stacks import STACK, existing, group, salt, stack

from azdeploy.definitions.container_group import (
    Container,
    ContainerGroup,
    Gpu,
    GpuSku,
    ImageRegistryCredential,
    OsType,
    ResourceRequests,
    Resources,
    RestartPolicy,
    Sku,
    SubnetId,
)
from azdeploy.definitions.secret import Secret, digest
from azdeploy.definitions.stack import DEPENDS_ON_TAG, SECRETS_TAG, STACK_TAG
from azdeploy.errors import OwnershipError
from azdeploy.planning import compare
from azdeploy.planning.compare import Known
from azdeploy.planning.plan import Action, Change, Existing, PropertyChange, State

ENDED = "it has run to its end, and Azure does not update such a group"


def compared(
    template: ContainerGroup, before: Existing | None, outputs: Mapping[str, Mapping[str, str]] | None = None
) -> Change:
    return compare.change(template, before, Known(stack=stack(template), new_salt=salt, outputs=outputs or {}))


def deployed(template: ContainerGroup, **more: Any) -> Existing:
    """Return what exists once the template, whose outputs need nothing, is deployed."""
    after = compared(template, None).after
    assert after
    return existing(after, **more)


def with_resources(**requests: Any) -> ContainerGroup:
    return replace(
        group("web"),
        containers=[Container(name="web", image="i", resources=Resources(requests=ResourceRequests(**requests)))],
    )


def test_what_does_not_exist_is_created_as_the_stacks_own() -> None:
    change = compared(group("web", "db", "cache", tags={"team": "blue"}), None)
    assert (change.action, change.before, change.reasons) == (Action.CREATE, None, ("it does not exist yet",))
    assert change.after
    assert change.after.tags == {"team": "blue", STACK_TAG: STACK, DEPENDS_ON_TAG: "cache,db"}
    assert change.after.location == "westus"


def test_what_is_deployed_already_needs_nothing() -> None:
    change = compared(group("web"), deployed(group("web")))
    assert (change.action, change.properties, change.reasons) == (Action.NOOP, (), ())


@pytest.mark.parametrize("state", [State.RUNNING, State.STOPPED, State.CHANGING])
def test_another_image_is_an_update_in_place(state: State) -> None:
    change = compared(group("web", image="image:2"), deployed(group("web"), state=state))
    assert change.action is Action.UPDATE
    assert change.properties == (PropertyChange("containers[web].image", "image:1", "image:2"),)


def test_tags_alone_are_only_tagged() -> None:
    change = compared(group("web", tags={"team": "red"}), deployed(group("web", tags={"team": "blue"})))
    assert (change.action, change.properties) == (Action.TAG, (PropertyChange("tags[team]", "blue", "red"),))


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        (group("web"), group("web", os_type=OsType.WINDOWS), "os_type"),
        (group("web"), group("web", restart_policy=RestartPolicy.NEVER), "restart_policy"),
        (with_resources(cpu=1), with_resources(cpu=2), "containers[web].resources.requests.cpu"),
        (with_resources(), with_resources(memory_in_gb=4), "containers[web].resources.requests.memory_in_gb"),
        (
            with_resources(),
            with_resources(gpu=Gpu(count=1, sku=GpuSku.K80)),
            "containers[web].resources.requests.gpu",
        ),
        (group("web"), group("web", subnet_ids=[SubnetId(id="one")]), "subnet_ids[one]"),
        (group("web"), group("web", zones=["1"]), "zones"),
        (group("web"), group("web", sku=Sku.DEDICATED), "sku"),
        (group("web"), group("web", location="eastus"), "location"),
    ],
)
def test_what_azure_cannot_change_in_place_is_replaced(
    before: ContainerGroup, after: ContainerGroup, path: str
) -> None:
    change = compared(after, deployed(before))
    assert change.action is Action.REPLACE
    assert change.reasons == (f"{path} cannot be changed in place",)


def test_another_container_beside_the_first_is_an_update() -> None:
    web = group("web")
    more = replace(web, containers=[*web.containers, Container(name="side", image="i")])
    assert compared(more, deployed(web)).action is Action.UPDATE
    assert compared(web, deployed(more)).action is Action.UPDATE


@pytest.mark.parametrize(
    ("state", "image", "action", "reasons"),
    [
        (State.TERMINATED, "image:1", Action.NOOP, ("it has run to its end, and nothing about it changed",)),
        (State.TERMINATED, "image:2", Action.REPLACE, (ENDED,)),
        (State.FAILED, "image:1", Action.REPLACE, ("its last deployment failed",)),
        (State.STOPPED, "image:1", Action.UPDATE, ("it is stopped, and deploying starts it",)),
        (State.STOPPED, "image:2", Action.UPDATE, ("it is stopped, and deploying starts it",)),
        (State.FAILED, "image:2", Action.REPLACE, ("its last deployment failed",)),
    ],
)
def test_what_ended_or_failed_is_never_updated(state: State, image: str, action: Action, reasons: tuple) -> None:
    change = compared(group("web", image=image), deployed(group("web"), state=state))
    assert (change.action, change.reasons) == (action, reasons)


def test_tags_of_what_ended_are_still_only_tags() -> None:
    change = compared(group("web", tags={"a": "b"}), deployed(group("web"), state=State.TERMINATED))
    assert change.action is Action.TAG


@pytest.mark.parametrize(("owner", "told"), [("other", "belongs to stack other"), (None, "carries no stack's tag")])
def test_what_somebody_else_made_is_refused_by_name(owner: str | None, told: str) -> None:
    with pytest.raises(OwnershipError, match=f"web exists already and {told}"):
        compared(group("web"), existing(group("web"), owner=owner))


class TestReferences:
    SERVER = "http://${server.ip}:${server.port}"

    def client(self, url: str = SERVER) -> ContainerGroup:
        return group("client", env={"URL": url})

    def before(self, url: str) -> Existing:
        tags = {STACK_TAG: STACK, DEPENDS_ON_TAG: "server"}
        return existing(group("client", env={"URL": url}, tags=tags))

    def test_they_stay_text_until_they_are_known(self) -> None:
        after = compared(self.client(), None).after
        assert after
        assert after.containers[0].environment_variables["URL"] == self.SERVER

    def test_a_moved_address_is_an_update_that_names_the_old_and_the_new_one(self) -> None:
        outputs = {"server": {"ip": "127.0.0.9", "port": "80"}}
        change = compared(self.client(), self.before("http://127.0.0.8:80"), outputs)
        assert change.action is Action.UPDATE
        assert change.reasons == ("server.ip is now 127.0.0.9, was 127.0.0.8",)

    def test_an_address_that_stayed_changes_nothing(self) -> None:
        outputs = {"server": {"ip": "127.0.0.8", "port": "80"}}
        assert compared(self.client(), self.before("http://127.0.0.8:80"), outputs).action is Action.NOOP

    def test_an_address_that_is_not_known_yet_names_the_one_it_was(self) -> None:
        change = compared(self.client(), self.before("http://127.0.0.8:80"))
        assert change.reasons == ("server.ip is not known yet, was 127.0.0.8", "server.port is not known yet, was 80")

    def test_a_text_that_never_came_of_the_template_tells_no_old_address(self) -> None:
        change = compared(self.client(), self.before("elsewhere"), {"server": {"ip": "127.0.0.9", "port": "80"}})
        assert (change.action, change.reasons) == (Action.UPDATE, ())

    def test_addresses_in_a_command_are_named_too(self) -> None:
        def client(command: list[str], **tags: str) -> ContainerGroup:
            return ContainerGroup(name="c", containers=[Container(name="c", image="i", command=command)], tags=tags)

        was = existing(client(["connect", "10.0.0.1"], **{DEPENDS_ON_TAG: "server"}))
        outputs = {"server": {"ip": "10.0.0.2"}}
        assert compared(client(["connect", "${server.ip}"]), was, outputs).reasons == (
            "server.ip is now 10.0.0.2, was 10.0.0.1",
        )
        assert compared(client(["connect", "to", "${server.ip}"]), was, outputs).reasons == ()

    def test_literals_are_compared_as_they_are_sent(self) -> None:
        assert compared(group("a", env={"X": "$${b.ip}"}), existing(group("a", env={"X": "${b.ip}"}))).action is (
            Action.NOOP
        )


class TestSecrets:
    def with_secret(self, value: str, **more: Any) -> ContainerGroup:
        return group("web", env={"KEY": Secret(value)}, **more)

    def test_a_digest_of_them_is_kept_in_a_tag(self) -> None:
        after = compared(self.with_secret("one"), None).after
        assert after
        assert after.tags[SECRETS_TAG] == digest({"containers[web].environment_variables[KEY]": "one"}, salt())

    def test_the_same_ones_change_nothing_whatever_the_salt(self) -> None:
        known = Known(stack=stack(self.with_secret("one")), new_salt=lambda: b"another salt....")
        change = compare.change(self.with_secret("one"), deployed(self.with_secret("one")), known)
        assert change.action is Action.NOOP

    def test_another_value_is_one_masked_change_at_its_path(self) -> None:
        change = compared(self.with_secret("two"), deployed(self.with_secret("one")))
        path = "containers[web].environment_variables[KEY]"
        assert change.action is Action.UPDATE
        assert change.properties == (PropertyChange(path, Secret("***"), Secret("***")),)

    def test_a_change_of_one_among_several_is_told_as_the_secrets(self) -> None:
        def web(password: str) -> ContainerGroup:
            return self.with_secret(
                "one", image_registry_credentials=[ImageRegistryCredential(server="r", password=Secret(password))]
            )

        change = compared(web("b"), deployed(web("a")))
        assert change.properties == (PropertyChange("secrets", Secret("***"), Secret("***")),)

    def test_one_that_the_service_hides_is_seen_coming_and_going(self) -> None:
        def web(password: Secret | None) -> ContainerGroup:
            return group("web", image_registry_credentials=[ImageRegistryCredential(server="r", password=password)])

        hidden = deployed(web(Secret("a")))
        hidden = replace(hidden, definition=replace(web(None), tags=hidden.definition.tags, location="westus"))
        assert compared(web(None), hidden).properties == (PropertyChange("secrets", Secret("***"), None),)
        path = "image_registry_credentials[r].password"
        assert compared(web(Secret("a")), deployed(web(None))).properties == (
            PropertyChange(path, None, Secret("***")),
        )
        assert compared(web(Secret("a")), hidden).action is Action.NOOP

    def test_one_that_comes_by_name_is_told_once(self) -> None:
        change = compared(self.with_secret("one"), deployed(group("web")))
        assert [one.path for one in change.properties] == ["containers[web].environment_variables[KEY]"]

    def test_tags_beside_the_same_secrets_are_only_tagged(self) -> None:
        change = compared(self.with_secret("one", tags={"a": "b"}), deployed(self.with_secret("one")))
        assert change.action is Action.TAG


class TestOutputsKept:
    def test_by_what_stays_or_is_updated_elsewhere(self) -> None:
        before = deployed(group("web"))
        assert compare.outputs_kept(compared(group("web"), before)) == before.outputs
        assert compare.outputs_kept(compared(group("web", image="image:2"), before)) == before.outputs

    def test_not_by_what_is_created_replaced_deleted_or_gets_another_address(self) -> None:
        before = deployed(group("web"))
        changes = [
            compared(group("web"), None),
            compared(group("web", zones=["1"]), before),
            compare.removal(before),
            compared(group("web", ip_address=None), before),
        ]
        assert [change.action for change in changes] == [
            Action.CREATE,
            Action.REPLACE,
            Action.DELETE,
            Action.UPDATE,
        ]
        declared = {"port": "80"}
        assert [compare.outputs_kept(change) for change in changes] == [declared, declared, {}, {}]

    def test_a_stopped_group_keeps_only_what_its_definition_declares(self) -> None:
        before = deployed(group("web"), state=State.STOPPED)
        assert compare.outputs_kept(compared(group("web"), before)) == {"port": "80"}
