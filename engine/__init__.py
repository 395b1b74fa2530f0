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
    from engine.events import RefusalEvent as RefusalEvent
    from engine.events import RejectEvent as RejectEvent
    from engine.events import SessionChangedEvent as SessionChangedEvent
    from engine.events import TradeEvent as TradeEvent
    from engine.events import VolumeEvent as VolumeEvent
    from engine.handles import BracketOrder as BracketOrder
    from engine.handles import OCOGroup as OCOGroup
    from engine.handles import OrderGroup as OrderGroup
    from engine.order_manager import OrderManager as OrderManager
    from engine.positions import Position as Position
    from engine.signals.monitor import OptionsFlowMonitor as OptionsFlowMonitor
    from engine.tracker import Excursion as Excursion
    from engine.tracker import PositionTracker as PositionTracker
    from engine.tracker import StockPosition as StockPosition
    from engine.view import EngineView as EngineView
    from engine.view import OrderView as OrderView
    from engine.view import SymbolView as SymbolView

_HOMES = {
    "engine.bus": ("EventBus",),
    "engine.config": ("Config",),
    "engine.engine": ("Engine",),
    "engine.handles": ("BracketOrder", "OCOGroup", "OrderGroup"),
    "engine.order_manager": ("OrderManager",),
    "engine.positions": ("Position",),
    "engine.signals.monitor": ("OptionsFlowMonitor",),
    "engine.tracker": ("Excursion", "PositionTracker", "StockPosition"),
    "engine.view": ("EngineView", "OrderView", "SymbolView"),
    "engine.events": (
        *("BaseEvent", "MarketEvent", "PriceEvent", "VolumeEvent", "IndicatorEvent"),
        *("OrderEvent", "NewOrderEvent", "OrderStatusEvent", "FillEvent", "CancelEvent"),
        *("RejectEvent", "OrderGroupEvent", "PositionEvent", "PositionOpenEvent"),
        *("PositionUpdateEvent", "PositionCloseEvent", "OptionsFlowEvent"),
        *("PredictionSignalEvent", "FlowThresholdEvent", "RefusalEvent"),
        *("ContextChangedEvent", "SessionChangedEvent", "AlertEvent", "TradeEvent"),
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
