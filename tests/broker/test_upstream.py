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


BROKEN = "Market data farm connection is broken:"
IDLE = "Market data farm connection is inactive but should be available upon demand."
RESTORED = "Connectivity between IBKR and Trader Workstation has been restored - data maintained."


def with_broken(*farms):
    upstream = Upstream()
    for farm in farms:
        upstream.heard(2103, f"{BROKEN}{farm}")
    return upstream


@pytest.mark.parametrize("farm", ["eufarm", "usfarm.nj"])
def test_a_farm_that_nobody_needs_any_more_is_not_broken(farm):
    """After the nightly reset those without a subscription become idle, and never OK."""
    upstream = with_broken(farm)
    assert upstream.heard(2108, f"{IDLE}{farm}") is None
    assert upstream.data_farms_ok
    upstream.heard(2108, f"{IDLE}jfarm")
    assert upstream.farms == {farm: True, "jfarm": True}


def test_what_is_idle_does_not_close_what_only_a_farm_that_works_closes():
    upstream = Upstream()
    upstream.heard(2110, "")
    assert upstream.heard(2108, f"{IDLE}eufarm") is None
    assert upstream.lost


@pytest.mark.parametrize("code", [1101, 1102])
def test_a_restored_link_says_which_farms_work_and_they_may_not_say_it_again(code):
    upstream = with_broken("usfarm.nj", "cashfarm")
    told = f"{RESTORED} All data farms are connected: eufarmnj; usfarm.nj; ushmds; secdefnj."
    assert upstream.heard(code, told) == "restored"
    assert upstream.data_farms_ok  # all of them, also the one that is not needed any more


def test_a_restored_link_says_which_farms_do_not_work():
    upstream = with_broken("usfarm", "cashfarm")
    told = (
        f"{RESTORED} The following farms are connected: usfarm; ushmds. "
        "The following farms are not connected: cashfarm; usopt."
    )
    upstream.heard(1102, told)
    expected = {"usfarm": True, "ushmds": True, "cashfarm": False, "usopt": False}
    assert upstream.farms == expected


def test_a_restored_link_that_names_no_farms_leaves_them_as_they_were():
    upstream = with_broken("usfarm")
    upstream.heard(1102, RESTORED)
    assert not upstream.data_farms_ok
    upstream.heard(2104, "Market data farm connection is OK:usfarm")
    assert upstream.data_farms_ok
