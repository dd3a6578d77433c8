"""Ids of ARM: taken apart and put together, equal whatever their case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azdeploy.arm.resource_id import ResourceId, parse

TYPE = "Microsoft.ContainerInstance/containerGroups"
PART = st.text("abcXYZ012-_.", min_size=1, max_size=8)
IDS = (
    st.builds(ResourceId, subscription=PART)
    | st.builds(ResourceId, subscription=PART, resource_group=PART)
    | st.builds(
        ResourceId,
        subscription=PART,
        resource_group=PART | st.just(""),
        type=st.just(TYPE),
        name=PART,
        child=st.just("") | st.builds("{}/{}".format, PART, PART),
    )
)


@given(IDS)
def test_an_id_survives_text_and_back_in_any_case(known: ResourceId) -> None:
    assert parse(str(known)) == known
    assert str(parse(str(known))) == str(known)
    assert parse(str(known).upper()) == known
    assert hash(parse(str(known).lower())) == hash(known)


def test_the_parts_of_an_id() -> None:
    found = parse(f"/subscriptions/S/resourcegroups/RG/providers/{TYPE}/web/containers/c/logs")
    assert (found.subscription, found.resource_group, found.type) == ("S", "RG", TYPE)
    assert (found.name, found.child) == ("web", "containers/c/logs")
    assert str(found.group) == "/subscriptions/S/resourceGroups/RG"
    assert str(found.group.resource(TYPE, "other")) == f"/subscriptions/S/resourceGroups/RG/providers/{TYPE}/other"


def test_a_double_slash_and_one_at_the_end_do_not_matter() -> None:
    text = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ContainerInstance//containerGroups/web/"
    assert parse(text) == ResourceId(subscription="s", resource_group="rg", type=TYPE, name="web")


def test_ids_differ_from_others_and_from_texts() -> None:
    assert ResourceId(subscription="s") != ResourceId(subscription="t")
    assert ResourceId(subscription="s") != "/subscriptions/s"


@pytest.mark.parametrize("text", ["", "web", "/subscriptions/", "/resourceGroups/rg", "/subscriptions/s/providers/x"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no resource id"):
        parse(text)
