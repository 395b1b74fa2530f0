"""Which account to trade: the last look before real money."""

from __future__ import annotations

from collections.abc import Sequence

from engine.config import Broker
from engine.errors import ConnectError


def choose(broker: Broker, listed: Sequence[str], earlier: str = "") -> str:
    """The account of this session, out of those that the login lists. ``earlier`` is the one of
    the connection before: a reconnection never changes accounts.

    Raises:
        ConnectError: none or several fit, or it is a live account and the configuration does
            not say so in both places.
    """
    wanted = broker.account or earlier
    if not wanted and len(listed) != 1:
        raise ConnectError(
            f"this login has the accounts {', '.join(listed) or '(none)'}: "
            "name one of them as broker.account"
        )
    account = wanted or listed[0]
    if account not in listed:
        raise ConnectError(
            f"account {account} is not among the accounts of this login "
            f"({', '.join(listed) or 'none'}): correct broker.account, or log in as its owner"
        )
    # Accounts of paper trading begin with D (DU, DF); everything else is real money.
    if not account.startswith("D") and not (broker.live and broker.account):
        raise ConnectError(
            f"{account} is a live account: set broker.live = true and "
            f'broker.account = "{account}" if real money is meant'
        )
    return account
