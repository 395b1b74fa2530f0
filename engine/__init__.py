"""An event-driven order and position manager for Interactive Brokers.

``from engine import Engine`` is all that an embedding program needs to start; names are loaded
when they are first used, because the broker's library takes a quarter of a second to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.bus import EventBus as EventBus
    from engine.config import Config as Config
    from engine.config import Strategy as Strategy
    from engine.controller import StrategyController as StrategyController
    from engine.controller import StrategyStatus as StrategyStatus
    from engine.daybook import DayResult as DayResult
    from engine.daybook import Excursion as Excursion
    from engine.engine import Engine as Engine
    from engine.events import AlertEvent as AlertEvent
    from engine.events import BaseEvent as BaseEvent
    from engine.events import CancelEvent as CancelEvent
    from engine.events import ContextChangedEvent as ContextChangedEvent
    from engine.events import FillEvent as FillEvent
    from engine.events import FlowThresholdEvent as FlowThresholdEvent
    from engine.events import IndicatorEvent as IndicatorEvent
    from engine.events import MarketEvent as MarketEvent
    from engine.events import NewOrderEvent as NewOrderEvent
    from engine.events import OptionsFlowEvent as OptionsFlowEvent
    from engine.events import OrderEvent as OrderEvent
    from engine.events import OrderGroupEvent as OrderGroupEvent
    from engine.events import OrderStatusEvent as OrderStatusEvent
    from engine.events import PositionCloseEvent as PositionCloseEvent
    from engine.events import PositionEvent as PositionEvent
    from engine.events import PositionOpenEvent as PositionOpenEvent
    from engine.events import PositionUpdateEvent as PositionUpdateEvent
    from engine.events import PredictionSignalEvent as PredictionSignalEvent
    from engine.events import PriceEvent as PriceEvent
    from engine.events import ReconciledEvent as ReconciledEvent
    from engine.events import RefusalEvent as RefusalEvent
    from engine.events import RejectEvent as RejectEvent
    from engine.events import SessionChangedEvent as SessionChangedEvent
    from engine.events import TradeEvent as TradeEvent
    from engine.events import TradingHaltedEvent as TradingHaltedEvent
    from engine.events import TradingResumedEvent as TradingResumedEvent
    from engine.events import VolumeEvent as VolumeEvent
    from engine.handles import BracketOrder as BracketOrder
    from engine.handles import OCOGroup as OCOGroup
    from engine.handles import Order as Order
    from engine.handles import OrderGroup as OrderGroup
    from engine.holdings import Holding as Holding
    from engine.order_manager import OrderManager as OrderManager
    from engine.plans import Distance as Distance
    from engine.plans import DoubleDown as DoubleDown
    from engine.plans import EntryOrder as EntryOrder
    from engine.plans import ScaleIn as ScaleIn
    from engine.plans import Sizing as Sizing
    from engine.plans import Target as Target
    from engine.plans import Trade as Trade
    from engine.positions import Position as Position
    from engine.rule_engine import Pace as Pace
    from engine.rule_engine import RuleEngine as RuleEngine
    from engine.rule_engine import RuleView as RuleView
    from engine.rules import ActionSequence as ActionSequence
    from engine.rules import AdjustPositionAction as AdjustPositionAction
    from engine.rules import AndCondition as AndCondition
    from engine.rules import CancelOrderAction as CancelOrderAction
    from engine.rules import ClosePositionAction as ClosePositionAction
    from engine.rules import Comparison as Comparison
    from engine.rules import CreateBracketOrderAction as CreateBracketOrderAction
    from engine.rules import CreateOrderAction as CreateOrderAction
    from engine.rules import EventCondition as EventCondition
    from engine.rules import IndicatorCondition as IndicatorCondition
    from engine.rules import LinkedCloseAllAction as LinkedCloseAllAction
    from engine.rules import LinkedCreateOrderAction as LinkedCreateOrderAction
    from engine.rules import LinkedDoubleDownAction as LinkedDoubleDownAction
    from engine.rules import LinkedScaleInAction as LinkedScaleInAction
    from engine.rules import LogAction as LogAction
    from engine.rules import MarketCondition as MarketCondition
    from engine.rules import NotCondition as NotCondition
    from engine.rules import OrCondition as OrCondition
    from engine.rules import PositionCondition as PositionCondition
    from engine.rules import Rule as Rule
    from engine.rules import SessionCondition as SessionCondition
    from engine.rules import StrategyBuilder as StrategyBuilder
    from engine.rules import TimeCondition as TimeCondition
    from engine.rules import create_buy_rule as create_buy_rule
    from engine.rules import create_eod_close_rule as create_eod_close_rule
    from engine.rules import create_scale_in_rule as create_scale_in_rule
    from engine.rules import create_sell_rule as create_sell_rule
    from engine.rules import create_short_rule as create_short_rule
    from engine.rules import pattern_rules as pattern_rules
    from engine.settings_text import to_toml as to_toml
    from engine.signals.monitor import OptionsFlowMonitor as OptionsFlowMonitor
    from engine.tracker import PositionTotal as PositionTotal
    from engine.tracker import PositionTracker as PositionTracker
    from engine.tracker import StockPosition as StockPosition
    from engine.view import EngineView as EngineView
    from engine.view import GroupView as GroupView
    from engine.view import OrderView as OrderView
    from engine.view import Resting as Resting
    from engine.view import SymbolView as SymbolView

_HOMES = {
    "engine.bus": ("EventBus",),
    "engine.config": ("Config", "Strategy"),
    "engine.controller": ("StrategyController", "StrategyStatus"),
    "engine.daybook": ("DayResult", "Excursion"),
    "engine.engine": ("Engine",),
    "engine.handles": ("BracketOrder", "OCOGroup", "Order", "OrderGroup"),
    "engine.holdings": ("Holding",),
    "engine.order_manager": ("OrderManager",),
    "engine.plans": (
        "Distance",
        "DoubleDown",
        "EntryOrder",
        "ScaleIn",
        "Sizing",
        "Target",
        "Trade",
    ),
    "engine.positions": ("Position",),
    "engine.rule_engine": ("Pace", "RuleEngine", "RuleView"),
    "engine.tracker": ("PositionTracker", "StockPosition", "PositionTotal"),
    "engine.view": ("EngineView", "GroupView", "OrderView", "Resting", "SymbolView"),
    "engine.rules": (
        *("Rule", "StrategyBuilder", "pattern_rules", "create_buy_rule", "create_sell_rule"),
        *("create_short_rule", "create_scale_in_rule", "create_eod_close_rule"),
        *("EventCondition", "PositionCondition", "TimeCondition", "SessionCondition"),
        *(
            "MarketCondition",
            "IndicatorCondition",
            "AndCondition",
            "OrCondition",
            "NotCondition",
            "Comparison",
        ),
        *("LinkedCreateOrderAction", "LinkedScaleInAction", "LinkedDoubleDownAction"),
        *("LinkedCloseAllAction", "ClosePositionAction", "AdjustPositionAction"),
        *("CreateOrderAction", "CreateBracketOrderAction", "CancelOrderAction", "LogAction"),
        "ActionSequence",
    ),
    "engine.settings_text": ("to_toml",),
    "engine.signals.monitor": ("OptionsFlowMonitor",),
    "engine.events": (
        *("BaseEvent", "MarketEvent", "PriceEvent", "VolumeEvent", "IndicatorEvent"),
        *("OrderEvent", "NewOrderEvent", "OrderStatusEvent", "FillEvent", "CancelEvent"),
        *("RejectEvent", "OrderGroupEvent", "PositionEvent", "PositionOpenEvent"),
        *("PositionUpdateEvent", "PositionCloseEvent", "OptionsFlowEvent"),
        *("PredictionSignalEvent", "FlowThresholdEvent", "RefusalEvent"),
        *("ContextChangedEvent", "SessionChangedEvent", "ReconciledEvent"),
        *("AlertEvent", "TradeEvent", "TradingHaltedEvent", "TradingResumedEvent"),
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'engine' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(_HOME_OF)
