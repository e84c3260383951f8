"""The lean path: a fitted scikit-learn model's own arithmetic without the ceremony of each call.

``model.predict(frame)`` of one row spends nearly all its time on building the frame, splitting
it, checking it again at each step, and handing work to joblib. A plan is compiled once, when the
service starts, from the fitted object: the same operations, on arrays of the same layout, in the
same order, so that the answer is the same to the last bit. What is not known to be so has no
plan, and rows that a plan does not cover are declined: the caller then asks the model itself.
"""

# Each registers the models that it knows.
from . import columns, encoders, linear, own, scaling, text, trees
from .known import Declined
from .plan import Plan, compile_plan

_ROOMS = (columns, encoders, linear, own, scaling, text, trees)
__all__ = ["Declined", "Plan", "compile_plan"]
