import pytest

from engine.broker.accounts import choose
from engine.config import Broker
from engine.errors import ConnectError


@pytest.mark.parametrize(
    ("settings", "listed", "earlier", "expected"),
    [
        ({}, ["DU1"], "", "DU1"),
        ({"account": "DU2"}, ["DU1", "DU2"], "", "DU2"),
        ({}, ["DU1", "DU2"], "DU2", "DU2"),
        ({"account": "U1", "live": True}, ["U1"], "", "U1"),
        ({"account": "DU1", "live": True}, ["DU1"], "", "DU1"),
    ],
)
def test_one_account_fits(settings, listed, earlier, expected):
    assert choose(Broker(**settings), listed, earlier) == expected


@pytest.mark.parametrize(
    ("settings", "listed", "earlier", "reason"),
    [
        ({}, ["DU1", "DU2"], "", "name one"),
        ({}, [], "", "none"),
        ({"account": "DU3"}, ["DU1"], "", "not among"),
        ({}, ["DU2"], "DU1", "not among"),  # a reconnection to another login
        ({}, ["U1"], "", "live account"),
        ({"live": True}, ["U1"], "", "live account"),
        ({"account": "U1"}, ["U1"], "", "live account"),
    ],
)
def test_no_account_fits(settings, listed, earlier, reason):
    with pytest.raises(ConnectError, match=reason):
        choose(Broker(**settings), listed, earlier)
