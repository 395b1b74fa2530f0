"""The lifecycles: charts of pure topology, and the integer tables that run them.

``vocabulary`` names the states and events, ``order``, ``context``, ``bracket``, ``oco`` and
``session`` are the charts, ``lower`` makes tables of them, ``diagram`` draws them. Importing the
package imports none of these: the vocabulary alone costs nothing.
"""
