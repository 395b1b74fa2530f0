import pytest

from engine.broker.upstream import Upstream


def test_a_loss_is_told_once_whatever_it_repeats():
    upstream = Upstream()
    assert upstream.heard(1100, "lost") == "lost"
    assert upstream.heard(1100, "lost") is None
    assert upstream.heard(2110, "lost") is None


@pytest.mark.parametrize("code", [1101, 1102])
def test_restored_codes_count_even_without_a_loss(code):
    assert Upstream().heard(code, "") == "restored"


def test_only_2110_is_closed_by_a_farm():
    upstream = Upstream()
    upstream.heard(1100, "")
    assert upstream.heard(2104, "Market data farm connection is OK:usfarm") is None
    upstream.heard(2110, "")
    assert upstream.heard(2106, "HMDS data farm connection is OK:ushmds") == "restored"
    assert upstream.farms == {"usfarm": True, "ushmds": True}


def test_data_prove_only_what_came_after_a_whole_heartbeat():
    upstream = Upstream()
    assert not upstream.proven(5)
    upstream.heard(1100, "")
    assert not upstream.proven(9)  # may have lain in buffers
    assert not upstream.proven(9)
    assert upstream.proven(10)
    assert not upstream.proven(11)


@pytest.mark.parametrize("code", [201, 354, 2107, 2119, 0])
def test_other_codes_change_nothing(code):
    assert Upstream().heard(code, "text") is None


def test_only_market_data_farms_count_for_market_data():
    upstream = Upstream()
    assert upstream.data_farms_ok
    upstream.heard(2105, "HMDS data farm connection is broken:ushmds")
    upstream.heard(2157, "Sec-def data farm connection is broken:secdefnj")
    assert upstream.data_farms_ok
    upstream.heard(2103, "Market data farm connection is broken:usfarm")
    assert not upstream.data_farms_ok
