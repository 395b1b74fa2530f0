"""The question what the account is worth, on one connection.

The subscription of the account tells only what has changed. A summary tells everything that was
asked for and then its end; it is given up there, because it would go on by itself, and TWS allows
a client no more than two. The subscription is left alone meanwhile: TWS allows all clients
together only one account, and another client could take its place.
"""

from __future__ import annotations

from engine.broker.inbound import AccountNotice, AccountTold
from engine.broker.requests import Requests
from engine.broker.sync import RequestIds
from engine.inputs import ACCOUNT_KEYS, AccountReported, AccountValue, Input


class AccountQuestion:
    def __init__(self, requests: Requests, ids: RequestIds) -> None:
        self._requests = requests
        self._ids = ids
        self._asked_id = 0  # of the question without its end; 0: there is none
        self._told: list[AccountValue] = []

    def ask(self) -> list[bytes]:
        """The frames that ask. An older question that has not ended is given up."""
        frames = self._give_up()
        self._asked_id = self._ids.take()
        self._told = []
        return [*frames, self._requests.account_summary(self._asked_id)]

    def heard(self, notice: AccountNotice, account: str) -> tuple[list[bytes], list[Input]]:
        """Frames to send, and what was told of ``account`` once it is complete. An answer that
        does not name it says nothing of it."""
        if notice.request_id != self._asked_id:
            return [], []
        if isinstance(notice, AccountTold):
            if notice.account == account and notice.value.key in ACCOUNT_KEYS:
                self._told.append(notice.value)
            return [], []
        told: list[Input] = [AccountReported(account, tuple(self._told))] if self._told else []
        return self._give_up(), told

    def _give_up(self) -> list[bytes]:
        asked_id, self._asked_id = self._asked_id, 0
        return [self._requests.cancel_account_summary(asked_id)] if asked_id else []
