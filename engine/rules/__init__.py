"""Rules as data: when something is to happen, what, and how often.

A rule is a frozen record that a program, a TOML file and the journal can hold; the core asks it
about what happens and does what it says. Nothing here acts.
"""

from engine.rules.actions import (
    Action,
    ActionSequence,
    AdjustPositionAction,
    CancelOrderAction,
    ClosePositionAction,
    CreateBracketOrderAction,
    CreateOrderAction,
    LinkedCloseAllAction,
    LinkedCreateOrderAction,
    LinkedDoubleDownAction,
    LinkedScaleInAction,
    LogAction,
    opens,
    steps,
)
from engine.rules.comparisons import (
    Comparison,
)
from engine.rules.conditions import (
    AndCondition,
    Condition,
    EventCondition,
    IndicatorCondition,
    Leaf,
    MarketCondition,
    NotCondition,
    OrCondition,
    PositionCondition,
    SessionCondition,
    TimeCondition,
    Triggers,
    leaves_of,
    parts_of,
)
from engine.rules.expression import from_expression
from engine.rules.indicators import WATCHED, Indicator, read_indicator
from engine.rules.judging import (
    Scene,
    closing_from_ns,
    concerns,
    failing,
    next_start_ns,
    profit_watches,
)
from engine.rules.readings import lacking
from engine.rules.rule import (
    SYMBOL_COOLDOWN,
    Rule,
    check_rules,
    concerned,
    from_json,
    from_plain,
    ordered,
    register,
    to_json,
    triggers,
)
from engine.rules.strategy import (
    Pattern,
    StrategyBuilder,
    pattern_rules,
)
from engine.rules.templates import (
    create_buy_rule,
    create_eod_close_rule,
    create_scale_in_rule,
    create_sell_rule,
    create_short_rule,
)
from engine.rules.tokens import ExpressionError
from engine.rules.wording import to_expression

__all__ = [
    "SYMBOL_COOLDOWN",
    "WATCHED",
    "Action",
    "ActionSequence",
    "AdjustPositionAction",
    "AndCondition",
    "CancelOrderAction",
    "ClosePositionAction",
    "Comparison",
    "Condition",
    "CreateBracketOrderAction",
    "CreateOrderAction",
    "EventCondition",
    "ExpressionError",
    "Indicator",
    "IndicatorCondition",
    "Leaf",
    "LinkedCloseAllAction",
    "LinkedCreateOrderAction",
    "LinkedDoubleDownAction",
    "LinkedScaleInAction",
    "LogAction",
    "MarketCondition",
    "NotCondition",
    "OrCondition",
    "Pattern",
    "PositionCondition",
    "Rule",
    "Scene",
    "SessionCondition",
    "StrategyBuilder",
    "TimeCondition",
    "Triggers",
    "check_rules",
    "closing_from_ns",
    "concerned",
    "concerns",
    "create_buy_rule",
    "create_eod_close_rule",
    "create_scale_in_rule",
    "create_sell_rule",
    "create_short_rule",
    "failing",
    "from_expression",
    "from_json",
    "from_plain",
    "lacking",
    "leaves_of",
    "next_start_ns",
    "opens",
    "ordered",
    "parts_of",
    "pattern_rules",
    "profit_watches",
    "read_indicator",
    "register",
    "steps",
    "to_expression",
    "to_json",
    "triggers",
]
